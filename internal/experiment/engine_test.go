package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/cluster"
)

// two returns an experiment of two arms, with one setup or with two.
func two(same bool) Experiment {
	a, b := recording(0, ok).Setup, recording(0, ok).Setup
	if !same {
		b.Nodes = 2
	}
	expect := map[string]Expectation{"c": ExpectHolds}
	return Experiment{
		Name: "x", Question: "What?", Claims: []Claim{says(check.Holds)},
		Arms: []Arm{{Name: "a/1", Trials: Single(a), Expect: expect}, {Name: "b/1", Trials: Single(b), Expect: expect}},
	}
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
				Start: func(context.Context, cluster.Spec) (cluster.Cluster, error) {
					starts++
					return nil, errors.New("no such luck")
				},
				Observe: func(p Progress) { last = p },
			}
			results, err := engine.Run(t.Context(), []Experiment{two(tt.same)})
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
		Start: func(context.Context, cluster.Spec) (cluster.Cluster, error) {
			cancel()
			return nil, ctx.Err()
		},
	}
	// The second experiment asks for the same recordings, and has the one that was made.
	results, err := engine.Run(ctx, []Experiment{two(false), two(false)})
	if !errors.Is(err, context.Canceled) || len(results) != 2 {
		t.Fatalf("%d results, %v; want both experiments, and the cause", len(results), err)
	}
	for _, result := range results {
		if len(result.Arms) != 1 || result.Arms[0].Name != "a/1" {
			t.Errorf("%d arms; want the one that had begun", len(result.Arms))
		}
	}
}

func TestTrialsOfAnArmTakeTurns(t *testing.T) {
	x := two(false)
	x.Arms = x.Arms[:1]
	x.Arms[0].Repeats = 2
	b := x.Arms[0].Trials[0].Setup
	b.Nodes = 3
	x.Arms[0].Trials = []Trial{{Name: "one", Setup: x.Arms[0].Trials[0].Setup}, {Name: "three", Setup: b}}
	var got []string
	for j := range x.jobs {
		got = append(got, fmt.Sprint(j.trial, " ", j.repeat))
	}
	if want := []string{"one 1", "three 1", "one 2", "three 2"}; !slices.Equal(got, want) {
		t.Errorf("jobs %v, want %v", got, want)
	}
}

func TestRecordingsAbreastKeepTheirNames(t *testing.T) {
	x := two(false)
	x.Abreast = 2
	both := make(chan struct{}, 2)
	engine := Engine{
		Dir: t.TempDir(),
		Start: func(ctx context.Context, _ cluster.Spec) (cluster.Cluster, error) {
			both <- struct{}{}
			for len(both) < 2 && ctx.Err() == nil { // until the other has begun, too
				runtime.Gosched()
			}
			return nil, errors.New("no such luck")
		},
	}
	results, err := engine.Run(t.Context(), []Experiment{x})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"recordings/01-a-1", "recordings/02-b-1"} {
		if got := results[0].Arms[i].Recording; got != want {
			t.Errorf("arm %d is in %s, want %s", i, got, want)
		}
	}
}

func TestThePlanCountsASharedRecordingOnce(t *testing.T) {
	x, y := two(false), two(false)
	x.Takes, y.Takes = 10*time.Second, 40*time.Second
	p := newPlan([]Experiment{x, y})
	if p.takes != 10*time.Second || len(p.shares) != 2 {
		t.Errorf("%s in %d recordings, want 10s in 2", p.takes, len(p.shares))
	}
}
