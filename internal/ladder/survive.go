package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/run"
)

// survives says what rung r survives: as measured, and then as documented.
func (l *ladder) survives(r *rung, e *run.Evidence) []run.Survival {
	all := []run.Survival{}
	for _, s := range r.strikes {
		for rec := range e.All {
			strike, struck := rec.Setup.Fault.(run.Strike)
			if !struck || strike.Whom != s.whom || len(rec.Faults) == 0 { // without events: the run was cut short
				continue
			}
			for _, mishap := range s.mishaps {
				survival := survivalOf(rec)
				survival.Mishap = mishap
				all = append(all, survival)
			}
		}
	}
	return append(all, r.documents...)
}

// survivalOf says what became of a recording in which somebody was killed.
func survivalOf(r *run.Recording) run.Survival {
	n := r.Counts()
	failed := n.Failed + n.Unknown + r.Dropped
	gap := longestGap(r).Seconds()
	s := run.Survival{Measured: true, Answer: "yes", Failed: failed, Gap: &gap}
	lost, most := deficit(r)
	s.Lost = lost
	event := r.Faults[0]
	whom := event.Node
	if whom == run.ServerName {
		whom = "the database server"
	}
	s.Says = fmt.Sprintf("%s was killed: %d of %d requests failed, for at most %.2f s nothing was done; %s", whom, failed, n.Total+r.Dropped, gap, lostWords(lost, most, n.OK))
	switch {
	case r.Err != "":
		s.Answer, s.Says = "?", s.Says+", and it did not come back: "+r.Err
	case lost == nil:
		s.Answer = "?"
	case *lost > 0:
		s.Answer = "no"
	}
	return s
}

func lostWords(least, most *int64, ok int) string {
	switch {
	case least == nil:
		return "the database could not be read afterwards"
	case *least > 0:
		return fmt.Sprintf("%d of %d acknowledged changes were lost", *least, ok)
	case *most > 0:
		return fmt.Sprintf("of %d acknowledged changes none is certainly lost", ok)
	}
	return fmt.Sprintf("none of %d acknowledged changes was lost", ok)
}

// longestGap is the longest time without a success, from the load's beginning to
// the last answer.
func longestGap(r *run.Recording) time.Duration {
	moments := []time.Duration{0}
	var end time.Duration
	for _, op := range r.ClientOps() {
		end = max(end, op.Returned)
		if op.Outcome == history.OK {
			moments = append(moments, op.Returned)
		}
	}
	moments = append(moments, end)
	slices.SortFunc(moments, cmp.Compare)
	var longest time.Duration
	for i := 1; i < len(moments); i++ {
		longest = max(longest, moments[i]-moments[i-1])
	}
	return longest
}
