package record

import (
	"time"

	"example.com/contend/internal/experiment"
)

// A plan is how long a run is expected to take, and how much of that is over. It is
// for people who wait, and decides nothing.
type plan struct {
	shares map[experiment.Take]float64 // of the whole, for each different recording
	extra  float64                     // of each recording that the evidence may add
	takes  time.Duration
	behind float64 // from 0 to 1

	recordings int // at most
}

// newPlan shares out what each experiment takes among its recordings. A recording that
// several experiments ask for is made, and counted, once.
func newPlan(experiments []experiment.Experiment, places []Place) plan {
	p := plan{shares: map[experiment.Take]float64{}}
	var seconds float64
	for i := range experiments {
		x := &experiments[i]
		all := jobs(x, places)
		whole := max(x.Takes, time.Second).Seconds()
		each := whole * float64(len(places)) / float64(max(len(all)+x.MaxExtra, 1))
		for _, j := range all {
			if _, counted := p.shares[j.Take]; !counted {
				p.shares[j.Take] = each + j.in.Overhead.Seconds()/float64(max(x.Abreast, 1))
				seconds += p.shares[j.Take]
			}
		}
		if n := x.MaxExtra; n > 0 {
			p.extra = whole / float64(len(all)+n)
			seconds += p.extra * float64(n)
			p.recordings += n
		}
	}
	p.extra /= seconds
	p.recordings += len(p.shares)
	for t := range p.shares {
		p.shares[t] /= seconds
	}
	p.takes = time.Duration(seconds * float64(time.Second))
	return p
}

// over counts a recording that has been made.
func (p *plan) over(t experiment.Take) {
	share, planned := p.shares[t]
	if !planned {
		share = p.extra
	}
	p.behind += share
}
