package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// A Target names a database to examine.
type Target struct {
	Path      string // as the user has it
	PID       int    // the process in whose root directory Path is; 0: in doctor's own
	Container string // the container that PID runs in, for the report; empty for none
}

// A Report is the answer about one database.
type Report struct {
	Verdict  string    `json:"verdict"` // healthy, attention, danger or "cannot tell"
	Findings []Finding `json:"findings"`
	Facts    *Facts    `json:"facts"`
}

// A rule turns facts into findings. Its name is what the documentation and scripts know it by.
type rule struct {
	name string
	find func(*Facts) []Finding
}

// rules are all rules, in the order of the report where findings are equally grave.
var rules = []rule{
	{"journal-generations", generations},
	{"database-replaced", replaced},
	{"locks-missing", lockless},
	{"single-file-mount", onlyFile},
	{"several-names", otherName},
	{"companion-mount", apart},
	{"file-system", onMedium},
	{"container-layer", inLayer},
	{"lock-protocol", otherLocks},
	{"two-libraries", twoEngines},
	{"wal-pinned", pinned},
	{"lock-held", writing},
	{"permissions", lockedOut},
	{"space", little},
	{"wal-reset", walReset},
	{"unseen-process", somebodyElse},
}

// judge applies the rules to the facts, and adds what was found in the files.
func judge(f *Facts, inFiles []Finding) Report {
	r := Report{Facts: f, Findings: []Finding{}}
	for _, finding := range inFiles {
		finding.Command = strings.ReplaceAll(finding.Command, "DB", quote(f.Path))
		r.Findings = append(r.Findings, finding)
	}
	for _, rule := range rules {
		for _, finding := range rule.find(f) {
			finding.Rule = rule.name
			r.Findings = append(r.Findings, finding)
		}
	}
	slices.SortStableFunc(r.Findings, worse)
	r.Verdict = Verdict(r.Findings)
	return r
}

// Options say how to examine.
type Options struct {
	// Names returns the names of containers by id. Those that it leaves out keep a short id.
	Names     func(ctx context.Context, ids []string) map[string]string
	Anonymous bool // leave out names and paths
	Deep      bool // have SQLite look at every page of a private copy
}

// Examine examines one database. An error says that the database could not be found or opened; what could not be
// seen of it is in the report.
func Examine(ctx context.Context, t Target, o Options) (Report, error) {
	facts, contents, files, err := see(ctx, t)
	defer closeAll(files)
	if err != nil {
		return Report{}, err
	}
	nameContainers(ctx, facts, o.Names)
	if o.Anonymous {
		anonymize(facts)
	}
	found := inFile(facts, contents)
	facts.Unseen = append(facts.Unseen, unseenInFile(contents)...)
	if o.Deep {
		more, err := Deep(ctx, facts, files)
		if ctx.Err() != nil {
			return Report{}, context.Cause(ctx)
		}
		if err != nil {
			more = []Finding{{
				Rule: "integrity", Severity: Unknown, Subject: facts.Path, Sentence: "SQLite did not examine the database: there is no copy of it.",
				Evidence: []string{capital(err.Error()) + "."}, Remedy: "Try again when less is written, or with TMPDIR on a disk with more room.",
				Source: "https://sqlite.org/pragma.html#pragma_integrity_check",
			}}
		}
		found = append(found, more...)
	}
	return judge(facts, found), nil
}

// root is the directory below which the target's path is.
func (t Target) root() string {
	if t.PID == 0 {
		return ""
	}
	return fmt.Sprintf("/proc/%d/root", t.PID)
}

func closeAll(files map[string]*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

// nameContainers puts names, or short ids, in place of the ids of containers.
func nameContainers(ctx context.Context, f *Facts, names func(context.Context, []string) map[string]string) {
	var ids []string
	for _, h := range f.Holders {
		if h.Container != "" && !slices.Contains(ids, h.Container) {
			ids = append(ids, h.Container)
		}
	}
	if len(ids) == 0 {
		return
	}
	known := names(ctx, ids)
	for i := range f.Holders {
		h := &f.Holders[i]
		const short = 12 // characters of an id that Docker shows
		if name := known[h.Container]; name != "" {
			h.Container = name
		} else if len(h.Container) > short {
			h.Container = h.Container[:short]
		}
	}
}
