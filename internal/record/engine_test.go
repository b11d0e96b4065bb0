package record

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// two returns an experiment of two arms, with one setup or with two.
func two(same bool) experiment.Experiment {
	a := run.Setup{
		Nodes: 1, Discipline: store.Red(), Workload: workload.Increment{Key: "k"},
		Load: run.Load{Arrival: run.Burst, Clients: 1, Requests: 1},
	}
	b := a
	if !same {
		b.Nodes = 2
	}
	expect := map[string]run.Expectation{"c": run.ExpectHolds}
	return experiment.Experiment{
		Name: "x", Question: "What?", Claims: []experiment.Claim{{
			ID: "c", Text: "It is so.", Source: "here:1",
			Check: experiment.Each(func(*run.Recording) experiment.Judgement { return experiment.Judgement{Verdict: check.Holds} }),
		}},
		Arms: []experiment.Arm{{Name: "a/1", Trials: experiment.Single(a), Expect: expect}, {Name: "b/1", Trials: experiment.Single(b), Expect: expect}},
	}
}

// somewhere is a single place.
func somewhere(start func(context.Context, cluster.Spec) (cluster.Cluster, error)) []Place {
	return []Place{{Name: run.Processes, Start: start}}
}

func TestAnArmThatCannotRunDecidesNothingAndStopsNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		same   bool
		starts int
	}{
		{"each setup is recorded", false, 2},
		{"one setup is recorded once", true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			starts := 0
			var last Progress
			engine := Engine{
				Dir: t.TempDir(),
				Places: somewhere(func(context.Context, cluster.Spec) (cluster.Cluster, error) {
					starts++
					return nil, errors.New("no such luck")
				}),
				Observe: func(p Progress) { last = p },
			}
			results, err := engine.Run(t.Context(), []experiment.Experiment{two(tt.same)})
			if err != nil || len(results) != 1 || len(results[0].Arms) != 2 {
				t.Fatalf("%d results, %v; want both arms and no error", len(results), err)
			}
			for _, arm := range results[0].Arms {
				f := arm.Findings[0]
				if !strings.Contains(arm.Error, "no such luck") || f.Verdict != check.Inconclusive || !strings.Contains(f.Reason, "no such luck") {
					t.Errorf("%s: error %q, %s because %q", arm.Name, arm.Error, f.Verdict, f.Reason)
				}
			}
			if starts != tt.starts || last.Number != tt.starts || last.Of != tt.starts {
				t.Errorf("%d starts, progress %d of %d; want %d", starts, last.Number, last.Of, tt.starts)
			}
		})
	}
}

func TestARunThatIsCutShortHasNoArmsThatDidNotBegin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	engine := Engine{
		Dir: t.TempDir(),
		Places: somewhere(func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			cancel()
			return nil, ctx.Err()
		}),
	}
	// The second experiment asks for the same recordings, and has the one that was made.
	results, err := engine.Run(ctx, []experiment.Experiment{two(false), two(false)})
	if !errors.Is(err, context.Canceled) || len(results) != 2 {
		t.Fatalf("%d results, %v; want both experiments, and the cause", len(results), err)
	}
	for _, result := range results {
		if len(result.Arms) != 1 || result.Arms[0].Name != "a/1" {
			t.Errorf("%d arms; want the one that had begun", len(result.Arms))
		}
	}
}

// On a full disk every further recording would fail too.
func TestAFullDiskEndsTheRun(t *testing.T) {
	starts := 0
	engine := Engine{
		Dir: t.TempDir(),
		Places: somewhere(func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			starts++
			return nil, fmt.Errorf("write the log: %w", syscall.ENOSPC)
		}),
	}
	results, err := engine.Run(t.Context(), []experiment.Experiment{two(false), two(false)})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "record a/1: write the log: no space left") {
		t.Errorf("the run ends with %v", err)
	}
	if starts != 1 || len(results[0].Arms) != 1 || !strings.Contains(results[0].Arms[0].Error, "no space left") {
		t.Errorf("%d recordings, %+v; want one", starts, results)
	}
}

func TestNodesOnAFullDisk(t *testing.T) {
	for code, full := range map[string]bool{"SQLITE_FULL": true, "DISK_FULL": true, "SQLITE_BUSY": false, "": false} {
		rec := recorder{recording: &run.Recording{Ops: []history.Op{{Func: history.Write, Code: code}}}}
		if err := rec.full(); full != errors.Is(err, syscall.ENOSPC) || full != (err != nil) {
			t.Errorf("%q: %v", code, err)
		}
	}
}

func TestTrialsOfAnArmTakeTurns(t *testing.T) {
	x := two(false)
	x.Arms = x.Arms[:1]
	x.Arms[0].Repeats = 2
	b := x.Arms[0].Trials[0].Setup
	b.Nodes = 3
	x.Arms[0].Trials = []experiment.Trial{{Name: "one", Setup: x.Arms[0].Trials[0].Setup}, {Name: "three", Setup: b}}
	var got []string
	for _, j := range jobs(&x, somewhere(nil), nil) {
		got = append(got, fmt.Sprint(j.trial, " ", j.Repeat))
	}
	if want := []string{"one 1", "three 1", "one 2", "three 2"}; !slices.Equal(got, want) {
		t.Errorf("jobs %v, want %v", got, want)
	}
}

func TestInterleavedArmsTakeTurns(t *testing.T) {
	x := two(false)
	x.Interleaved = true
	more := x.Arms[0].Trials[0].Setup
	more.Nodes = 3
	x.Arms[0].Trials = append(x.Arms[0].Trials, experiment.Trial{Name: "more", Setup: more})
	x.Arms[1].Repeats = 2
	var got []string
	for _, j := range jobs(&x, somewhere(nil), nil) {
		got = append(got, fmt.Sprint(strings.TrimSpace(j.arm+" "+j.trial), " ", j.Repeat))
	}
	if want := []string{"a/1 1", "b/1 1", "a/1 more 1", "b/1 2"}; !slices.Equal(got, want) {
		t.Errorf("jobs %v, want %v", got, want)
	}
}

// The evidence decides what else is recorded, once each, and the time that was planned
// for it is over in the end.
func TestTheEvidenceCallsForFurtherTrials(t *testing.T) {
	x := two(false)
	x.MaxExtra, x.Takes = 2, 4*time.Second
	var asked []int // recordings in the evidence, each time
	x.Next = func(arms []run.Evidence) map[string][]experiment.Trial {
		further := map[string][]experiment.Trial{}
		n := 0
		for i := range arms {
			for range arms[i].All {
				n++
			}
			more := arms[i].Trials[0].Setup
			more.Nodes += 10
			further[arms[i].Arm] = []experiment.Trial{{Name: "later", Setup: more}}
		}
		asked = append(asked, n)
		return further
	}
	starts := 0
	var last Progress
	engine := Engine{
		Dir: t.TempDir(),
		Places: somewhere(func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			starts++
			return nil, errors.New("no such luck")
		}),
		Observe: func(p Progress) { last = p },
	}
	results, err := engine.Run(t.Context(), []experiment.Experiment{x})
	if err != nil || starts != 4 || last.Number != 4 || last.Of != 4 || last.Behind != 1 || last.Takes != 4*time.Second {
		t.Errorf("%v, %d starts, %+v; want 4 of 4 in 4 s", err, starts, last)
	}
	if !slices.Equal(asked, []int{2, 4}) || len(results[0].Arms[0].Trials) != 2 {
		t.Errorf("asked with %v recordings, %+v; want 2, then 4, and two trials in each arm", asked, results)
	}
}

func TestRecordingsAbreastKeepTheirNames(t *testing.T) {
	x := two(false)
	x.Abreast = 2
	both := make(chan struct{}, 2)
	engine := Engine{
		Dir: t.TempDir(),
		Places: somewhere(func(ctx context.Context, _ cluster.Spec) (cluster.Cluster, error) {
			both <- struct{}{}
			for len(both) < 2 && ctx.Err() == nil { // until the other has begun, too
				runtime.Gosched()
			}
			return nil, errors.New("no such luck")
		}),
	}
	results, err := engine.Run(t.Context(), []experiment.Experiment{x})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"recordings/01-a-1", "recordings/02-b-1"} {
		if got := results[0].Arms[i].Recordings[0]; got != want {
			t.Errorf("arm %d is in %s, want %s", i, got, want)
		}
	}
}

func TestThePlanCountsASharedRecordingOnce(t *testing.T) {
	x, y := two(false), two(false)
	x.Takes, y.Takes = 10*time.Second, 40*time.Second
	p := newPlan([]experiment.Experiment{x, y}, somewhere(nil))
	if p.takes != 10*time.Second || len(p.shares) != 2 {
		t.Errorf("%s in %d recordings, want 10s in 2", p.takes, len(p.shares))
	}
}

// Places take turns within an arm, and one that refuses a setup has no recording of it.
func TestPlacesTakeTurns(t *testing.T) {
	x := two(false)
	places := []Place{{Name: "here"}, {Name: "there", Refuse: func(s *run.Setup) string {
		if s.Nodes > 1 {
			return "it has but one node"
		}
		return ""
	}}}
	var got []string
	for _, j := range jobs(&x, places, nil) {
		got = append(got, j.arm+" "+j.Place)
	}
	if want := []string{"a/1 here", "a/1 there", "b/1 here"}; !slices.Equal(got, want) {
		t.Errorf("jobs %v, want %v", got, want)
	}
	want := []run.Skipped{{Place: "there", Reason: "it has but one node", Arms: []string{"b/1"}}}
	if diff := cmp.Diff(want, skipped(&x, places)); diff != "" {
		t.Error(diff)
	}
}

// What is recorded in two places is judged in each, and told from the other.
func TestEveryPlaceHasItsOwnArms(t *testing.T) {
	starts := map[string]int{}
	place := func(name string) Place {
		return Place{Name: name, Start: func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			starts[name]++
			return nil, errors.New("no luck " + name)
		}}
	}
	engine := Engine{Dir: t.TempDir(), Places: []Place{place("here"), place("http://there:80")}}
	results, err := engine.Run(t.Context(), []experiment.Experiment{two(true)})
	if err != nil || len(results) != 1 || starts["here"] != 1 || starts["http://there:80"] != 1 {
		t.Fatalf("%d results, %v, starts %v; want one start in each place", len(results), err, starts)
	}
	var got []string
	for _, arm := range results[0].Arms {
		got = append(got, fmt.Sprintf("%s %s %s %s", arm.Name, arm.Place, arm.Recordings[0], arm.Error))
	}
	want := []string{
		"a/1 here recordings/01-a-1-here no luck here",
		"a/1 http://there:80 recordings/02-a-1-http---there-80 no luck http://there:80",
		"b/1 here recordings/01-a-1-here no luck here",
		"b/1 http://there:80 recordings/02-a-1-http---there-80 no luck http://there:80",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An experiment of which nothing can be run says so.
func TestAnExperimentThatIsSkippedIsTold(t *testing.T) {
	engine := Engine{Dir: t.TempDir(), Places: []Place{{Name: "nowhere", Refuse: func(*run.Setup) string { return "never" }}}}
	results, err := engine.Run(t.Context(), []experiment.Experiment{two(false)})
	if err != nil || len(results) != 1 || len(results[0].Arms) != 0 {
		t.Fatalf("%+v, %v; want one result without arms", results, err)
	}
	want := []run.Skipped{{Place: "nowhere", Reason: "never", Arms: []string{"a/1", "b/1"}}}
	if diff := cmp.Diff(want, results[0].Skipped); diff != "" {
		t.Error(diff)
	}
}

func TestTheLedgerBeginsWithTheDatabaseAndEndsWithIt(t *testing.T) {
	start := time.Now()
	r := &run.Recording{
		Started: start,
		Faults: []run.FaultEvent{
			{Kind: run.KindLook, From: start.Add(time.Second), To: start.Add(time.Second), Rows: 1},
			{Kind: run.KindCrash, Node: "app-2", From: start.Add(time.Second), To: start.Add(2 * time.Second)},
		},
		Ops: []history.Op{
			{Func: history.Write, Key: "0-0-aa", Outcome: history.OK},
			{Func: history.Increment, Key: "k", Outcome: history.OK},
		},
	}
	var got []string
	closeLedger(r, map[string]int64{"k": 5}, store.Facts{
		Counters: map[string]int64{"k": 6, "other": 9}, Stock: map[string]int64{"book": 3},
		Rows: []store.Row{{ID: 7, Content: "0-0-aa:payload"}},
	})
	for _, op := range r.Ops {
		got = append(got, fmt.Sprint(op.Func, " ", op.Key, " ", op.Value.Int64, " ", op.Returned))
	}
	want := []string{
		"reset k 5 0s", "write 0-0-aa 0 0s", "increment k 0 0s",
		"recovered data 1 1s", "crash app-2 0 2s",
		"final-read k 6 2s", "final-read book 3 2s", "final-row 0-0-aa 7 2s", "final-read data 1 2s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ops (-want +got):\n%s", diff)
	}
}

// A short recording is too short to tell what others take: the second before its end is
// looked at. A long one is looked at from its beginning.
func TestOthersOverASecondAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u proc.Usage
		place := &Place{Usage: func() (proc.Usage, error) { return u, nil }}
		e := &Engine{}
		spend := func(of time.Duration, others float64) {
			time.Sleep(of)
			u.Busy += time.Duration(others * float64(of))
			u.Idle += time.Duration((1 - others) * float64(of))
		}
		e.usage(place, time.Now()) // the run's first recording begins
		spend(time.Second, 0)
		began := time.Now()
		e.usage(place, began)
		spend(200*time.Millisecond, 1) // a moment that tells nothing
		if got := *e.usage(place, began); got < 0.15 || got > 0.2 {
			t.Errorf("0.2 s of others after a quiet second: %.3f", got)
		}
		began = time.Now()
		e.usage(place, began)
		spend(2*time.Second, 0.5)
		if got := *e.usage(place, began); got != 0.5 {
			t.Errorf("others for half of two seconds: %.3f", got)
		}
		if place.Usage = nil; e.usage(place, began) != nil {
			t.Error("a share of a machine that nobody knows")
		}
	})
}
