// Package experiment describes experiments as data, records what happens in
// their arms, and judges their claims by what was recorded.
//
// An [Experiment] asks one question. It is put in several arms, because a claim
// that is true under one setting is false under another and the product's
// worth is saying which. An [Arm] is made of trials, most often a single one,
// each a [Setup] that is run. The [Engine] turns every Setup into a
// [Recording]; a [Claim] turns an arm's recordings, its [Evidence], into a
// [Finding] and touches nothing else, so that what is stored can be judged again.
//
// Trials with one Setup share one Recording within a run, also across
// experiments: it is one event, seen through several claims.
package experiment

import (
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/fault"
	"example.com/contend/internal/load"
	"example.com/contend/internal/script"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// An Experiment asks one question of a running system.
type Experiment struct {
	Name     string // kebab-case; the name on the command line
	Question string // one sentence ending in a question mark
	Claims   []Claim
	Arms     []Arm
	Figures  []Figure // what it measures beyond what every recording has
	Plots    []Plot   // the pictures of its report

	// Interleaved has the arms take turns, trial by trial, and not only the trials
	// of each: what is compared is then arm against arm.
	Interleaved bool
	// Later is how many recordings at most will be asked for beyond those of its
	// trials, for what was recorded decides them. It is to tell the time left.
	Later int
	// Abreast is how many of its recordings may be made at once; 0 means 1. It
	// is for arms that wait far more than they work, so that they do not
	// disturb each other.
	Abreast int
	// Takes is about how long it runs on 2 cores, to tell the time left. Nothing else rests on it.
	Takes time.Duration
}

// An Arm is one setting under which an experiment runs, and what is expected there.
type Arm struct {
	Name    string                 // unique in the experiment: "separate/5000/WAL/burst"
	Trials  []Trial                // at least one
	Repeats int                    // how often each trial is recorded, in turns; 0 means once
	Expect  map[string]Expectation // by claim ID; a claim that is not in it is not asked here
}

// A Trial is one setup of an arm that compares several: one level of the load,
// one journal mode, one number of nodes.
type Trial struct {
	Name  string  // unique in the arm: "50 clients"; empty where it is the only one
	Level float64 // its place on a chart's x axis; 0 where it has none
	Setup Setup
}

// spec says what cluster is to be started for s, with dir for its files.
func (s *Setup) spec(dir string, seed uint64) cluster.Spec {
	return cluster.Spec{
		Nodes: s.Nodes, Discipline: s.Discipline, Dir: dir, Seed: seed,
		Lab: s.lab(), Trace: s.Traced, Mount: s.Mount, Build: s.Build,
		Drivers: s.Drivers, SingleWriter: s.SingleWriter, Server: s.Server,
	}
}

// Spec says what cluster a setup needs, for a [Place] to see whether it has one.
func (s *Setup) Spec() cluster.Spec { return s.spec("", 0) }

// Single returns the trials of an arm that has but one.
func Single(s Setup) []Trial { return []Trial{{Setup: s}} }

// A Setup is everything that is decided before a recording is made. Setups are
// comparable, and equal ones are the same experiment. Either a load is sent or
// a script is played.
type Setup struct {
	Nodes      int
	Discipline store.Discipline
	Begin      Begin // what is in the database beforehand
	Load       load.Spec
	Workload   workload.Workload // of a comparable type
	Fault      fault.Fault       // of a comparable type; nil where nothing goes wrong
	Script     *script.Script    // nil where a load is sent
	Traced     bool              // the nodes write down when they waited for the write lock and held it
	Mount      cluster.Mount     // how containers come to the database
	Build      string            // which build of the node runs; empty: this program

	Drivers      string // of SQLite, with commas between, which the nodes take in turns; empty: the discipline's
	SingleWriter bool   // the balancer sends what may write to one node only
	Server       string // the database server that the nodes use, by name; empty: they share a file
}

// lab reports whether the nodes need their /lab/ paths.
func (s *Setup) lab() bool { return s.Begin != Begin{} || s.Fault != nil || s.Script != nil }

// Begin is what the database holds before anything is asked of it. The zero
// Begin is a database whose tables are empty.
type Begin struct {
	Item     string // of which there are Stock pieces; empty: no item
	Stock    int64
	Accounts int   // called as workload.Account says, each with Balance
	Balance  int64 // of each
}

// A Claim is a falsifiable sentence and the check that could refute it.
type Claim struct {
	ID     string // stable: runs of different versions are compared by it
	Text   string // one sentence, in English
	TextJA string // the source's own sentence, where that is Japanese
	Source string // where it stands: "07_container_shared_filedb.md:131"
	Check  func(*Evidence) Judgement
}

// A Judgement is what a claim's check makes of the evidence.
type Judgement struct {
	Verdict  check.Verdict
	Measured string          // the figure that decided: "97 refused"
	Reason   string          // one sentence, for people
	Noise    bool            // Inconclusive because repeats disagree: it was looked at, and chance decides
	Witness  []check.Witness // the fewest ops that prove it; may be empty
}

// A Figure is a number that an experiment takes from each of its recordings,
// beyond those that every recording has.
type Figure struct {
	Name string                                    // "attempts per success"
	Unit string                                    // "ms", "1/s"; empty where it is a plain number
	Of   func(*Recording) (value float64, ok bool) // ok is false where the recording does not tell
}
