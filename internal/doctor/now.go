package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/dbfile"
	"example.com/contend/internal/units"
)

// How long doctor looks at what a process only passes through as a rule, and how often. It stops as soon as nothing
// is left to look at.
const (
	lookFor   = 2 * time.Second
	lookEvery = 50 * time.Millisecond
)

// pinned is a WAL that no checkpoint can move into the database, because somebody reads an old state of it.
func pinned(f *Facts) []Finding {
	x := f.Stays.Index
	if x == nil {
		x = f.Index
	}
	if x == nil || f.Index == nil || x.Behind() <= fewFrames {
		return nil
	}
	var held [dbfile.ReadMarks]bool
	for i := range f.Holders {
		for _, l := range f.Stays.Locks[f.Holders[i].PID] {
			if m := l.mark(); l.reads() && x.Marks[m] == f.Index.Marks[m] {
				held[m] = true
			}
		}
	}
	limit, mark := x.Limit(held)
	if mark < 0 || x.Last-limit <= fewFrames {
		return nil
	}
	behind := x.Last - limit
	size := int64(behind) * int64(x.PageSize)
	finding := Finding{
		Severity: Attention, Subject: f.Path + WALFile, Proof: "contend run checkpoint --quick",
		Consequence: "Each commit makes the -wal larger, and each read slower, until the disk is full. The file does not shrink by itself afterwards.",
		Remedy:      "End that transaction: finalize or reset its statements, close its cursor, or end the process. Then truncate the WAL.",
		Command:     fmt.Sprintf("sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)'", quote(f.Path)),
		Source:      "https://sqlite.org/wal.html#avoiding_excessively_large_wal_files",
	}
	for i := range f.Holders {
		h := &f.Holders[i]
		if !slices.ContainsFunc(f.Stays.Locks[h.PID], func(l Lock) bool { return l.reads() && l.mark() == mark }) {
			continue
		}
		if finding.Sentence == "" {
			finding.Subject = h.String()
			finding.Sentence = fmt.Sprintf("A read transaction of %s keeps %s frames (%s) of the WAL from the checkpoint.", h.String(), units.Count(int64(behind)), bytesText(size))
		}
		since := ""
		if wal := f.Of(WALFile); wal != nil {
			since = fmt.Sprintf(" Its transaction began before the last commit, %s.", age(f.Read.Sub(wal.Modified)))
		}
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s holds WAL_READ%d, whose mark is frame %s of %s.%s", capital(h.String()), mark, units.Count(int64(x.Marks[mark])), units.Count(int64(x.Last)), since))
	}
	finding.Evidence = append(finding.Evidence, fmt.Sprintf("Checkpoints have copied %s of %s frames.", units.Count(int64(x.Backfill)), units.Count(int64(x.Last))))
	return []Finding{finding}
}

// writing are locks that keep all others from writing, held for as long as doctor looked.
func writing(f *Facts) (all []Finding) {
	if f.Stays.For < lookFor {
		return nil
	}
	var readers []string
	for i := range f.Holders {
		h := &f.Holders[i]
		if f.Stays.Locks[h.PID] == nil && (h.holds(Database, dbfile.SharedFirst) && !f.WAL || slices.ContainsFunc(h.locks(), Lock.reads)) {
			readers = append(readers, h.String())
		}
	}
	for i := range f.Holders {
		h := &f.Holders[i]
		var names []string
		for _, l := range f.Stays.Locks[h.PID] {
			if !l.reads() {
				names = append(names, l.names(l.Role)...)
			}
		}
		if len(names) == 0 {
			continue
		}
		if slices.Contains(names, "EXCLUSIVE") {
			names = []string{"EXCLUSIVE"} // its range holds that of the others
		}
		finding := Finding{
			Severity: Attention, Subject: h.String(),
			Sentence:    fmt.Sprintf("%s has held %s for more than %s: nobody else can write.", capital(h.String()), strings.Join(names, " and "), units.Milliseconds(float64(lookFor.Milliseconds()))),
			Evidence:    []string{"No transaction was committed meanwhile."},
			Consequence: "Other writers get SQLITE_BUSY (\"database is locked\") when their busy_timeout is over.",
			Remedy:      "Find out what it does between BEGIN and COMMIT: a call over the network, a wait for a user, a forgotten COMMIT.",
			Command:     fmt.Sprintf("cat /proc/%[1]d/wchan; ls -l /proc/%[1]d/fd", h.PID),
			Source:      "https://sqlite.org/rescode.html#busy", Proof: "contend run lock-wait --quick",
		}
		waits := slices.Contains(names, "PENDING") && !slices.Contains(names, "EXCLUSIVE") || slices.Contains(names, "WAL_CKPT")
		if waits && len(readers) > 0 {
			finding.Sentence = fmt.Sprintf("%s keeps all others from writing while it waits for %s to end reading.", capital(h.String()), units.List(readers, "and"))
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("It has held %s for more than %s.", strings.Join(names, " and "), units.Milliseconds(float64(lookFor.Milliseconds()))))
			finding.Remedy = "End the read transactions that it waits for. A checkpoint that is not to wait is PASSIVE."
			finding.Proof = "contend run checkpoint --quick"
		}
		if slices.Contains(names, "EXCLUSIVE") {
			finding.Consequence = "Nobody else can read or write: they get SQLITE_BUSY."
			finding.Evidence = append(finding.Evidence, "PRAGMA locking_mode=EXCLUSIVE keeps this lock until the connection is closed.")
		}
		all = append(all, finding)
	}
	return all
}
