package experiment

import "time"

// A plan is how long a run is expected to take, and how much of that is behind
// it. It is for people who wait, and decides nothing.
type plan struct {
	shares map[take]float64 // of the whole, for each different recording
	later  float64          // of each that is asked for later
	takes  time.Duration
	behind float64 // from 0 to 1

	recordings int // at most
}

// newPlan shares out what each experiment takes among its recordings. One that
// several experiments ask for is made, and counted, once.
func newPlan(experiments []Experiment, places []Place) plan {
	p := plan{shares: map[take]float64{}}
	for i := range experiments {
		x := &experiments[i]
		jobs := x.jobs(places)
		each := max(x.Takes, time.Second).Seconds() * float64(len(places)) / float64(max(len(jobs)+x.Later, 1))
		for _, j := range jobs {
			if _, counted := p.shares[j.take]; !counted {
				p.shares[j.take] = each + j.in.Overhead.Seconds()/float64(max(x.Abreast, 1))
			}
		}
	}
	var seconds float64
	for i := range experiments {
		if n := experiments[i].Later; n > 0 {
			p.later = max(experiments[i].Takes, time.Second).Seconds() / float64(len(experiments[i].jobs(places))+n)
			seconds += p.later * float64(n)
			p.recordings += n
		}
	}
	for _, share := range p.shares {
		seconds += share
	}
	p.later /= seconds
	p.recordings += len(p.shares)
	for t := range p.shares {
		p.shares[t] /= seconds
	}
	p.takes = time.Duration(seconds * float64(time.Second))
	return p
}

// over takes down that a recording has been made.
func (e *Engine) over(t take) {
	e.mu.Lock()
	defer e.mu.Unlock()
	share, planned := e.plan.shares[t]
	if !planned {
		share = e.plan.later
	}
	e.plan.behind += share
}
