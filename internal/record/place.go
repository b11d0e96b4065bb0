package record

import (
	"context"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/run"
)

// A Place is where recordings are made: as processes of this machine, in
// containers, on nodes that somebody else started. What an arm expects is the
// same in every place, so that a place which makes a difference shows as a surprise.
type Place struct {
	Name  string                                                       // "processes", "compose", "http://10.0.0.7:8080"
	Start func(context.Context, cluster.Spec) (cluster.Cluster, error) // a cluster for one recording

	// Refuse says why a setup cannot be recorded there, in words for people; ""
	// where it can. nil refuses nothing.
	Refuse func(*run.Setup) string
	// Usage reads what the processors of the nodes' machine have done so far, for this run and for
	// others; nil where that is not known.
	Usage func() (proc.Usage, error)
	// SyncTime measures how long fsync takes in a directory where the nodes' databases will be; nil
	// where that cannot be measured.
	SyncTime func(dir string) (time.Duration, error)
	// Overhead is about how long a recording takes there beyond what its
	// experiment says, to tell the time left.
	Overhead time.Duration
	// Single says that only one recording can be made there at a time.
	Single bool
}

// refusal says why no recording of arm can be made in p: why its first trial
// that cannot be recorded there cannot. An arm of which only a part could be
// compared is not run at all.
func (p *Place) refusal(arm *experiment.Arm) string {
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

// Refusal says why no arm of x can be run in any of the places; "" where one can.
func Refusal(x *experiment.Experiment, places []Place) string {
	if len(jobs(x, places, nil)) > 0 {
		return ""
	}
	var why []string
	for _, s := range skipped(x, places) {
		why = append(why, s.Reason)
	}
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}

// skipped returns what is not run of x, by place and reason, in the order of the arms.
func skipped(x *experiment.Experiment, places []Place) []run.Skipped {
	all := []run.Skipped{}
	for i := range places {
		place := places[i].Name
		for k := range x.Arms {
			why := places[i].refusal(&x.Arms[k])
			if why == "" {
				continue
			}
			at := slices.IndexFunc(all, func(s run.Skipped) bool { return s.Place == place && s.Reason == why })
			if at < 0 {
				at = len(all)
				all = append(all, run.Skipped{Place: place, Reason: why})
			}
			all[at].Arms = append(all[at].Arms, x.Arms[k].Name)
		}
	}
	return all
}
