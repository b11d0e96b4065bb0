package report

import (
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// called is an arm's name where it is said alone. Processes go without saying.
func called(arm *run.ArmResult) string {
	if arm.Place == "" || arm.Place == run.Processes {
		return arm.Name
	}
	return arm.Name + " on " + arm.Place
}

// places returns where the arms of result were run, each once.
func places(result *run.Result) []string {
	var all []string
	for i := range result.Arms {
		if p := result.Arms[i].Place; !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// placeWords say in what an arm was run, as a condition.
func placeWords(place string) string {
	switch place {
	case "", run.Processes:
		return "the nodes are processes"
	case "compose":
		return "the nodes are containers"
	}
	return "the nodes are those at " + place
}

// mountWords say how the nodes came to the database, as a condition.
func mountWords(m run.Mount) string {
	switch m {
	case run.MountShared, run.MountVolume:
		return "all nodes share one volume"
	case run.MountDirectory:
		return "one directory of the host is bound into all nodes"
	case run.MountSingleFile:
		return "the database file alone is bound into all nodes"
	case run.MountTwoVolumes:
		return "half of the nodes have another volume"
	case run.MountNone:
		return "nothing is mounted"
	}
	return "the mount is " + string(m)
}

// A comparison sets the verdicts of one arm in several places side by side.
type comparison struct {
	Places []string
	Same   int
	Differ []string // "busy-over-30 in red/burst: holds on processes, refuted on compose"
}

// compare returns what the places agree on. It counts each claim of each arm
// that was judged in more than one of them.
func compare(result *run.Result) comparison {
	c := comparison{Places: places(result)}
	if len(c.Places) < 2 {
		return c
	}
	for _, j := range claims(result) {
		byArm := map[string][]int{}
		var names []string
		for i, f := range j.arms {
			if f == nil {
				continue
			}
			name := result.Arms[i].Name
			if byArm[name] == nil {
				names = append(names, name)
			}
			byArm[name] = append(byArm[name], i)
		}
		for _, name := range names {
			c.add(result, &j, name, byArm[name])
		}
	}
	return c
}

// add compares one claim in one arm, judged in the arm results at.
func (c *comparison) add(result *run.Result, j *judged, arm string, at []int) {
	if len(at) < 2 {
		return
	}
	same := true
	var words []string
	for _, i := range at {
		f := j.arms[i]
		same = same && f.Verdict == j.arms[at[0]].Verdict
		words = append(words, fmt.Sprintf("%s on %s", f.Verdict, result.Arms[i].Place))
	}
	if same {
		c.Same++
		return
	}
	said := fmt.Sprintf("%s in %s: %s", j.finding.Claim, arm, list(words, "and"))
	if slices.ContainsFunc(at, func(i int) bool { return j.arms[i].Verdict == check.Inconclusive }) {
		said += " (not decided everywhere)"
	}
	c.Differ = append(c.Differ, said)
}

// String is the sentence that sums it up; empty where there is nothing to compare.
func (c comparison) String() string {
	of := c.Same + len(c.Differ)
	if of == 0 {
		return ""
	}
	where := list(c.Places, "and")
	if len(c.Differ) == 0 {
		return fmt.Sprintf("Side by side: %s come to the same verdict each time, %s.", where, times(of))
	}
	return fmt.Sprintf("Side by side: %s come to the same verdict %s of %d.", where, times(c.Same), of)
}

// skippedWords say what was not run where, and why.
func skippedWords(result *run.Result) []string {
	var all []string
	for _, s := range result.Skipped {
		all = append(all, fmt.Sprintf("not run on %s: %s: %s", s.Place, few(s.Arms), s.Reason))
	}
	return all
}

// onWords say where a run took place, where that was not in processes alone.
func onWords(doc *run.Run) string {
	if len(doc.Places) == 0 || slices.Equal(doc.Places, []string{run.Processes}) {
		return ""
	}
	return "nodes on " + list(doc.Places, "and")
}
