// Package catalogue holds the experiments, one file each, listed here.
//
// An experiment is data: a question, the claims that answer it with the line
// of the source where each stands, and the arms under which they are judged.
// To add one, write its file and add its line to [All].
package catalogue

import (
	"fmt"
	"strings"

	"example.com/contend/internal/experiment"
)

// All returns every experiment, in the order in which a reader should meet them.
func All() []experiment.Experiment {
	return []experiment.Experiment{
		busy(),
		lostUpdate(),
	}
}

// Named returns the experiments called names, in that order, or all of them
// where there is no name. The error names the first that does not exist.
func Named(names []string) ([]experiment.Experiment, error) {
	if len(names) == 0 {
		return All(), nil
	}
	var chosen []experiment.Experiment
	seen := map[string]bool{}
	for _, name := range names {
		x, ok := find(name)
		if !ok {
			return nil, fmt.Errorf("no experiment is called %q: there are %s", name, strings.Join(allNames(), ", "))
		}
		if !seen[name] {
			chosen = append(chosen, x)
		}
		seen[name] = true
	}
	return chosen, nil
}

func find(name string) (experiment.Experiment, bool) {
	for _, x := range All() {
		if x.Name == name {
			return x, true
		}
	}
	return experiment.Experiment{}, false
}

func allNames() []string {
	var names []string
	for _, x := range All() {
		names = append(names, x.Name)
	}
	return names
}

// seed cites a line of the lab that contend started from.
func seed(line int) string { return fmt.Sprintf("07_container_shared_filedb.md:%d", line) }
