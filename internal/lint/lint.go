// Package lint finds, in Compose files and Kubernetes manifests, what will harm a
// SQLite file that several processes share.
//
// Files become a small model, [System]: workloads, containers, mounts and volumes
// (compose.go, kubernetes.go; yaml.go reads YAML with the lines that findings need).
// uses.go says which container opens which SQLite file, by the tables in
// recognise.go and storage.go. The rules read only that; rules.go is their table.
//
// It knows only what the files say. It does not see what a program does, and where
// only a name speaks for SQLite a finding is a notice.
package lint

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.com/contend/internal/units"
)

// Severity is how bad a finding is. The zero value is a notice.
type Severity int

const (
	Notice  Severity = iota // perhaps: something has to be known that no file says
	Warning                 // works under conditions that the finding names
	Error                   // loses or refuses writes
)

var severities = []string{"notice", "warning", "error"}

func (s Severity) String() string               { return severities[s] }
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Finding is one fault at one place.
type Finding struct {
	Place
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"`
	At       string   `json:"at"`      // the workload or volume, with the path of the file
	Message  string   `json:"message"` // what happens, and what to do instead
}

func (f *Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s: %s (%s)", f.File, f.Line, f.Severity, f.At, f.Message, f.Rule)
}

// Unread is what could not be read, and why. The answer does not cover it.
type Unread struct {
	Place
	Why      string `json:"why"`
	Included bool   `json:"included"` // an included file: the rest was judged without it
}

// A Source is the text of a file.
type Source struct {
	Name string
	Text []byte
}

// Report is what lint says of some files.
type Report struct {
	Files     int       `json:"files"`
	Workloads int       `json:"workloads"` // services, and objects of Kubernetes that make pods
	Findings  []Finding `json:"findings"`
	Unread    []Unread  `json:"unread"`  // broken documents, files that are missing
	Strange   []string  `json:"strange"` // files with neither Compose nor Kubernetes in them
}

// Files checks files. Compose files that belong together are one project: a base and
// its overrides. All Kubernetes objects are one cluster. The function read returns
// the text of a file that one of them includes; its error says why there is none.
func Files(sources []Source, read func(name string) ([]byte, error)) *Report {
	r := &Report{Files: len(sources), Findings: []Finding{}, Unread: []Unread{}, Strange: []string{}}
	var all, composed []*document
	var objects []object
	for _, s := range sources {
		docs, unread := parse(s.Name, s.Text)
		r.Unread = append(r.Unread, unread...)
		all = append(all, docs...)
		known := len(unread) > 0
		for _, d := range docs {
			switch {
			case d.root.get("kind").text() == "Kustomization" || path.Base(s.Name) == "kustomization.yaml":
				r.Unread = append(r.Unread, Unread{d.root.place(), "a kustomization: lint what `kubectl kustomize " + path.Dir(s.Name) + "` prints", true})
				known = true
			case d.root.get("apiVersion").set() && d.root.get("kind").set():
				objects = appendObjects(objects, d.root, 0)
				known = true
			case d.root.get("services").set() || d.root.get("include").set():
				composed = append(composed, d)
				known = true
			}
		}
		if !known {
			r.Strange = append(r.Strange, s.Name)
		}
	}
	for _, files := range projects(composed) {
		p := newProject(read)
		r.check(p.system(files))
		r.Unread = append(r.Unread, p.unread...)
	}
	if len(objects) > 0 {
		r.check(cluster(objects))
	}
	for _, d := range all {
		if d.steps > maxSteps {
			r.Unread = append(r.Unread, Unread{Place: d.root.place(), Why: "its aliases make it too large: a part was not looked at"})
		}
	}
	r.sort()
	return r
}

// check adds the findings of a system.
func (r *Report) check(sys *System) {
	r.Workloads += len(sys.Workloads)
	a := analyse(sys)
	for i := range Rules {
		a.rule = &Rules[i]
		a.rule.check(a)
	}
	r.Findings = append(r.Findings, a.findings...)
}

// sort orders what was found by place, and drops what a file that belongs to
// several projects says several times.
func (r *Report) sort() {
	byPlace := func(a, b Place) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) }
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(byPlace(a.Place, b.Place), int(b.Severity-a.Severity), strings.Compare(a.Rule, b.Rule), strings.Compare(a.At, b.At))
	})
	r.Findings = slices.CompactFunc(r.Findings, func(a, b Finding) bool {
		return a.Place == b.Place && a.Rule == b.Rule && a.At == b.At
	})
	slices.SortStableFunc(r.Unread, func(a, b Unread) int { return byPlace(a.Place, b.Place) })
	r.Unread = slices.Compact(r.Unread)
}

// Count returns how many findings have a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// Answer says in one line what was found.
func (r *Report) Answer() string {
	var counts []string
	for _, s := range []Severity{Error, Warning, Notice} {
		if n := r.Count(s); n > 0 {
			counts = append(counts, units.Plural(int64(n), s.String()))
		}
	}
	files := units.Plural(int64(r.Files), "file")
	switch {
	case len(counts) > 0:
		return fmt.Sprintf("%s in %s: %s", strings.Join(counts, ", "), files, r.worst().Headline)
	case r.Workloads == 0 && len(r.Strange) == r.Files:
		return fmt.Sprintf("cannot tell: no Compose file and no Kubernetes manifest in %s", files)
	case slices.ContainsFunc(r.Unread, func(u Unread) bool { return !u.Included }):
		return fmt.Sprintf("cannot tell: nothing found in what could be read of %s", files)
	}
	return "nothing found in " + files
}

// worst returns the rule of the worst finding, the first in the table among equals.
func (r *Report) worst() *Rule {
	worst, severity := len(Rules), Severity(-1)
	for i := range r.Findings {
		f := &r.Findings[i]
		at := slices.IndexFunc(Rules, func(rule Rule) bool { return rule.ID == f.Rule })
		if f.Severity > severity || f.Severity == severity && at < worst {
			worst, severity = at, f.Severity
		}
	}
	return &Rules[worst]
}
