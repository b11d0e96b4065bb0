// Package catalogue holds the experiments, one file each, listed here.
//
// An experiment is data: a question, the claims that answer it with the line
// of the source where each stands, and the arms under which they are judged.
// To add one, write its file and add its line to [All].
package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

//go:generate go test . -run TestSourcePage -update

// Options say how much of each experiment is run. The zero Options run all of it.
type Options struct {
	Quick  bool  // smaller counts and fewer arms: all of it in under a minute
	Levels []int // concurrent requests of the experiments that raise the load; nil: the source's 10 to 500
}

// All returns every experiment, in the order in which a reader should meet them.
func All(o Options) []experiment.Experiment {
	return []experiment.Experiment{
		busy(o),
		lostUpdate(o),
		lockWait(o),
		journal(o),
		crash(o),
		loadLevels(o),
		retries(o),
		cascade(o),
		inventory(o),
		payment(o),
		scale(o),
		snapshot(o),
		checkpoint(o),
		lessons(o),
		mounts(o),
		walReset(o),
	}
}

// Named returns the experiments called names, in that order and each once, or all of them
// where there is no name. The error names the first that does not exist.
func Named(names []string, o Options) ([]experiment.Experiment, error) {
	all := All(o)
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, x := range all {
		known = append(known, x.Name)
	}
	var chosen []experiment.Experiment
	for i, name := range names {
		at := slices.Index(known, name)
		if at < 0 {
			return nil, fmt.Errorf("no experiment is called %q: there are %s%s", name, strings.Join(known, ", "), units.Like(name, known))
		}
		if !slices.Contains(names[:i], name) {
			chosen = append(chosen, all[at])
		}
	}
	return chosen, nil
}

// Choose returns the experiments of a run with the arms that match its patterns. The error names
// the first experiment that does not exist, or the first pattern that is bad or matches no arm.
func Choose(asked run.Asked) ([]experiment.Experiment, error) {
	chosen, err := Named(asked.Experiments, Options{Quick: asked.Quick, Levels: asked.Levels})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, x := range chosen {
		for _, arm := range x.Arms {
			names = append(names, arm.Name)
		}
	}
	if pattern, err := experiment.Unmatched(asked.Arms, names); err != nil {
		return nil, fmt.Errorf("--arm %w", err)
	} else if pattern != "" {
		return nil, fmt.Errorf("--arm %q matches no arm: `contend list --arms` shows them%s", pattern, units.Like(pattern, firstParts(names, pattern)))
	}
	for i := range chosen {
		chosen[i].Arms = slices.DeleteFunc(chosen[i].Arms, func(a experiment.Arm) bool {
			ok, _ := experiment.Matches(asked.Arms, a.Name) // a bad pattern was found above
			return !ok
		})
	}
	return chosen, nil
}

// firstParts returns as many first parts of each name as the pattern has.
func firstParts(names []string, pattern string) (all []string) {
	n := strings.Count(pattern, "/") + 1
	for _, name := range names {
		parts := strings.Split(name, "/")
		all = append(all, strings.Join(parts[:min(n, len(parts))], "/"))
	}
	return all
}
