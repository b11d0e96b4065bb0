package ladder

import (
	"fmt"

	"example.com/contend/internal/run"
)

// A starvation is two rungs under the same load, of which one makes a few
// clients wait much longer. The zero starvation is none.
type starvation struct {
	slow, quick *run.Rung
	at, beside  *run.Figures // theirs
}

// starving says with which rung a few clients wait much longer than with
// another: with the one that is enough if that is so, else where it is worst.
func (a *adviser) starving() (advice run.Advice) {
	most := a.starvation(a.base)
	if most.ratio() < starved {
		most = a.worstStarvation()
	}
	if most.ratio() < starved {
		return advice
	}
	name, slow, quick := most.tails()
	also(&advice, fmt.Sprintf("With %s a few clients wait long: its %s was %s, that of %s %s (%s, %s).",
		titled(most.slow), name, wait(slow), titled(most.quick), wait(quick), most.at.Workload, clients(most.at.Clients)),
		figuresLine(most.slow, most.at), figuresLine(most.quick, most.beside))
	return advice
}

func (a *adviser) worstStarvation() (most starvation) {
	for i := range a.Rungs {
		if s := a.starvation(&a.Rungs[i]); s.ratio() > most.ratio() {
			most = s
		}
	}
	return most
}

// starvation compares a rung, which may be nil, with each other under each load
// and returns where it is worst.
func (a *adviser) starvation(slow *run.Rung) (most starvation) {
	if slow == nil || !sound(slow) {
		return most
	}
	for i := range slow.Figures {
		at := &slow.Figures[i]
		for j := range a.Rungs {
			quick := &a.Rungs[j]
			s := starvation{slow, quick, at, under(quick, at.Workload, at.Clients)}
			if s.comparable() && s.ratio() > most.ratio() {
				most = s
			}
		}
	}
	return most
}

// comparable reports whether both have ops enough, and the quick one is not
// quick because it refuses.
func (s *starvation) comparable() bool {
	return s.beside != nil && sound(s.quick) && min(s.at.OK, s.beside.OK) >= enoughForP99 &&
		(s.beside.Refused+s.beside.Unknown)*seldom <= s.beside.OK
}

// ratio is how much longer the slow one's few wait: 0 where there are not two.
func (s *starvation) ratio() float64 {
	if s.quick == nil {
		return 0
	}
	_, slow, quick := s.tails()
	if quick <= 0 {
		return 0
	}
	return slow / quick
}

// tails returns the wait that few had to bear of both: p99.9, or the longest
// where one has too few ops for that.
func (s *starvation) tails() (name string, slow, quick float64) {
	ok := min(s.at.OK, s.beside.OK)
	name, slow = tail(&s.at.Latency, ok)
	_, quick = tail(&s.beside.Latency, ok)
	return name, slow, quick
}
