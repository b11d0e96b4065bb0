package doctor

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"example.com/contend/internal/dbfile"
	"example.com/contend/internal/units"
)

// fileRules are the findings about what stands in the files.
var fileRules = []func(*Facts, *Contents) *Finding{
	notADatabase, contradictoryHeader, foreignWAL, shortFile, raggedFile, damagedPages, damagedFreelist,
	hotJournal, unreadableWAL, brokenWAL, unendedFrames,
}

// pages reports whether anything is known of the pages: they were read while nobody wrote, and from a file and a WAL that
// belong together.
func (c *Contents) pages(f *Facts) bool {
	return c.Pages && !c.Moving && (c.WAL == nil || c.WAL.Fits(*f.Header) == dbfile.FitUnrefuted)
}

// inFile returns what is wrong with the files themselves.
func inFile(f *Facts, c *Contents) (all []Finding) {
	for _, rule := range fileRules {
		if found := rule(f, c); found != nil {
			if found.Subject == "" {
				found.Subject = f.Path
			}
			all = append(all, *found)
		}
	}
	return all
}

// unseenInFile says what of the files was not looked at, a sentence each.
func unseenInFile(c *Contents) (all []string) {
	all = append(all, c.Broken...)
	switch {
	case c.Begins != nil:
		return all
	case c.Moving:
		return append(all, "The pages and the WAL: somebody wrote to them while they were read.")
	case c.WAL != nil && c.WAL.Cut:
		return append(all, fmt.Sprintf("The WAL behind its first %s, and the pages.", megabytes(mostLog)))
	case !c.Pages:
		return append(all, "The pages: a transaction is under way, or was left behind.")
	case c.Trees.Cut:
		all = append(all, fmt.Sprintf("All pages but %s of tables and indexes: --deep looks at every page.", units.Count(int64(c.Trees.Looked))))
	}
	return all
}

func megabytes(n int64) string { return units.Count(n>>20) + " MiB" }

// Pages that say what these findings rest on.
const (
	fileFormat = "https://sqlite.org/fileformat2.html"
	walFormat  = "https://sqlite.org/walformat.html"
	recovery   = "https://sqlite.org/recovery.html"
	backups    = "https://sqlite.org/howtocorrupt.html#_backup_or_restore_while_a_transaction_is_active"
)

// rescue copies everything before anybody opens it with SQLite, and reads what can be read. The tool's .dump is used, because
// .recover, which reads more, fails in that of Debian 12 (3.40.1), with sound databases too. A dump that met damage ends
// with ROLLBACK.
const (
	rescue = "Stop whoever uses it, copy all its files before SQLite opens them again, and read from the copy what can be read, or take the last good backup. " +
		"Where your sqlite3 has a working .recover, that reads more than .dump."
	rescuing = "mkdir rescue && cp -p DB* rescue/\n" +
		"sqlite3 \"rescue/$(basename DB)\" .dump | sed 's/^ROLLBACK; -- due to errors$/COMMIT;/' | sqlite3 recovered.db"
)

func notADatabase(f *Facts, c *Contents) *Finding {
	switch {
	case c.Zeros:
		return &Finding{
			Rule: "begins-with-zeros", Severity: Danger,
			Sentence:    "The file begins with zeros where a database has its name and its header.",
			Evidence:    []string{fmt.Sprintf("It has %s bytes, and the first 16 are zero.", units.Count(c.Size))},
			Consequence: "SQLite answers “file is not a database”.",
			Remedy:      rescue, Command: rescuing, Source: fileFormat + "#the_database_header",
		}
	case errors.Is(c.Begins, dbfile.ErrEmpty):
		return &Finding{
			Rule: "empty-file", Severity: Note,
			Sentence:    "The file is empty: SQLite takes it for a database without a table.",
			Consequence: "Whoever expects tables gets “no such table”.",
			Remedy:      "If it should hold data, look whether the path is the right one.",
			Source:      fileFormat,
		}
	case errors.Is(c.Begins, io.ErrUnexpectedEOF):
		return &Finding{
			Rule: "cut-off-header", Severity: Danger,
			Sentence:    "The file ends within the database's header.",
			Evidence:    []string{fmt.Sprintf("It has %d bytes, and a header has %d.", c.Size, dbfile.HeaderSize)},
			Consequence: "SQLite answers “file is not a database”.",
			Remedy:      "Take the last good backup.", Source: fileFormat + "#the_database_header",
		}
	case c.Begins != nil:
		return &Finding{
			Rule: "not-a-database", Severity: Unknown,
			Sentence:    "The file is no SQLite database, or an encrypted one.",
			Evidence:    []string{"It does not begin with “SQLite format 3”."},
			Consequence: "SQLite without its key answers “file is not a database”.",
			Remedy:      "If it is encrypted, ask the program that has the key.", Source: fileFormat + "#magic_header_string",
		}
	}
	return nil
}

func contradictoryHeader(f *Facts, c *Contents) *Finding {
	if f.Header == nil || len(f.Header.Contradictions()) == 0 {
		return nil
	}
	return &Finding{
		Rule: "contradictory-header", Severity: Danger,
		Sentence:    "The database's header says what no SQLite writes.",
		Evidence:    sentences(f.Header.Contradictions()),
		Consequence: "SQLite refuses the file, or takes other bytes for its tables.",
		Remedy:      rescue, Command: rescuing, Source: fileFormat + "#the_database_header",
	}
}

// sentences makes sentences of clauses.
func sentences(clauses []string) (all []string) {
	for _, s := range clauses {
		all = append(all, "In the header, "+s+".")
	}
	return all
}

func shortFile(f *Facts, c *Contents) *Finding {
	if !c.pages(f) || c.Missing == 0 {
		return nil
	}
	cause := "The file is cut off"
	if c.WAL != nil && c.WAL.Last > 0 { // whose end says how many pages there must be
		cause = "The file is cut off, or was copied before its WAL"
	}
	return &Finding{
		Rule: "short-file", Severity: Danger,
		Sentence:    fmt.Sprintf("%s: %s of the database %s missing.", cause, units.Plural(int(c.Missing), "page"), isAre(c.Missing)),
		Evidence:    []string{fmt.Sprintf("The first one missing is page %d: the file has %s bytes, %s of %d bytes.", c.First, units.Count(c.Size), units.Plural(c.Size/int64(f.Header.PageSize), "page"), f.Header.PageSize)},
		Consequence: "SQLite answers “database disk image is malformed”, at once or when it comes to such a page.",
		Remedy:      rescue, Command: rescuing, Source: fileFormat + "#in_header_database_size",
	}
}

func isAre(n uint32) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func raggedFile(f *Facts, c *Contents) *Finding {
	if !c.pages(f) || c.Missing > 0 || c.Size%int64(f.Header.PageSize) == 0 {
		return nil
	}
	return &Finding{
		Rule: "ragged-file", Severity: Attention,
		Sentence:    "The file ends within a page, and SQLite writes only whole ones.",
		Evidence:    []string{fmt.Sprintf("It has %s bytes, and a page has %d.", units.Count(c.Size), f.Header.PageSize)},
		Consequence: "Something else than SQLite has written to it, or copied a part of it. SQLite passes the rest over.",
		Remedy:      "Look at every page on a copy.", Command: "contend doctor --deep DB", Source: fileFormat + "#pages",
	}
}

func damagedPages(f *Facts, c *Contents) *Finding {
	if !c.pages(f) {
		return nil
	}
	damages := slices.DeleteFunc(slices.Clone(c.Trees.Damages), func(d dbfile.Damage) bool {
		return d.Why == dbfile.Missing && c.Missing > 0 // short-file has said so
	})
	if len(damages) == 0 {
		return nil
	}
	found := &Finding{
		Rule: "damaged-pages", Severity: Danger,
		Sentence:    fmt.Sprintf("%s of tables or indexes %s damaged.", units.Plural(len(damages), "page"), isAre(uint32(len(damages)))),
		Consequence: "SQLite answers “database disk image is malformed” when it comes to such a page; until then nobody notices.",
		Remedy:      rescue, Command: rescuing, Source: recovery,
	}
	const most = 5
	zeros := 0
	for i, d := range damages {
		if d.Why == dbfile.Zeros {
			zeros++
		}
		if i == most {
			found.Evidence = append(found.Evidence, fmt.Sprintf("At least %s so.", units.PluralOf(len(damages)-most, "more is", "more are")))
		}
		if i < most {
			found.Evidence = append(found.Evidence, fmt.Sprintf("Page %d of %s %s.", d.Page, treeName(d), d.Why))
		}
	}
	if zeros > 0 {
		found.Evidence = append(found.Evidence, "Pages of zeros are what a file system leaves that has lost writes, or given two machines different memory.")
	}
	return found
}

// treeName names a table or an index.
func treeName(d dbfile.Damage) string {
	if d.Name == "" {
		return fmt.Sprintf("the table or index that begins at page %d", d.Root)
	}
	return fmt.Sprintf("%q", d.Name)
}

func damagedFreelist(f *Facts, c *Contents) *Finding {
	if !c.pages(f) || c.Free.Fault == "" {
		return nil
	}
	return &Finding{
		Rule: "damaged-freelist", Severity: Danger,
		Sentence:    "The list of unused pages is damaged.",
		Evidence:    []string{fmt.Sprintf("After %s pages, %s; the header counts %s.", units.Count(int64(c.Free.Count)), c.Free.Fault, units.Count(int64(f.Header.FreePages)))},
		Consequence: "A page that is in use may be given to another table and overwritten.",
		Remedy:      rescue, Command: rescuing, Source: fileFormat + "#the_freelist",
	}
}

func hotJournal(f *Facts, c *Contents) *Finding {
	if c.Moving || c.Journal == nil || !c.Journal.Header || !c.Journal.Hot(c.Size, c.UnderWay, c.Super) {
		return nil
	}
	j := c.Journal
	found := &Finding{
		Rule: "hot-journal", Severity: Attention,
		Subject:  f.Path + Journal,
		Sentence: "A transaction was cut off while it changed the file: its journal is hot.",
		Evidence: []string{
			fmt.Sprintf("The journal has %s to put back, and nobody holds RESERVED.", units.Plural(j.Good, "page")),
			fmt.Sprintf("The database had %s before that transaction.", units.Plural(int64(j.Pages), "page")),
		},
		Consequence: "The file alone is half a transaction. The next process that reads it with SQLite rolls that back; without the journal the file stays damaged.",
		Remedy:      "Do not delete, move or rename the journal, and never copy the file without it. Let SQLite roll it back.",
		Command:     "sqlite3 DB 'SELECT count(*) FROM sqlite_schema'",
		Source:      "https://sqlite.org/lockingv3.html#hot_journals",
	}
	if j.Super != "" {
		found.Evidence = append(found.Evidence, fmt.Sprintf("It is part of a transaction over several databases: %q is there.", j.Super))
	}
	return found
}

func unreadableWAL(f *Facts, c *Contents) *Finding {
	if c.Moving || c.WAL == nil || c.WAL.Size == 0 || c.WAL.Header {
		return nil
	}
	severity := Danger // there were frames
	if c.WAL.Size <= 32 {
		severity = Attention
	}
	return &Finding{
		Rule: "unreadable-wal", Severity: severity,
		Subject:     f.Path + WALFile,
		Sentence:    "The WAL has no valid header, so SQLite passes all of it over.",
		Evidence:    []string{fmt.Sprintf("It has %s bytes, and the header's magic number, page size or checksum is wrong.", units.Count(c.WAL.Size))},
		Consequence: "Commits that stood only in the WAL are gone, without an error.",
		Remedy:      "Copy all files before SQLite opens them again: it overwrites the WAL.",
		Command:     "mkdir rescue && cp -p DB* rescue/", Source: walFormat + "#the_wal_file_format",
	}
}

func brokenWAL(f *Facts, c *Contents) *Finding {
	if c.Moving || c.WAL == nil || c.WAL.Beyond == 0 {
		return nil
	}
	w := c.WAL
	return &Finding{
		Rule: "broken-wal", Severity: Danger,
		Subject:     f.Path + WALFile,
		Sentence:    fmt.Sprintf("The WAL is broken at frame %s: SQLite does not reach the %s behind it.", units.Count(w.Frames+1), units.Plural(w.Beyond, "commit")),
		Evidence:    []string{fmt.Sprintf("Frames 1 to %s are valid. The checksum of frame %s is wrong, and frames behind it belong to the same generation of the WAL.", units.Count(w.Frames), units.Count(w.Frames+1))},
		Consequence: "The next process that opens the database takes frame " + units.Count(w.Last) + " for the last commit, and what came later is lost without an error.",
		Remedy:      rescue, Command: rescuing, Source: walFormat + "#recovery",
	}
}

// unendedFrames is worth a note where nobody writes: it is what a killed writer leaves, and does no harm.
func unendedFrames(f *Facts, c *Contents) *Finding {
	if c.Moving || c.UnderWay || c.WAL == nil || c.WAL.Cut || c.WAL.Frames == c.WAL.Last {
		return nil // under way: a transaction that has outgrown its cache
	}
	return &Finding{
		Rule: "unended-transaction", Severity: Note,
		Subject:     f.Path + WALFile,
		Sentence:    "The WAL ends with a transaction that was never committed.",
		Evidence:    []string{fmt.Sprintf("The last commit is frame %s, and %s valid behind it.", units.Count(c.WAL.Last), units.PluralOf(c.WAL.Frames-c.WAL.Last, "frame is", "frames are"))},
		Consequence: "None: SQLite passes it over, and the next writer overwrites it.",
		Source:      walFormat + "#recovery",
	}
}

// misfits are the words for a WAL that is not the file's.
var misfits = map[dbfile.Fit]struct {
	sentence    string
	evidence    func(w *dbfile.WAL, h *dbfile.Header) string
	consequence string
}{
	dbfile.FitPageSize: {
		"The WAL is another database's.",
		func(w *dbfile.WAL, h *dbfile.Header) string {
			return fmt.Sprintf("Its pages have %d bytes, the file's %d.", w.PageSize, h.PageSize)
		},
		"Whoever opens the pair gets an error, or pages of the other database.",
	},
	dbfile.FitRollback: {
		"There is a WAL with commits beside a database in rollback mode: they were copied at different times, or are of different databases.",
		func(w *dbfile.WAL, h *dbfile.Header) string {
			return fmt.Sprintf("The file's header says rollback journal, and the last commit of the WAL is frame %s.", units.Count(w.Last))
		},
		"SQLite applies the WAL all the same: old pages, or another database's, take the place of the file's.",
	},
	dbfile.FitOlderFile: {
		"The file is older than its WAL: they were copied one after the other, and commits in between are missing.",
		func(w *dbfile.WAL, h *dbfile.Header) string {
			return fmt.Sprintf("The WAL begins at change counter %d, so the file must be there or one before, and it is at %d.", w.Counters[0], h.ChangeCounter)
		},
		"SQLite lays the WAL's pages over older ones: rows are gone or mixed, and the database may be malformed.",
	},
	dbfile.FitNewerFile: {
		"The file is newer than its WAL: they were copied one after the other, or somebody put an old WAL beside it.",
		func(w *dbfile.WAL, h *dbfile.Header) string {
			return fmt.Sprintf("The WAL ends at change counter %d, and the file is at %d.", w.Counters[1], h.ChangeCounter)
		},
		"SQLite lays the WAL's older pages over newer ones: commits are undone, and the database may be malformed.",
	},
}

func foreignWAL(f *Facts, c *Contents) *Finding {
	if c.Moving || c.WAL == nil || f.Header == nil {
		return nil
	}
	w := c.WAL
	words, wrong := misfits[w.Fits(*f.Header)]
	if !wrong {
		return nil
	}
	return &Finding{
		Rule: "foreign-wal", Severity: Danger,
		Subject:     f.Path + WALFile,
		Sentence:    words.sentence,
		Evidence:    []string{words.evidence(w, f.Header)},
		Consequence: words.consequence,
		Remedy: "Do not open the pair with SQLite: keep a copy of both. For a backup, have SQLite make it, in place of copying files one after the other, and " +
			"look at the backup with contend doctor --deep.",
		Command: "mkdir rescue && cp -p DB* rescue/\nsqlite3 THE_DATABASE_IN_USE \"VACUUM INTO 'backup.db'\"", Source: backups,
	}
}
