package lint

import (
	"path"
	"strings"

	"example.com/contend/internal/display"
)

// An analysis is a system with what its containers do with SQLite files.
type analysis struct {
	sys      *System
	all      []*Container
	facts    map[*Container]*facts
	uses     []*use                   // of applications and browsers, whose own settings tell
	joint    map[location][]*use      // by location: those, and containers that reach the file
	mounted  map[location][]mountedBy // by where a mount's target lies
	volumes  map[string][]*use        // uses, by the ID of their volume; at most maxNear
	findings []Finding
	rule     *Rule
}

type mountedBy struct {
	c *Container
	m *Mount
}

// Bounds of a system.
const (
	maxJoint = 100_000 // containers that reach a file without naming it
	maxReach = 1000    // containers that reach one file
	maxNear  = 200     // uses of one volume that a backup is held against
)

func analyse(sys *System) *analysis {
	a := &analysis{sys: sys, facts: map[*Container]*facts{}, joint: map[location][]*use{}, mounted: map[location][]mountedBy{}, volumes: map[string][]*use{}}
	own := map[*Container]bool{} // has a file of its own
	for _, w := range sys.Workloads {
		for _, c := range w.Containers {
			a.all = append(a.all, c)
			f, uses := usesOf(c)
			a.facts[c] = &f
			for _, m := range c.Mounts {
				a.mounted[m.at(m.Target)] = append(a.mounted[m.at(m.Target)], mountedBy{c, m})
			}
			if f.role == copier || f.role == backup || f.role == checkpointer && len(uses) == 0 {
				continue
			}
			for i := range uses {
				u := &uses[i]
				if f.role == checkpointer && (u.mount == nil || u.mount.Target != u.file) {
					continue // it goes with the application's own
				}
				own[c] = true
				a.uses = append(a.uses, u)
				if u.mount == nil {
					continue
				}
				a.joint[u.at] = append(a.joint[u.at], u)
				if near := a.volumes[u.at.volume]; len(near) < maxNear {
					a.volumes[u.at.volume] = append(near, u)
				}
			}
		}
	}
	left := maxJoint
	for at, uses := range a.joint {
		has := map[*Container]bool{}
		for _, u := range uses {
			has[u.c] = true
		}
		for _, by := range a.reach(at) {
			f := a.facts[by.c]
			if own[by.c] || has[by.c] || f.role != application || f.memory || f.other || by.m.ReadOnly || by.c.Init || left == 0 {
				continue
			}
			left--
			file := path.Join(by.m.Target, strings.TrimPrefix(at.path, by.m.at(by.m.Target).path))
			u := &use{Place: by.m.Place, c: by.c, file: file, dir: uses[0].dir, mount: by.m, at: at, sure: guess}
			for _, v := range uses[:min(len(uses), maxNear)] {
				if v.c.same(by.c) || a.facts[v.c].role == browser && len(uses) == 1 {
					u.sure = max(u.sure, v.sure)
				}
			}
			a.joint[at] = append(a.joint[at], u)
		}
		if left == 0 {
			break
		}
	}
	return a
}

// reach returns the mounts that have a location in them, each container's innermost,
// of at most maxReach containers.
func (a *analysis) reach(at location) (all []mountedBy) {
	seen := map[*Container]bool{}
	for up := at; ; up.path = path.Dir(up.path) {
		if up.path == "." {
			up.path = ""
		}
		keys := []location{up}
		if up.path == "" {
			keys = append(keys, location{up.volume, "."})
		}
		for _, key := range keys {
			for _, by := range a.mounted[key] {
				if len(all) == maxReach {
					return all
				}
				if !seen[by.c] {
					seen[by.c] = true
					all = append(all, by)
				}
			}
		}
		if up.path == "" || up.path == "/" || path.Base(up.path) == ".." {
			return all
		}
	}
}

// find adds a finding of the rule that is being checked. A guess is never more
// than a notice.
func (a *analysis) find(severity Severity, how sureness, at Place, subject, message string) {
	if how == guess {
		severity = Notice
	}
	a.findings = append(a.findings, Finding{Place: at, Severity: severity, Rule: a.rule.ID, At: display.Cut(subject, 400), Message: display.Cut(message, 1000)})
}

// where returns how a finding names a container, with its pod where that has several.
func where(c *Container) string {
	n := 0
	for _, d := range c.Workload.Containers {
		if !d.Init {
			n++
		}
	}
	if n > 1 || c.Init {
		return c.Workload.subject() + " container " + c.Name
	}
	return c.Workload.subject()
}

// subject names a container and its file.
func (u *use) subject() string {
	if u.file == "" {
		return where(u.c)
	}
	return where(u.c) + ":" + u.file
}

// lasts reports whether what a mount holds outlives its container and is one for
// all replicas of a host.
func (m *Mount) lasts() bool {
	if m == nil {
		return false
	}
	switch m.Volume.Kind {
	case named, bind, claim:
		return true
	}
	return false
}

// words for what holds a database that does not outlive its container.
func (m *Mount) volatile() (what string, severity Severity) {
	if m == nil {
		return "in the container's own layer", Error
	}
	switch m.Volume.Kind {
	case memory:
		return "on tmpfs", Error
	case scratch:
		return "on a volume that ends with its pod", Error
	case anonymous:
		return "on an anonymous volume, which `down` leaves behind", Warning
	}
	return "", Notice
}
