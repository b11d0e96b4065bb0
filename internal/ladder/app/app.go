// Package app says how many lines of an application have to change to get to a
// rung of the ladder.
//
// Two ideas carry it. The figure is counted, not judged: for each rung there is a
// small web service, red with only that change made, which compiles and is run by
// tests. And what is counted is what an engineer has to write: comments, blank
// lines, indentation and the package's name are left out.
//
// The services are held as text. Nothing of them is linked into a program that
// imports this package.
package app

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed */app.go balancer/*.conf
var sources embed.FS

// Lines returns how many lines are added or removed between the application of
// the first rung, red, and that of rung, so that a line that is rewritten counts
// twice, and of how many lines red has. Ok is false where rung has none here.
func Lines(rung string) (changed, of int, ok bool) { return between("red/app.go", rung+"/app.go") }

// BalancerLines counts what a single writer takes in nginx's configuration, as
// Lines counts an application's.
func BalancerLines() (changed, of int, ok bool) {
	return between("balancer/red.conf", "balancer/single-writer.conf")
}

func between(before, after string) (changed, of int, ok bool) {
	a, errBefore := code(before)
	b, errAfter := code(after)
	if errBefore != nil || errAfter != nil {
		return 0, 0, false
	}
	return difference(a, b), len(a), true
}

// code returns the lines of a source that count.
func code(name string) ([]string, error) {
	text, err := fs.ReadFile(sources, name)
	if err != nil {
		return nil, err
	}
	comment := "// "
	if path.Ext(name) == ".conf" {
		comment = "# "
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		// No string of the sources has a comment's mark with a space in it.
		line, _, _ = strings.Cut(line, comment)
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "package ") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// difference returns how many lines have to be added to a or removed from it to
// get b: all but the lines of their longest common subsequence, on both sides.
func difference(a, b []string) int {
	// common[j] is the length of that of b[:j] and the part of a seen so far.
	common := make([]int, len(b)+1)
	for _, line := range a {
		before := slices.Clone(common)
		for j := range b {
			if line == b[j] {
				common[j+1] = before[j] + 1
			} else {
				common[j+1] = max(before[j+1], common[j])
			}
		}
	}
	return len(a) + len(b) - 2*common[len(b)]
}
