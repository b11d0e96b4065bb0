// Package run holds a run as data: what was set up, what was recorded, what was
// found.
//
// A [Setup] says everything that is decided before a recording is made. A
// [Recording] is what happened when it was made: the evidence. A [Run] is the
// document that is stored as run.json: the findings and figures that follow from the
// evidence. Setups and recordings are stored too ([Reader]), so that a
// run can be judged again by whoever has its directory.
//
// The package is a leaf. It starts nothing, sends nothing and judges nothing, and it
// links no database driver, no container engine and no os/exec. Package record makes
// recordings, package experiment judges them, package report draws runs.
package run

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
)

// Processes is the name of the place where nodes are processes of this machine.
const Processes = "processes"

// Schema is the version of the JSON that [Run] marshals to. It changes when a
// field that scripts may rely on goes away or changes its meaning.
const Schema = 2

// A Run is everything that one `contend run` found out: the document that is
// stored as run.json, printed by --json and drawn by package report. docs/json.md
// documents it field by field.
type Run struct {
	Schema      int       `json:"schema"`
	Contend     Versions  `json:"contend"`
	Machine     Machine   `json:"machine"`
	Command     []string  `json:"command"` // what to type to repeat it
	Asked       Asked     `json:"asked"`   // the same as data, to judge it again
	Places      []string  `json:"places"`  // where its recordings were made: "processes", "compose", URLs
	Seed        uint64    `json:"seed"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	Interrupted bool      `json:"interrupted"` // it was cut short: arms may be missing, and the last one may be incomplete
	Experiments []Result  `json:"experiments"`
	Summary     Summary   `json:"summary"`

	Comparison *Comparison `json:"comparison,omitempty"` // of `contend compare`
}

// Asked is what a run was asked for: a ladder, or experiments.
type Asked struct {
	Experiments []string `json:"experiments,omitempty"` // by name, in order
	Arms        []string `json:"arms,omitempty"`        // patterns; none: all arms
	Quick       bool     `json:"quick,omitempty"`
	Levels      []int    `json:"levels,omitempty"` // of the load experiment; none: its own
	Flags       []string `json:"flags,omitempty"`  // the other flags of the command line, where it runs among them: --on compose
	Ladder      *Ladder  `json:"ladder,omitempty"` // of `contend compare`
}

// CommandLine returns what to type to ask for these experiments again, one argument
// each. It is not for a ladder.
func (a *Asked) CommandLine(seed uint64) []string {
	line := append([]string{"contend", "run"}, a.Experiments...)
	for _, pattern := range a.Arms {
		line = append(line, "--arm", pattern)
	}
	if a.Quick {
		line = append(line, "--quick")
	}
	if len(a.Levels) > 0 {
		line = append(line, "--levels", strings.Join(strings.Fields(strings.Trim(fmt.Sprint(a.Levels), "[]")), ","))
	}
	return append(append(line, a.Flags...), "--seed", strconv.FormatUint(seed, 10))
}

// Versions are those of contend and of what its nodes are built with.
type Versions struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	SQLite  string `json:"sqlite"`
}

// A Machine is where a run took place.
type Machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Kernel     string `json:"kernel"`
	CPUs       int    `json:"cpus"`
	FileSystem string `json:"file_system"` // that of the database files
}

// A Result is what one experiment found.
type Result struct {
	Name     string      `json:"name"`
	Question string      `json:"question"`
	Arms     []ArmResult `json:"arms"`
	Skipped  []Skipped   `json:"skipped"` // arms that could not be run somewhere, and why
	Charts   []Chart     `json:"charts"`

	Comparison *Comparison `json:"-"` // of the ladder; it stands in [Run.Comparison]
}

// An ArmResult is what happened in one arm in one place and what it says of each claim. Its
// setup is that of its first trial, its counts are those of all its recordings
// together.
type ArmResult struct {
	Name     string        `json:"name"`
	Place    string        `json:"place"`
	Totals                 // of all its recordings
	Trials   []TrialResult `json:"trials"`
	Findings []Finding     `json:"findings"`
}

// A TrialResult is what happened in one trial, in all its repeats together.
type TrialResult struct {
	Name    string        `json:"name"`
	Level   float64       `json:"level"`
	Totals                // of all its repeats
	Figures []Measured    `json:"figures"` // what the experiment measures beside
	Steps   []StepResult  `json:"steps"`   // of a scene
	Faults  []FaultResult `json:"faults"`  // what went wrong on purpose
}

// Totals are a setup and what came of all the recordings that were made of it.
type Totals struct {
	Setup      Setup           `json:"setup"`           // of the first of them
	Engines    []Engine        `json:"engines"`         // that the nodes run on, each once
	Dropped    int             `json:"dropped"`         // Open: arrivals that were never sent
	Recordings []string        `json:"recordings"`      // their directories, relative to the run's
	Error      string          `json:"error,omitempty"` // why one could not run
	Seconds    float64         `json:"seconds"`
	Ops        OpCounts        `json:"ops"`
	Codes      map[string]int  `json:"codes"`    // refusals and unknowns by code
	Extended   map[string]int  `json:"extended"` // refusals by SQLite's extended code
	Attempts   int             `json:"attempts"` // tries that the nodes made, retries included
	Latency    measure.Summary `json:"latency_ms"`
	Throughput float64         `json:"throughput_per_s"`
	Final      *int64          `json:"final"`    // null where it could not be read
	Lost       *int64          `json:"lost"`     // acknowledged ops certainly gone; null where final is
	LostMax    *int64          `json:"lost_max"` // and at most, where unknown ops leave room
	Integrity  string          `json:"integrity"`
	SyncTime   *float64        `json:"sync_ms,omitempty"` // of an fsync where the databases are; null where it is not known
	Others     *float64        `json:"others,omitempty"`  // the most that other programs took of the machine during one, a share of 0 to 1; null where it is not known
}

// BusyShare is the share of a machine's processor time above which other programs make it
// busy: what depends on time may then come out otherwise than expected, and is no surprise.
const BusyShare = 0.2

// FastSync is the time of an fsync below which storage is as fast as memory: what is expected of
// writers that meet at a commit, whose time is the disk's, may then come out either way. All such
// expectations were met where an fsync took 0.15 ms and more, and many not on tmpfs.
const FastSync = 50 * time.Microsecond

// A Skipped is why arms were not run in a place.
type Skipped struct {
	Place  string   `json:"place"`
	Reason string   `json:"reason"`
	Arms   []string `json:"arms"`
}

// OpCounts counts ops by outcome.
type OpCounts struct {
	Total   int `json:"total"`
	OK      int `json:"ok"`
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`

	// Unreached is how many of Failed reached no node: they say nothing of the database,
	// and are no part of an error rate; see [nodeapi.Unreached].
	Unreached int `json:"unreached,omitempty"`
}

// Refused is how many failed at a node or its database.
func (n OpCounts) Refused() int { return n.Failed - n.Unreached }

// Reached is how many reached a node, as far as is known.
func (n OpCounts) Reached() int { return n.Total - n.Unreached }

// Add counts the ops of m too.
func (n *OpCounts) Add(m OpCounts) {
	n.Total += m.Total
	n.OK += m.OK
	n.Failed += m.Failed
	n.Unknown += m.Unknown
	n.Unreached += m.Unreached
}

// A Measured is a [Figure] with how it came out in the repeats of a trial.
type Measured struct {
	Name           string `json:"name"`
	Unit           string `json:"unit"`
	measure.Spread        // count 0: no recording tells
}

// A StepResult is a step of a scene and what came of it, as it is reported.
type StepResult struct {
	Session  string        `json:"session"`
	Node     string        `json:"node"`
	Do       string        `json:"do"` // "begin-deferred"
	Name     string        `json:"name,omitempty"`
	To       string        `json:"to,omitempty"`
	Wrote    history.Value `json:"wrote,omitzero"`
	Got      history.Value `json:"got,omitzero"`
	Outcome  string        `json:"outcome"`
	Code     string        `json:"code,omitempty"`
	Extended string        `json:"extended,omitempty"`
	Open     bool          `json:"open"` // a transaction is open on the session afterwards
	Sent     float64       `json:"sent_ms"`
	Answered float64       `json:"answered_ms"`
	Say      string        `json:"say,omitempty"` // the step in the source's words

	// Of a checkpoint.
	Blocked      bool          `json:"blocked,omitempty"`
	Frames       history.Value `json:"frames,omitzero"`
	Checkpointed history.Value `json:"checkpointed,omitzero"`
}

// A FaultResult is something that went wrong on purpose. Times count from the load's start.
type FaultResult struct {
	Repeat    int     `json:"repeat"`
	Kind      string  `json:"kind"` // "hold", "crash", "look", "checkpointing"
	Node      string  `json:"node,omitempty"`
	From      float64 `json:"from_ms"`
	To        float64 `json:"to_ms"`
	Journal   int64   `json:"journal_bytes,omitempty"`
	Hot       bool    `json:"hot_journal,omitempty"`
	Rows      int64   `json:"rows,omitempty"`
	Integrity string  `json:"integrity,omitempty"`
}

// A Finding is a claim judged in one arm.
type Finding struct {
	Claim    string          `json:"claim"`
	Text     string          `json:"text"`
	TextJA   string          `json:"text_ja,omitempty"`
	Source   string          `json:"source"`
	Verdict  check.Verdict   `json:"verdict"`
	Expected Expectation     `json:"expected"`
	Measured string          `json:"measured"`
	Reason   string          `json:"reason"`
	Noise    bool            `json:"noise,omitempty"`    // inconclusive because repeats disagree
	Busy     bool            `json:"busy,omitempty"`     // inconclusive because it depends on time and the machine was busy with other programs
	Fast     bool            `json:"fast,omitempty"`     // either is expected because it depends on the time of a commit, and the storage is as fast as memory
	Interval *Interval       `json:"interval,omitempty"` // of the noisy figure that the verdict rests on; nil where it counts ops
	Witness  []check.Witness `json:"witness"`
}

// An Interval is a figure that differs from repeat to repeat, as far as the repeats tell
// where its median lies.
type Interval struct {
	Of string `json:"of"` // "throughput while the load lasts, 8 nodes over 1"
	measure.Interval
}

// Surprise reports whether the verdict is not what the arm expected.
func (f *Finding) Surprise() bool { return !f.Expected.Met(f.Verdict) }

// Undecided reports whether a question was left open. That repeats disagree where
// either verdict was expected is an answer: chance decides.
func (f *Finding) Undecided() bool {
	return f.Verdict == check.Inconclusive && !(f.Noise && f.Expected == Either)
}

// An Expectation is what an arm says that a claim's verdict will be. The zero
// Expectation expects nothing: both verdicts have been seen, or the outcome
// hangs on the machine's timing, and neither is a surprise.
type Expectation uint8

const (
	Either Expectation = iota
	ExpectHolds
	ExpectRefuted
)

var expectations = []string{"either", "holds", "refuted"}

// String returns "either", "holds" or "refuted".
func (e Expectation) String() string { return expectations[e] }

// MarshalText returns the expectation as in [Expectation.String].
func (e Expectation) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText accepts exactly what [Expectation.MarshalText] returns.
func (e *Expectation) UnmarshalText(text []byte) error {
	i := slices.Index(expectations, string(text))
	if i < 0 {
		return fmt.Errorf("expectation %q is none of holds, refuted, either", text)
	}
	*e = Expectation(i)
	return nil
}

// Met reports whether v is no surprise. An inconclusive verdict surprises
// nobody: it is counted on its own.
func (e Expectation) Met(v check.Verdict) bool {
	return v == check.Inconclusive || e == Either || (v == check.Holds) == (e == ExpectHolds)
}

// A Summary says in short what a run came to: it counts findings, each once, and says
// the most important in sentences.
type Summary struct {
	AsExpected   int `json:"as_expected"`
	Surprises    int `json:"surprises"`
	Chance       int `json:"chance"`       // repeats disagree where either verdict was expected: chance decides
	Inconclusive int `json:"inconclusive"` // the question was left open
	Busy         int `json:"busy"`         // of Inconclusive: it depends on time, and the machine was busy

	// Sentences are the bottom line: at most [MaxSentences], the greatest harm first.
	Sentences []Sentence `json:"sentences"`
}

// A Sentence is one thing that a run found, in words, with its figure. Nothing is in it that the run
// did not measure.
type Sentence struct {
	About Topic  `json:"about"`
	Text  string `json:"text"` // one or two sentences in English
	Link  string `json:"link"` // where the page shows more: "#lost-update", the anchor of an experiment; empty where there is none
}

// A Topic is what a [Sentence] is about.
type Topic string

const (
	AboutLost    Topic = "lost"    // acknowledged changes are missing, or more was sold than there was
	AboutRefused Topic = "refused" // requests failed with SQLITE_BUSY: "database is locked"
	AboutCure    Topic = "cure"    // the setting that lost and refused nothing, and its price
	AboutKept    Topic = "kept"    // what might have lost something, and did not
	AboutSame    Topic = "same"    // a setting that made no difference
	AboutMachine Topic = "machine" // the machine or its storage may have changed the figures
	AboutAdvice  Topic = "advice"  // of a comparison: what to do
)

// Summarize counts the findings of every arm.
func Summarize(results []Result) Summary {
	var s Summary
	for _, result := range results {
		for _, arm := range result.Arms {
			for _, f := range arm.Findings {
				switch {
				case f.Undecided():
					s.Inconclusive++
					if f.Busy {
						s.Busy++
					}
				case f.Verdict == check.Inconclusive:
					s.Chance++
				case f.Surprise():
					s.Surprises++
				default:
					s.AsExpected++
				}
			}
		}
	}
	return s
}

// Tally counts the findings of r and, where a target was asked for, whether a rung meets it: as one finding more.
func (r *Run) Tally() Summary {
	s := Summarize(r.Experiments)
	switch c := r.Comparison; {
	case c == nil || !c.Decides:
	case c.Met:
		s.AsExpected++
	case c.Open:
		s.Inconclusive++
	default:
		s.Surprises++
	}
	return s
}
