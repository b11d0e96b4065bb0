package run

import (
	"fmt"

	"example.com/contend/history"
	"example.com/contend/internal/jsonlimit"
	"example.com/contend/internal/units"
)

// Document bounds run.json and recording.json: somebody else may have written them. The whole
// lab has 2.4 MB, 63,000 values and no string of more than 300 bytes. What it decodes to takes
// less than 1 GB, whatever it says.
var Document = jsonlimit.Limits{Bytes: 32 << 20, Depth: 64, String: 64 << 10, Values: 400_000}

// What a run may have at most. The whole lab has 16 experiments, 194 arms and 261 trials.
const (
	MaxExperiments = 100
	MaxArms        = 2_000  // of all experiments
	MaxTrials      = 20_000 // of all arms
	MaxSteps       = 10_000 // of all scenes, and as many faults
	MaxFigures     = 100    // of an experiment, told apart by name and unit; and pools of a comparison
	MaxRungs       = 100
	MaxSentences   = 7     // of a summary
	MaxLoads       = 1_000 // of a comparison, told apart by workload and number of clients
	MaxName        = 256   // bytes of the name of an experiment, arm, trial, claim, figure, workload or rung
	MaxPlace       = 8_192 // bytes: it may be the URLs of 64 nodes

	MaxOps    = history.MaxOps // of all recordings of a run
	MaxTraces = 64 << 20       // bytes of the traces of all its nodes, for which a run is judged anew
)

// A bound is how many of something there are, and how many there may be.
type bound struct {
	what       string
	have, most int
}

// Validate returns an error that names the first bound that r exceeds. A table is as long as
// there are arms and as wide as there are figures, so these are bounded and not only the document.
func (r *Run) Validate() error {
	bounds := []bound{{"experiments", len(r.Experiments), MaxExperiments}, {"sentences in its summary", len(r.Summary.Sentences), MaxSentences}}
	arms, trials, steps, faults := 0, 0, 0, 0
	for i := range r.Experiments {
		x := &r.Experiments[i]
		figures := map[[2]string]bool{}
		bounds = append(bounds, named(x.Name))
		for k := range x.Arms {
			arm := &x.Arms[k]
			arms, trials = arms+1, trials+len(arm.Trials)
			bounds = append(bounds, named(arm.Name), bound{"bytes in the name of a place", len(arm.Place), MaxPlace})
			for _, f := range arm.Findings {
				bounds = append(bounds, named(f.Claim))
			}
			for _, t := range arm.Trials {
				steps, faults = steps+len(t.Steps), faults+len(t.Faults)
				bounds = append(bounds, named(t.Name))
				for _, f := range t.Figures {
					bounds = append(bounds, named(f.Name), named(f.Unit))
					figures[[2]string{f.Name, f.Unit}] = true
				}
			}
		}
		bounds = append(bounds, bound{"different figures in one experiment", len(figures), MaxFigures})
	}
	bounds = append(bounds, bound{"arms", arms, MaxArms}, bound{"trials", trials, MaxTrials}, bound{"steps", steps, MaxSteps}, bound{"faults", faults, MaxSteps})
	if r.Comparison != nil {
		bounds = append(bounds, r.Comparison.bounds()...)
	}
	for _, b := range bounds {
		if b.have > b.most {
			return fmt.Errorf("it has %s %s, and %s are the most", units.Count(int64(b.have)), b.what, units.Count(int64(b.most)))
		}
	}
	return nil
}

func (c *Comparison) bounds() []bound {
	type load struct {
		workload string
		clients  int
	}
	loads, pools := map[load]bool{}, map[int]bool{}
	bounds := []bound{{"rungs", len(c.Rungs), MaxRungs}}
	for i := range c.Rungs {
		rung := &c.Rungs[i]
		bounds = append(bounds, named(rung.Name), named(rung.Title))
		for _, f := range rung.Figures {
			loads[load{f.Workload, f.Clients}] = true
			bounds = append(bounds, named(f.Workload))
		}
		for _, p := range rung.Pools {
			pools[p.Pool] = true
		}
	}
	return append(bounds, bound{"different loads", len(loads), MaxLoads}, bound{"different pools", len(pools), MaxFigures})
}

// named bounds the bytes of a name.
func named(name string) bound { return bound{"bytes in a name", len(name), MaxName} }
