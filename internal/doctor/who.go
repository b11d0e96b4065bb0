package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
)

// replaced are processes that have a database open which is no longer the one at its path.
func replaced(f *Facts) (all []Finding) {
	now := f.Of(Database)
	for i := range f.Holders {
		h := &f.Holders[i]
		for _, o := range h.In(Database) {
			if o.ID == now.ID {
				continue
			}
			gone := "is deleted"
			if o.Links > 0 {
				gone = "has another name now"
			}
			all = append(all, Finding{
				Severity: Danger, Subject: h.String(),
				Sentence:    fmt.Sprintf("%s has another file open as %s: it %s.", capital(h.String()), o.Name, gone),
				Evidence:    []string{fmt.Sprintf("Its descriptor %d is inode %d; %s is inode %d now.", o.FD, o.ID.Inode, f.Path, now.ID.Inode)},
				Consequence: "What it commits is in a file that nobody else sees, and is lost when it ends.",
				Remedy:      "Do not restart it. Copy its file first, then restart it.",
				Command:     copyOpen(h, o),
				Source:      "https://sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use",
			})
			break
		}
	}
	return all
}

// generations are several -wal, -shm or -journal files of one database that are open at the same time.
func generations(f *Facts) (all []Finding) {
	for i := range f.Holders {
		h := &f.Holders[i]
		var old []Open // that are not those at the path
		for _, o := range h.Files {
			if now := f.Of(o.Role); slices.Contains([]string{WALFile, Journal}, o.Role) && (now == nil || now.ID != o.ID) {
				old = append(old, o)
			}
		}
		db := slices.IndexFunc(h.Files, func(o Open) bool { return o.Role == Database && o.ID == f.Of(Database).ID })
		if len(old) == 0 || db < 0 {
			continue
		}
		o := old[0]
		finding := Finding{
			Severity: Danger, Subject: h.String(), Proof: "contend run mounts --arm single-file-bind/WAL --on compose --alone --quick",
			Consequence: "What it commits is lost when it ends, and two who write the database with different journals damage it.",
			Remedy:      "Do not restart it. Stop the others that write, then copy its files.",
			Command:     copyOpen(h, h.Files[db]),
			Source:      "https://sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use",
		}
		if o.Links == 0 {
			finding.Sentence = fmt.Sprintf("%s keeps %s of commits in a deleted %s file.", capital(h.String()), bytesText(o.Size), o.Role)
		} else {
			finding.Sentence = fmt.Sprintf("%s has a %s file of its own, %s, which is not the one beside %s.", capital(h.String()), o.Role, o.Name, f.Path)
		}
		for _, o := range old {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("Its descriptor %d, %s, is inode %d with %s and %s, last written %s.",
				o.FD, o.Name, o.ID.Inode, units.PluralOf(int(o.Links), "name", "names"), bytesText(o.Size), age(f.Read.Sub(o.Modified))))
		}
		if now := f.Of(o.Role); now != nil {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s%s is inode %d with %s.", f.Path, o.Role, now.ID.Inode, bytesText(now.Size)))
		} else {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("There is no %s%s.", f.Path, o.Role))
		}
		all = append(all, finding)
	}
	return all
}

// copyOpen are the commands that copy what a process has open, db with its journals, while it stands still.
func copyOpen(h *Holder, db Open) string {
	base := db.Name[strings.LastIndexByte(db.Name, '/')+1:]
	lines := []string{"mkdir rescue", fmt.Sprintf("kill -STOP %d", h.PID), fmt.Sprintf("cp /proc/%d/fd/%d %s", h.PID, db.FD, quote("rescue/"+base))}
	for _, role := range []string{WALFile, Journal} {
		if open := h.In(role); len(open) > 0 {
			lines = append(lines, fmt.Sprintf("cp /proc/%d/fd/%d %s", h.PID, open[0].FD, quote("rescue/"+base+role)))
		}
	}
	return strings.Join(append(lines, fmt.Sprintf("kill -CONT %d", h.PID), fmt.Sprintf("sqlite3 %s 'PRAGMA integrity_check'", quote("rescue/"+base))), "\n")
}

// age writes how long ago something was.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return "just now"
	case d < 2*time.Minute:
		return units.Plural(int(d.Seconds()), "second") + " ago"
	case d < 2*time.Hour:
		return units.Plural(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return units.Plural(int(d.Hours()), "hour") + " ago"
	}
	return units.Plural(int(d.Hours()/24), "day") + " ago"
}

// lockless are processes that use the database without the locks that this calls for.
func lockless(f *Facts) (all []Finding) {
	for i := range f.Holders {
		h := &f.Holders[i]
		if !f.Stays.Lacks[h.PID] {
			continue
		}
		if parent := f.inherited(h); parent != nil {
			all = append(all, Finding{
				Severity: Note, Subject: h.String(),
				Sentence:    fmt.Sprintf("%s has inherited an open database from process %d by fork.", capital(h.String()), parent.PID),
				Evidence:    []string{"It has the descriptors of its parent, and none of its locks."},
				Consequence: "A child that uses its parent's connection damages the database. One that leaves it alone does no harm.",
				Remedy:      "Open the database after the fork, in the child.",
				Source:      "https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_",
			})
			continue
		}
		held := h.Locks
		if len(held) == 0 {
			held = []string{"none"}
		}
		finding := Finding{
			Severity: Danger, Subject: h.String(),
			Sentence: fmt.Sprintf("%s has the database open in WAL mode, and its locks are gone.", capital(h.String())),
			Evidence: []string{
				fmt.Sprintf("A connection in WAL mode holds SHARED on the database and DMS on the -shm as long as it is open. Its locks, for %s: %s.", units.Milliseconds(float64(f.Stays.For.Milliseconds())), strings.Join(held, ", ")),
				"A process loses all its locks on a file when it closes any descriptor of it, as open, read and close of the database do.",
			},
			Consequence: "The next process that closes the database takes itself for the last one: it deletes the -wal that this one goes on writing. Commits are lost and the file becomes malformed.",
			Remedy:      "Restart it, and have no program open, copy or checksum the database file in a process that also uses it through SQLite.",
			Source:      "https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_",
		}
		if !f.WAL {
			finding.Sentence = fmt.Sprintf("%s writes the database and holds no lock on it.", capital(h.String()))
			finding.Evidence = []string{"It writes " + f.Path + "-journal, which SQLite does under RESERVED. Its locks: " + strings.Join(held, ", ") + "."}
			finding.Consequence = "It excludes nobody: two who write at the same time damage the file."
			finding.Remedy = "Open the database without nolock=1 and without a VFS such as unix-none, and restart the process."
		}
		all = append(all, finding)
	}
	return all
}

// inherited returns the holder from which h has its descriptors by fork; nil where there is none.
func (f *Facts) inherited(h *Holder) *Holder {
	for i := range f.Holders {
		p := &f.Holders[i]
		if p.PID != h.Parent {
			continue
		}
		for _, o := range h.In(Database) {
			if slices.ContainsFunc(p.In(Database), func(q Open) bool { return q.FD == o.FD && q.ID == o.ID }) {
				return p
			}
		}
	}
	return nil
}

// otherLocks are locks of a kind that does not exclude SQLite's own.
func otherLocks(f *Facts) (all []Finding) {
	const source = "https://sqlite.org/howtocorrupt.html#_two_processes_using_different_locking_protocols"
	finding := func(subject, sentence, evidence string) Finding {
		return Finding{
			Severity: Attention, Subject: subject, Sentence: sentence, Evidence: []string{evidence},
			Consequence: "It excludes only those who lock in the same way. Whoever uses SQLite's own locks writes at the same time, and the file is damaged.",
			Remedy:      "Open the database with the same VFS everywhere.", Source: source,
		}
	}
	for i := range f.Holders {
		h := &f.Holders[i]
		if slices.ContainsFunc(h.locks(), func(l Lock) bool { return l.Role == Database && l.Kind == "FLOCK" }) {
			all = append(all, finding(h.String(), fmt.Sprintf("%s locks the database with flock.", capital(h.String())), "SQLite's VFS unix-flock does that, or the program itself."))
		}
	}
	for _, name := range f.Beside {
		all = append(all, finding(name, "There is a lock file beside the database, as the VFS unix-dotfile makes it.", name+"."))
	}
	// Two kinds at once are proof.
	plain := slices.ContainsFunc(f.Holders, func(h Holder) bool { return h.holds(Database, probes[2].first) })
	for i := range all {
		if plain {
			all[i].Severity = Danger
			all[i].Evidence = append(all[i].Evidence, "Another process holds SQLite's own locks.")
		}
	}
	return all
}

// twoEngines are processes with more than one SQLite in their memory.
func twoEngines(f *Facts) (all []Finding) {
	for i := range f.Holders {
		h := &f.Holders[i]
		if len(h.Engines) < 2 {
			continue
		}
		finding := Finding{
			Severity: Attention, Subject: h.String(),
			Sentence:    fmt.Sprintf("%s has %s in its memory.", capital(h.String()), units.PluralOf(len(h.Engines), "SQLite library", "SQLite libraries")),
			Consequence: "If both open this database, a close by one drops the locks of the other, and deletes its -wal: commits are lost.",
			Remedy:      "Have one library open the database.",
			Source:      "https://sqlite.org/howtocorrupt.html#multiple_copies_of_sqlite_linked_into_the_same_application",
		}
		for _, e := range h.Engines {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s: SQLite %s.", e.File, e.version()))
		}
		all = append(all, finding)
	}
	return all
}

func (e Engine) version() string {
	if e.Version == "" {
		return "of a version that could not be told"
	}
	return e.Version
}

// hasWALReset reports whether every version that the engine may have has the WAL-reset bug.
func (e Engine) hasWALReset() bool {
	return !slices.ContainsFunc(strings.Split(e.Version, eitherOr), func(v string) bool {
		fixed, known := store.WALResetFixed(v)
		return fixed || !known
	})
}

// walReset is a SQLite with the WAL-reset bug, where the race that it takes can happen: two connections at least.
func walReset(f *Facts) []Finding {
	connections := 0
	finding := Finding{
		Severity: Attention, Subject: f.Path,
		Consequence: "When a checkpoint races with a commit that begins the WAL again, later commits are lost without an error. SQLite's authors call it very rare.",
		Remedy:      "Update SQLite to 3.51.3, or to 3.50.7 or 3.44.6 on their branches.",
		Source:      "https://sqlite.org/wal.html#walresetbug",
	}
	affected := map[int]bool{}
	of := map[string][]int{} // processes, by the library
	for i := range f.Holders {
		h := &f.Holders[i]
		connections += len(h.In(Database))
		for _, e := range h.Engines {
			if e.hasWALReset() {
				affected[h.PID] = true
				library := fmt.Sprintf("SQLite %s, in %s", e.Version, e.File)
				of[library] = append(of[library], h.PID)
			}
		}
	}
	if !f.WAL || connections < 2 || len(affected) == 0 {
		return nil
	}
	for library, pids := range of {
		more := ""
		if len(pids) > 1 {
			more = fmt.Sprintf(" and %s", units.PluralOf(len(pids)-1, "other", "others"))
		}
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s: process %d%s.", library, pids[0], more))
	}
	slices.Sort(finding.Evidence)
	finding.Sentence = units.PluralOf(len(affected), "process uses", "processes use") + " a SQLite with the WAL-reset bug."
	return []Finding{finding}
}

// somebodyElse are locks of those whom doctor cannot see.
func somebodyElse(f *Facts) []Finding {
	if len(f.Foreign) == 0 {
		return nil
	}
	finding := Finding{
		Severity: Unknown, Subject: f.Path,
		Sentence:    "Somebody whom doctor cannot see has locked the database.",
		Consequence: "What it does with the database is not known.",
		Remedy:      "Run doctor as root, on the host of the containers, and on each machine that has this file system.",
		Source:      "https://man7.org/linux/man-pages/man5/proc_locks.5.html",
	}
	for _, l := range f.Foreign {
		by := "a process of another PID namespace or machine"
		if l.PID > 0 {
			by = fmt.Sprintf("process %d", l.PID)
		}
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s holds %s.", capital(by), strings.Join(l.names(l.Role), ", ")))
	}
	return []Finding{finding}
}
