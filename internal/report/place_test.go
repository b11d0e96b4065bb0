package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// twice is the sample's experiment called name, run in containers as well, and
// there with one other verdict.
func twice(t *testing.T, name string) *run.Run {
	t.Helper()
	doc := sampleRun()
	i := slices.IndexFunc(doc.Experiments, func(x run.Result) bool { return x.Name == name })
	x := doc.Experiments[i]
	var arms []run.ArmResult
	for _, arm := range x.Arms {
		other := arm
		other.Place = "compose"
		other.Findings = slices.Clone(arm.Findings)
		if arm.Name == "green/burst" {
			other.Findings[0].Verdict = check.Holds
		}
		arms = append(arms, arm, other)
	}
	x.Arms = arms
	x.Charts = []run.Chart{}
	doc.Experiments = []run.Result{x}
	doc.Places = []string{run.Processes, "compose"}
	doc.Summary = run.Summarize(doc.Experiments)
	return doc
}

func TestPlacesStandSideBySide(t *testing.T) {
	doc := twice(t, "busy")
	result := &doc.Experiments[0]
	sum, differ := sideBySide(result, claims(result))
	want := []string{"busy-over-30 in green/burst: refuted on processes, holds on compose"}
	if diff := cmp.Diff(want, differ); diff != "" {
		t.Error(diff)
	}
	golden(t, "places", drawn(t, doc, Options{Verbose: true}))
	var page strings.Builder
	if err := HTML(&page, doc, false); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{sum, want[0], "<th scope=\"col\">on</th>", "<td>compose</td>"} {
		if !strings.Contains(page.String(), said) {
			t.Errorf("the page lacks %q", said)
		}
	}
}

// A comparison counts only what was judged in more than one place.
func TestCompareOnePlaceIsNoComparison(t *testing.T) {
	doc := sampleRun()
	result := &doc.Experiments[0]
	if sum, differ := sideBySide(result, claims(result)); sum != "" || differ != nil {
		t.Errorf("%q, %q, want nothing", sum, differ)
	}
}

func TestSkippedArmsAreTold(t *testing.T) {
	doc := sampleRun()
	doc.Experiments = doc.Experiments[:1]
	x := &doc.Experiments[0]
	x.Arms = nil
	x.Skipped = []run.Skipped{{Place: "http://there", Reason: "no node can be killed there", Arms: []string{"a", "b", "c", "d", "e"}}}
	text := drawn(t, doc, Options{Verbose: true})
	if want := "not run on http://there: a, b, c and 2 other arms: no node can be killed there"; !strings.Contains(text, want) {
		t.Errorf("the text lacks %q:\n%s", want, text)
	}
	var page strings.Builder
	if err := HTML(&page, doc, false); err != nil || !strings.Contains(page.String(), "no node can be killed there") {
		t.Errorf("the page does not say it, %v", err)
	}
}

// A node whose engine can lose commits in WAL mode is warned about, and there alone.
func TestEnginesWithTheWALResetBugAreWarnedAbout(t *testing.T) {
	for _, tt := range []struct {
		engine string
		warned bool
	}{{"3.51.2", true}, {"3.51.3", false}, {"3.54.1", false}, {"odd", false}} {
		doc := sampleRun()
		x := &doc.Experiments[0]
		for i := range x.Arms {
			x.Arms[i].Engines = []run.Engine{{Name: run.SQLite, Version: tt.engine}}
		}
		var warned []string
		for _, n := range engineNotes(x) {
			warned = append(warned, n.Text)
		}
		if len(warned) > 0 != tt.warned {
			t.Errorf("%s: warned %q, want %v", tt.engine, warned, tt.warned)
		}
		if tt.warned && (strings.Contains(warned[0], "DELETE") || !strings.Contains(warned[0], "green/burst")) {
			t.Errorf("%s: %s: want arms in WAL mode, and no others", tt.engine, warned[0])
		}
	}
}

// The last lines count every finding once, and say when the machine was busy with other programs.
func TestTheFootCountsWhatIsShown(t *testing.T) {
	quiet, busyShare := run.BusyShare, 0.63
	doc := &run.Run{Experiments: []run.Result{{Arms: []run.ArmResult{
		{Totals: run.Totals{Others: &busyShare}, Findings: []run.Finding{
			{Verdict: check.Holds}, {Verdict: check.Inconclusive, Noise: true}, {Verdict: check.Inconclusive, Busy: true, Expected: run.ExpectHolds},
		}},
		{Totals: run.Totals{Others: &quiet}, Findings: []run.Finding{{Verdict: check.Refuted, Expected: run.ExpectHolds}}},
		{},
	}}}}
	if got, want := countFindings(run.Summarize(doc.Experiments)), "1 as expected, 1 surprise, 1 undecided because chance decides, 1 inconclusive (1 on a busy machine)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := busy(doc); !strings.HasPrefix(got, "The machine was busy: in 1 of 3 arms, other programs took more than 20 % of its processor time, up to 63 %.") {
		t.Error(got)
	}
	doc.Experiments[0].Arms[0].Others = nil
	if got := busy(doc); got != "" {
		t.Errorf("of a quiet machine: %s", got)
	}
	if got := fast(doc); got != "" {
		t.Errorf("of a disk: %s", got)
	}
	doc.Machine.FileSystem = "tmpfs"
	doc.Experiments[0].Arms[1].SyncTime, doc.Experiments[0].Arms[1].Findings[0].Fast = new(0.0004), true
	if got := fast(doc); !strings.HasPrefix(got, "The storage is as fast as memory: ") || !strings.Contains(got, "1 finding that rests on") {
		t.Error(got)
	}
	if got := filesOn(doc); got != "tmpfs (an fsync takes 0.4 µs)" {
		t.Error(got)
	}
}
