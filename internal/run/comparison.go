package run

import (
	"time"

	"example.com/contend/internal/measure"
	"example.com/contend/internal/store"
)

// A Comparison is what `contend compare` adds to a run: the ladder of fixes,
// rung by rung, and what it comes to. Everything in it follows from the
// evidence of the run's one experiment, whose arms are the rungs.
type Comparison struct {
	Nodes   int       `json:"nodes"`
	Rate    float64   `json:"rate_per_s"` // the writes a second that are asked about; 0: none
	Asks    string    `json:"workload"`   // what arrives at rates: "counter"
	Expect  string    `json:"expect"`     // the target, as it was asked for: "p99<100ms,errors<0.1%"
	Decides bool      `json:"decides"`    // Expect was asked for: that nothing meets it is a surprise
	Met     bool      `json:"met"`        // a rung that loses nothing surely meets the target at Rate or, without one, at some rate
	Open    bool      `json:"open"`       // Met is false and may be wrong: loads disagree, were too few, or were not sent
	Quick   bool      `json:"quick"`      // it was asked for shortly: nothing tells which rung is faster
	Lasts   float64   `json:"lasts_s"`    // of each load, in seconds
	Rungs   []Rung    `json:"rungs"`      // in the order of the ladder
	Servers []Server  `json:"servers"`    // the database servers that rungs ran on
	Missing []Missing `json:"missing"`
	Advice  []Advice  `json:"advice"`
}

// A Server is a database server, or a cluster of them, that rungs run on.
type Server struct {
	Name  string `json:"name"`  // the first part of its rungs' names: "postgres"
	Label string `json:"label"` // "PostgreSQL 15.18"
	Says  string `json:"says"`  // of itself, in a sentence: its isolation, its replicas
	Given bool   `json:"given"` // somebody else started it, so it cannot be killed
}

// A Rung is one way to share the data, and what came of it.
type Rung struct {
	Name    string     `json:"name"`             // its arm's: "queue"
	Server  string     `json:"server,omitempty"` // label of the database server, one of Comparison.Servers: "PostgreSQL 15.18"; empty: the nodes share a file
	Title   string     `json:"title"`            // in a few words, without the server: "+ queue"
	Called  string     `json:"-"`                // the title in a sentence, behind the server's label: "queue"; it is not stored
	Means   string     `json:"means"`            // in a sentence: what is done
	Engine  string     `json:"engine"`           // what it ran on: "SQLite 3.54.1", "PostgreSQL 15.18"
	Kind    string     `json:"-"`                // the engine's name alone: "SQLite"; it is not stored
	Careful bool       `json:"careful"`          // the read and the write are one transaction or one statement, so nothing may be lost
	Pools   []PoolStep `json:"pools"`            // of the searches for the pool that serves it best: workload by workload, by pool
	Figures []Figures  `json:"figures"`          // of closed loops: one for each workload and number of clients, in order
	Asked   *RateStep  `json:"asked"`            // at Comparison.Rate; null where that was not sent
	Rates   []RateStep `json:"rates"`            // of the search for the highest rate that meets the target, by rate
	// Highest is the highest rate that met the target in most of its loads, with no lower one that did
	// not; 0 where none was.
	Highest  float64    `json:"highest_rate_per_s"`
	Between  *Between   `json:"highest_rate_between"` // null where the loads do not tell
	Survives []Survival `json:"survives"`
	Lines    *Lines     `json:"lines"` // null where it is not known
}

// String returns the title behind the label of the server: "PostgreSQL 15.18: naive".
func (r *Rung) String() string {
	if r.Server == "" {
		return r.Title
	}
	return r.Server + ": " + r.Title
}

// Between says where the highest rate lies that meets the target in most loads, in requests a second: from
// Low to below High, each with a chance of [measure.Confident] at least.
type Between struct {
	Low  float64  `json:"low"`  // it surely met the target
	High *float64 `json:"high"` // it surely missed it; null where no tried rate did
}

// Overlaps reports whether the two have a rate in common, so that neither is surely higher.
func (b *Between) Overlaps(c *Between) bool {
	return (b.High == nil || c.Low < *b.High) && (c.High == nil || b.Low < *c.High)
}

// A PoolStep is what came of a short closed loop with a number of connections.
type PoolStep struct {
	Workload string  `json:"workload"`
	Clients  int     `json:"clients"`
	Pool     int     `json:"pool"` // connections of each node
	Trial    string  `json:"trial"`
	Rate     float64 `json:"throughput_per_s"` // ok ops
}

// Figures are what came of a closed loop of clients, in one workload, in all its repeats together.
type Figures struct {
	Workload  string            `json:"workload"` // "counter"
	Clients   int               `json:"clients"`
	Pool      int               `json:"pool"`  // connections of each node
	Trial     string            `json:"trial"` // of the arm: where the rest is
	OK        int               `json:"ok"`
	Refused   int               `json:"refused"` // certainly without effect, at a node or its database
	Unknown   int               `json:"unknown"`
	Unreached int               `json:"unreached,omitempty"`  // reached no node; see [OpCounts]
	Lost      *int64            `json:"lost"`                 // acknowledged changes that are certainly not in the database; null where that is not known
	LostMax   *int64            `json:"lost_max"`             // and at most, where unknown ops leave room
	Repeats   int               `json:"repeats"`              // how often it was recorded
	Rate      float64           `json:"throughput_per_s"`     // ok ops: the median of the repeats
	Spread    *measure.Interval `json:"throughput_interval"`  // of it; null with fewer than five repeats
	Latency   measure.Summary   `json:"latency_ms"`           // of ok ops
	Fairness  float64           `json:"fairness"`             // Jain's index over the clients: 1 where all had the same
	Attempts  float64           `json:"attempts_per_success"` // 0 where nothing succeeded
	CPU       *float64          `json:"cpu_ms_per_op"`        // of the nodes and the database server, for each ok op; null where it is not known
	Syncs     *float64          `json:"syncs_per_op"`         // fsync and fdatasync calls of the nodes and the database server, for each ok op; null where they are not known
}

// A RateStep is what came of writes that arrive at a rate, whatever the answers do, in all loads together.
type RateStep struct {
	Rate      float64         `json:"rate_per_s"`
	Trial     string          `json:"trial"`
	Sent      int             `json:"sent"` // dropped ones included
	OK        int             `json:"ok"`
	Refused   int             `json:"refused"`
	Unreached int             `json:"unreached,omitempty"` // reached no node; see [OpCounts]
	Errors    float64         `json:"errors"`              // the share of the others that is not ok, from 0 to 1
	Latency   measure.Summary `json:"latency_ms"`          // in the load whose p99 is in the middle, of all that were answered, from the moment they were due
	Lost      *int64          `json:"lost"`
	Loads     int             `json:"loads"`     // how often it was sent
	LoadsMet  int             `json:"loads_met"` // in how many of them the target of Comparison.Expect was met
	Met       bool            `json:"met"`       // in most of them
	Sure      bool            `json:"sure"`      // enough of them agree for [measure.Confident]: so it is in most loads of this kind
}

// A Survival says whether a rung's acknowledged writes outlive a mishap.
type Survival struct {
	Mishap   string   `json:"mishap"`           // one of the Mishap… constants
	Measured bool     `json:"measured"`         // here; else it is what the engine's documents say
	Answer   string   `json:"answer"`           // "yes", "no" or "?"
	Says     string   `json:"says"`             // one sentence: what happened, or what the documents say
	Source   string   `json:"source,omitempty"` // of the documents
	Lost     *int64   `json:"lost,omitempty"`
	Failed   int      `json:"failed,omitempty"` // requests that were not ok
	Gap      *float64 `json:"gap_s,omitempty"`  // the longest time without a success, in seconds
}

// What can befall a system, the value of [Survival.Mishap].
const (
	MishapNode   = "a node's kill -9"
	MishapWriter = "the writer's kill -9" // of whoever writes the database's file
	MishapHost   = "a second host"        // to share the load with
	MishapPower  = "power loss"
)

// Lines are what had to change to get to a rung.
type Lines struct {
	Changed  int `json:"changed"`  // added or removed in the application, against the first rung's
	Of       int `json:"of"`       // that the first rung's application has
	Balancer int `json:"balancer"` // added or removed in the balancer's configuration beside
}

// A Missing is rungs that were not run.
type Missing struct {
	Rungs []string `json:"rungs"`
	Why   string   `json:"why"`
	Hint  string   `json:"hint"` // what to do about it
}

// An Advice is a sentence with the figures that it rests on.
type Advice struct {
	Text    string   `json:"text"`
	Rests   []string `json:"rests"`             // "queue: 3,120/s in 64 clients, 0 lost, p99 41 ms"
	Command string   `json:"command,omitempty"` // what to type to find out what it leaves open
}

// A Ladder is what a comparison was asked for.
type Ladder struct {
	Nodes     int                `json:"nodes"`
	Driver    string             `json:"driver"`     // of SQLite, for all rungs on a file but the mixed one
	Mixed     []string           `json:"mixed"`      // the drivers of the mixed rung; fewer than two: there is none
	Think     store.Milliseconds `json:"think_ms"`   // between the read and the write
	Pools     []int              `json:"pools"`      // connections of a node, in rising order: what is searched for the best; one: it is set; none: 32 (stored before there was a search)
	Servers   []Server           `json:"servers"`    // that the other rungs run on
	Missing   []Missing          `json:"missing"`    // rungs whose servers are not there
	Rungs     []string           `json:"rungs"`      // patterns of package path, part by part; none: all
	Workloads []string           `json:"workloads"`  // by name; rates are searched for with the first
	Clients   []int              `json:"clients"`    // in a closed loop, in rising order
	Lasts     time.Duration      `json:"lasts_ns"`   // of each load
	Repeats   int                `json:"repeats"`    // of the loads that are compared; 0: 1 (stored before they were repeated)
	Rate      float64            `json:"rate_per_s"` // writes a second that are asked about; 0: none
	Steps     int                `json:"steps"`      // of the search for the highest rate; 0: none is searched for
	Expect    string             `json:"expect"`     // the target: "p99<100ms,errors<0.1%"
	Decides   bool               `json:"decides"`    // Expect was asked for: that nothing meets it is a surprise
	Quick     bool               `json:"quick"`      // kill fewer, and ask careful rungs alone about Rate
}
