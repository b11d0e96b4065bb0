package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// crossed returns the arms of a full cross of transaction, busy_timeout,
// journal and arrival, and before it those of red and green.
func crossed() []run.ArmResult {
	var arms []run.ArmResult
	add := func(name string, d store.Discipline) {
		for _, l := range []run.Load{
			{Arrival: run.Burst, Clients: 100, Requests: 100},
			{Arrival: run.Sequence, Clients: 4, Requests: 100},
		} {
			arms = append(arms, run.ArmResult{
				Name: name + "/" + string(l.Arrival), Totals: run.Totals{
					Setup: run.Setup{Nodes: 4, Discipline: d, Load: l},
				},
			})
		}
	}
	add("red", store.Red())
	add("green", store.Green())
	for _, transaction := range store.Transactions {
		for _, patience := range []store.Milliseconds{0, 5000} {
			for _, journal := range []store.Journal{store.Delete, store.WAL} {
				d := store.Red()
				d.Transaction, d.BusyTimeout, d.Journal, d.Think = transaction, patience, journal, 0
				add(fmt.Sprintf("%s/%d/%s", transaction, patience, journal), d)
			}
		}
	}
	return arms
}

// sentences judges one claim in arms and returns what is told of it. An arm for
// which verdict returns "" could not run.
func sentences(arms []run.ArmResult, verdict func(name string, a *run.ArmResult) string) []string {
	result := run.Result{Arms: arms}
	for i := range arms {
		f := run.Finding{Claim: "claim"}
		if said := verdict(arms[i].Name, &arms[i]); said == "" {
			arms[i].Error = "no such luck"
		} else if err := f.Verdict.UnmarshalText([]byte(said)); err != nil {
			panic(err)
		}
		arms[i].Findings = []run.Finding{f}
	}
	all := claims(&result)
	return slices.DeleteFunc(texts(&all[0]), func(s string) bool { return strings.HasPrefix(s, "Not judged") })
}

func holdsIf(yes bool) string {
	if yes {
		return "holds"
	}
	return "refuted"
}

func TestSentences(t *testing.T) {
	tests := []struct {
		name    string
		verdict func(name string, a *run.ArmResult) string
		want    []string
	}{
		{"the same everywhere", func(string, *run.ArmResult) string { return "refuted" },
			[]string{"Refuted in all 44 arms."}},
		{"the same wherever it ran", func(name string, _ *run.ArmResult) string {
			if name == "red/burst" {
				return ""
			}
			return "holds"
		}, []string{"Holds in all 43 arms that ran."}},
		{"patience alone", func(_ string, a *run.ArmResult) string { return holdsIf(a.Setup.Discipline.BusyTimeout == 0) },
			[]string{"Holds in 22 of 44 arms: busy_timeout 0.", "Refuted in 22 of 44 arms: busy_timeout 5000."}},
		{"lost updates: patience without a transaction",
			func(_ string, a *run.ArmResult) string {
				return holdsIf(a.Setup.Discipline.Transaction == store.Separate && a.Setup.Discipline.BusyTimeout > 0)
			},
			[]string{
				"Holds in 4 of 44 arms: transaction separate, busy_timeout 5000.",
				"Refuted in 40 of 44 arms: any transaction but separate; busy_timeout 0.",
			}},
		{"refusals: no patience, or an upgrade",
			func(_ string, a *run.ArmResult) string {
				return holdsIf(a.Setup.Discipline.BusyTimeout == 0 || a.Setup.Discipline.Transaction == store.Deferred)
			},
			[]string{
				"Holds in 26 of 44 arms: busy_timeout 0; transaction deferred.",
				"Refuted in 18 of 44 arms: any transaction but deferred, busy_timeout 5000.",
			}},
		{"merged values and a journal",
			func(_ string, a *run.ArmResult) string {
				d := a.Setup.Discipline
				return holdsIf(d.Journal == store.WAL && (d.Transaction == store.Deferred || d.Transaction == store.Atomic))
			},
			[]string{
				"Holds in 8 of 44 arms: transaction deferred or atomic, journal WAL.",
				"Refuted in 36 of 44 arms: transaction separate or immediate or exclusive; journal DELETE.",
			}},
		{"an arrival", func(_ string, a *run.ArmResult) string {
			return holdsIf(a.Setup.Load.Arrival == run.Burst && a.Setup.Discipline.Journal == store.WAL)
		},
			[]string{
				"Holds in 11 of 44 arms: journal WAL, burst.",
				"Refuted in 33 of 44 arms: journal DELETE; sequence.",
			}},
		{"one preset", func(name string, _ *run.ArmResult) string { return holdsIf(strings.HasPrefix(name, "green")) },
			[]string{
				"Holds in 2 of 44 arms: green preset.",
				"Refuted in 42 of 44 arms: red preset or custom settings.",
			}},
		{"three verdicts", func(_ string, a *run.ArmResult) string {
			switch {
			case a.Setup.Discipline.BusyTimeout == 0:
				return "holds"
			case a.Setup.Discipline.Transaction == store.Deferred && a.Setup.Discipline.Journal == store.Delete:
				return "inconclusive"
			}
			return "refuted"
		},
			[]string{
				"Holds in 22 of 44 arms: busy_timeout 0.",
				"Refuted in 20 of 44 arms: any transaction but deferred, busy_timeout 5000; busy_timeout 5000, journal WAL.",
				"Inconclusive in 2 of 44 arms: transaction deferred, busy_timeout 5000, journal DELETE.",
			}},
		{"an arm that could not run", func(name string, a *run.ArmResult) string {
			if name == "separate/0/WAL/burst" {
				return ""
			}
			return holdsIf(a.Setup.Discipline.BusyTimeout == 0)
		},
			[]string{"Holds in 21 of 43 arms that ran: busy_timeout 0.", "Refuted in 22 of 43 arms that ran: busy_timeout 5000."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, sentences(crossed(), tt.verdict)); diff != "" {
				t.Errorf("sentences differ (-want +got):\n%s", diff)
			}
		})
	}
}

// Where no setting tells the arms apart, the sentence names them.
func TestSentencesNameArms(t *testing.T) {
	arms := []run.ArmResult{{Name: "one"}, {Name: "two"}, {Name: "three"}}
	got := sentences(arms, func(name string, _ *run.ArmResult) string { return holdsIf(name != "two") })
	want := []string{"Holds in 2 of 3 arms: one and three.", "Refuted in 1 of 3 arms: two."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sentences differ (-want +got):\n%s", diff)
	}
}

// A cross with holes: what was never run is not spoken of.
func TestSentencesLeaveOutWhatWasNotRun(t *testing.T) {
	var arms []run.ArmResult
	for _, arm := range crossed() {
		if strings.HasPrefix(arm.Name, "separate/0") || strings.HasPrefix(arm.Name, "deferred/5000") || strings.HasPrefix(arm.Name, "atomic/5000") {
			arms = append(arms, arm)
		}
	}
	got := sentences(arms, func(name string, a *run.ArmResult) string {
		return holdsIf(a.Setup.Discipline.Transaction != store.Atomic)
	})
	want := []string{
		"Holds in 8 of 12 arms: transaction separate or deferred.",
		"Refuted in 4 of 12 arms: transaction atomic.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sentences differ (-want +got):\n%s", diff)
	}
}

// Load levels of the presets: the settings that follow from a preset or from
// each other are not said twice.
func TestSentencesOfLoadLevels(t *testing.T) {
	var arms []run.ArmResult
	for _, preset := range []string{"red", "green"} {
		for _, n := range []int{10, 50, 100, 500} {
			d, err := store.Preset(preset)
			if err != nil {
				t.Fatal(err)
			}
			arms = append(arms, run.ArmResult{
				Name: fmt.Sprintf("%s/%d", preset, n), Totals: run.Totals{
					Setup: run.Setup{Nodes: 4, Discipline: d, Load: run.Load{Arrival: run.Burst, Clients: n, Requests: n}},
				},
			})
		}
	}
	got := sentences(arms, func(_ string, a *run.ArmResult) string {
		return holdsIf(preset(a.Setup.Discipline) == "red" && a.Setup.Load.Requests >= 100)
	})
	want := []string{
		"Holds in 2 of 8 arms: red preset, 100 or 500 requests.",
		"Refuted in 6 of 8 arms: green preset; 10 or 50 requests.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sentences differ (-want +got):\n%s", diff)
	}
}
