package experiment

import (
	"context"
	"errors"
	"strings"
	"testing"

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
		Arms: []Arm{{Name: "a/1", Setup: a, Expect: expect}, {Name: "b/1", Setup: b, Expect: expect}},
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
	results, err := engine.Run(ctx, []Experiment{two(false), two(false)})
	if !errors.Is(err, context.Canceled) || len(results) != 1 || len(results[0].Arms) != 1 {
		t.Errorf("%+v, %v; want the one arm that had begun, and the cause", results, err)
	}
}
