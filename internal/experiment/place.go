package experiment

import (
	"context"
	"time"

	"example.com/contend/internal/cluster"
)

// A Place is where recordings are made: as processes of this machine, in
// containers, on nodes that somebody else started. What an arm expects is the
// same in every place, so that a place which makes a difference shows as a surprise.
type Place struct {
	Name  string                                                       // "processes", "compose", "http://10.0.0.7:8080"
	Start func(context.Context, cluster.Spec) (cluster.Cluster, error) // a cluster for one recording

	// Refuse says why a setup cannot be recorded there, in words for people; ""
	// where it can. nil refuses nothing.
	Refuse func(*Setup) string
	// Overhead is about how long a recording takes there beyond what its
	// experiment says, to tell the time left.
	Overhead time.Duration
	// Single says that only one recording can be made there at a time.
	Single bool
}

// Processes is the name of the place where nodes are processes of this machine.
const Processes = "processes"

// refusal says why no recording of arm can be made in p: why its first trial
// that cannot be recorded there cannot. An arm of which only a part could be
// compared is not run at all.
func (p *Place) refusal(arm *Arm) string {
	if p.Refuse == nil {
		return ""
	}
	for i := range arm.Trials {
		if why := p.Refuse(&arm.Trials[i].Setup); why != "" {
			return why
		}
	}
	return ""
}

// Runs reports whether some arm of x can be run in one of the places.
func (x *Experiment) Runs(places []Place) bool {
	return len(x.jobs(places)) > 0
}

// A Skipped is why arms were not run in a place.
type Skipped struct {
	Place  string   `json:"place"`
	Reason string   `json:"reason"`
	Arms   []string `json:"arms"`
}

// skipped returns what is not run of x, by place and reason, in the order of the arms.
func (x *Experiment) skipped(places []Place) []Skipped {
	all := []Skipped{}
	for i := range places {
		first := len(all)
		for k := range x.Arms {
			if why := places[i].refusal(&x.Arms[k]); why != "" {
				all = skip(all, first, Skipped{Place: places[i].Name, Reason: why}, x.Arms[k].Name)
			}
		}
	}
	return all
}

// skip adds arm to the one of all[first:] that has the reason of s, or to a new one.
func skip(all []Skipped, first int, s Skipped, arm string) []Skipped {
	for i := first; i < len(all); i++ {
		if all[i].Reason == s.Reason {
			all[i].Arms = append(all[i].Arms, arm)
			return all
		}
	}
	s.Arms = []string{arm}
	return append(all, s)
}
