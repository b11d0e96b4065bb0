package report

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// commandLine quotes for a shell what has to be quoted.
func commandLine(args []string) string {
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// repeat is what to type to run one experiment of run again: the run's own
// flags, without the --arm that none of the experiment's arms has matched. The
// experiment of a comparison is repeated as a whole.
func repeat(doc *run.Run, result *run.Result) []string {
	if doc.Comparison != nil && len(doc.Command) > 0 {
		return doc.Command
	}
	at := slices.IndexFunc(doc.Command, func(arg string) bool { return strings.HasPrefix(arg, "-") })
	if at < 2 {
		return []string{"contend", "run", result.Name, "--seed", fmt.Sprint(doc.Seed)}
	}
	args := append(slices.Clone(doc.Command[:2]), result.Name)
	for flags := doc.Command[at:]; len(flags) > 0; flags = flags[1:] {
		if flags[0] == "--arm" && len(flags) > 1 && !matchesArm(flags[1], result.Arms) {
			flags = flags[1:]
			continue
		}
		args = append(args, flags[0])
	}
	return args
}

// matchesArm reports whether a pattern of --arm names an arm, part by part.
func matchesArm(pattern string, arms []run.ArmResult) bool {
	want := strings.Split(pattern, "/")
	return slices.ContainsFunc(arms, func(a run.ArmResult) bool {
		have := strings.Split(a.Name, "/")
		for i, glob := range want {
			if i >= len(have) {
				return false
			}
			if ok, err := path.Match(glob, have[i]); err != nil || !ok {
				return false
			}
		}
		return true
	})
}
