// Package experiment describes experiments as data, and judges their claims by what
// was recorded. It starts nothing: package record makes the recordings.
//
// An [Experiment] asks one question. It is put in several arms, because a claim that is true under
// one setting is false under another and the product's worth is saying which. An [Arm] is made of
// trials, most often a single one, each a [run.Setup]. Where the trials depend on what was
// recorded, [Experiment.Next] adds some. A [Claim] turns an arm's recordings, its [run.Evidence],
// into a [run.Finding] and touches nothing else, so that what is stored can be judged again.
//
// Trials with one setup share one recording within a run, also across
// experiments: it is one event, seen through several claims.
package experiment

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// An Experiment asks one question of a running system. In JSON it is what
// `contend list --json` says of it.
type Experiment struct {
	Name     string   `json:"name"`     // kebab-case; the name on the command line
	Question string   `json:"question"` // one sentence ending in a question mark
	Claims   []Claim  `json:"claims"`
	Arms     []Arm    `json:"arms"`
	Figures  []Figure `json:"-"` // what it measures beyond what every recording has
	Plots    []Plot   `json:"-"` // the pictures of its report

	// Next returns, by arm, further trials that the evidence so far calls for, and more repeats
	// of those that are there, which have the same name; neither ends the experiment. It follows from the evidence alone, so that a stored run
	// comes to the same trials. nil: the trials of the arms are all.
	Next func(arms []run.Evidence) map[string][]Trial `json:"-"`
	// MaxExtra is the most recordings that Next may add; only for the progress estimate.
	MaxExtra int `json:"-"`
	// Compare sums the evidence up as a comparison of the arms; nil: it makes none.
	Compare func(arms []run.Evidence) *run.Comparison `json:"-"`

	// Interleaved has the arms take turns, trial by trial, and not only the trials
	// of each: what is compared is then arm against arm.
	Interleaved bool `json:"-"`
	// Abreast is how many of its recordings may be made at once; 0 means 1. It is for arms that
	// wait far more than they work, so that they do not disturb each other.
	Abreast int `json:"-"`
	// Takes is about how long it runs on 2 cores, to tell the time left. Nothing else rests on it.
	Takes time.Duration `json:"-"`
}

// An Arm is one setting under which an experiment runs, and what is expected there.
type Arm struct {
	Name    string                     `json:"name"`     // unique in the experiment: "separate/5000/WAL/burst"
	Trials  []Trial                    `json:"-"`        // at least one, unless Next adds the first
	Repeats int                        `json:"-"`        // how often each trial is recorded, in turns; 0 means once; see [Experiment.Grow]
	Expect  map[string]run.Expectation `json:"expected"` // by claim ID; a claim that is not in it is not asked here
}

// A Trial is one setup of an arm that compares several: one level of the load,
// one journal mode, one number of nodes.
type Trial struct {
	Name    string  // unique in the arm: "50 clients"; empty where it is the only one
	Level   float64 // its place on a chart's x axis; 0 where it has none
	Setup   run.Setup
	Repeats int // how often it is recorded, where that is more than the arm's
}

// Times returns how often trial t of arm a is recorded, at least once.
func (a *Arm) Times(t *Trial) int { return max(a.Repeats, t.Repeats, 1) }

// Single returns the trials of an arm that has but one.
func Single(s run.Setup) []Trial { return []Trial{{Setup: s}} }

// A Claim is a falsifiable sentence and the check that could refute it.
type Claim struct {
	ID     string                        `json:"claim"`   // stable: runs of different versions are compared by it
	Text   string                        `json:"text"`    // one sentence, in English
	TextJA string                        `json:"text_ja"` // the source's own sentence, where that is Japanese
	Source string                        `json:"source"`  // where it stands: "07_container_shared_filedb.md:131"
	Check  func(*run.Evidence) Judgement `json:"-"`

	// Synced says that the verdict hangs on how long a commit takes to reach the disk: where the
	// storage is as fast as memory ([run.FastSync]), either verdict is expected.
	Synced bool `json:"-"`

	// Timed says that the verdict hangs on how fast things were done: on a machine that is busy
	// with other programs, another verdict than the expected one decides nothing.
	Timed bool `json:"-"`
}

// A Judgement is what a claim's check makes of the evidence.
type Judgement struct {
	Verdict  check.Verdict
	Measured string          // the figure that decided: "97 refused"
	Reason   string          // one sentence, for people
	Noise    bool            // Inconclusive because repeats disagree: it was looked at, and chance decides
	Interval *run.Interval   // of the noisy figure that decided; nil where ops were counted
	Witness  []check.Witness // the fewest ops that prove it; may be empty
}

// A Figure is a number that an experiment takes from each of its recordings,
// beyond those that every recording has.
type Figure struct {
	Name string                                        // "attempts per success"
	Unit string                                        // "ms", "1/s"; empty where it is a plain number
	Of   func(*run.Recording) (value float64, ok bool) // ok is false where the recording does not tell
}

// Matches reports whether the first parts of an arm's name match one of the patterns,
// part by part, each part a glob of package path: "separate/*/WAL". No pattern matches
// every name. The error names a pattern that is none.
func Matches(patterns []string, name string) (bool, error) {
	if len(patterns) == 0 {
		return true, nil
	}
	have := strings.Split(name, "/")
	for _, pattern := range patterns {
		n := strings.Count(pattern, "/") + 1
		if n > len(have) {
			continue
		}
		ok, err := path.Match(pattern, strings.Join(have[:n], "/"))
		if err != nil {
			return false, fmt.Errorf("%q: %w", pattern, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// Unmatched returns the first pattern that matches none of the names, as [Matches] does; ""
// where there is none. The error names a pattern that is none.
func Unmatched(patterns, names []string) (string, error) {
	for _, pattern := range patterns {
		any := false
		for _, name := range names {
			ok, err := Matches([]string{pattern}, name)
			if err != nil {
				return "", err
			}
			any = any || ok
		}
		if !any {
			return pattern, nil
		}
	}
	return "", nil
}

// Validate returns an error that names what is wrong with x. The tests of the catalogue
// and of the ladder call it on every experiment.
func (x *Experiment) Validate() error {
	if x.Name == "" || x.Question == "" || len(x.Claims) == 0 || len(x.Arms) == 0 {
		return fmt.Errorf("experiment %q: want a name, a question, claims and arms", x.Name)
	}
	expected, names, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range x.Arms {
		arm := &x.Arms[i]
		if err := arm.validate(x.Next != nil); err != nil {
			return fmt.Errorf("arm %q: %w", arm.Name, err)
		}
		if names[arm.Name] {
			return fmt.Errorf("arm %q: listed twice", arm.Name)
		}
		names[arm.Name] = true
		for id := range arm.Expect {
			expected[id] = true
		}
	}
	for _, claim := range x.Claims {
		if claim.ID == "" || claim.Text == "" || claim.Source == "" || claim.Check == nil || ids[claim.ID] {
			return fmt.Errorf("claim %q: want an ID of its own, a text, a source and a check", claim.ID)
		}
		if !expected[claim.ID] {
			return fmt.Errorf("claim %q: no arm expects anything of it", claim.ID)
		}
		ids[claim.ID] = true
	}
	for id := range expected {
		if !ids[id] {
			return fmt.Errorf("claim %q: an arm expects something of it, and it does not exist", id)
		}
	}
	return nil
}

// validate returns an error that names what is wrong with a, which may grow its first trials.
func (a *Arm) validate(grows bool) error {
	if a.Name == "" || len(a.Trials) == 0 && !grows || len(a.Expect) == 0 || a.Repeats < 0 {
		return errors.New("want a name, trials, expectations and no repeats below 0")
	}
	names := map[string]bool{}
	for i := range a.Trials {
		trial := &a.Trials[i]
		if names[trial.Name] || trial.Name == "" && len(a.Trials) > 1 {
			return fmt.Errorf("trial %q: want a name of its own", trial.Name)
		}
		names[trial.Name] = true
		if err := trial.Setup.Validate(); err != nil {
			return err
		}
	}
	return nil
}
