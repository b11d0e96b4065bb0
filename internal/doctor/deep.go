package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"example.com/contend/internal/dbfile"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/units"
)

// errInMotion says that no copy could be made of one moment.
var errInMotion = errors.New("the database was written while it was copied, each time")

// Deep copies the database to a private directory, removes the copy in the end, and has SQLite look at every page of it:
// PRAGMA integrity_check and foreign_key_check. files are open by role.
//
// The copy is of one moment, or there is none. In rollback mode the file's size and time, and the absence of a journal
// under way, must be the same before and after. In WAL mode the file is copied first and the WAL after it, and both
// belong together as long as the WAL was not begun anew in between, which its salts show: a checkpoint meanwhile only
// copies frames that stand in the WAL, where SQLite looks first; and a transaction whose end is not in the
// copy was not committed at its moment.
func Deep(ctx context.Context, f *Facts, files map[string]*os.File) ([]Finding, error) {
	const tries = 3
	dir, err := owner.MakeDir(os.TempDir(), owner.Prefix+"deep-")
	if err != nil {
		return nil, fmt.Errorf("make a private directory: %w", err)
	}
	defer func() { _ = owner.RemoveDir(dir) }() // what is left, contend clean removes
	copied := filepath.Join(dir, "copy.db")
	for try := 1; ; try++ {
		err := copyOnce(ctx, files, copied)
		if err == nil {
			break
		}
		if !errors.Is(err, errInMotion) || try == tries {
			return nil, fmt.Errorf("copy the database: %w", err)
		}
	}
	found, err := examineCopy(ctx, copied)
	if err != nil {
		return nil, fmt.Errorf("examine a copy of the database: %w", err)
	}
	return found.findings(f), nil
}

// copyOnce copies the files as of one moment, or returns errInMotion.
func copyOnce(ctx context.Context, files map[string]*os.File, to string) error {
	for _, role := range append([]string{""}, companions...) { // of an earlier try
		if err := os.Remove(to + role); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := roomFor(files, filepath.Dir(to)); err != nil {
		return err
	}
	journal, err := journalOf(files)
	if err != nil {
		return err
	}
	if journal.Super != "" {
		// SQLite would remove the super-journal, which is not the copy's.
		return errors.New("its journal is part of a transaction over several databases")
	}
	salt, start, before := saltOf(files), time.Now(), states(files)
	if err := copyTo(ctx, to, files[Database]); err != nil {
		return err
	}
	if salt == nil {
		if journal.Started {
			if err := copyTo(ctx, to+Journal, files[Journal]); err != nil {
				return err
			}
		}
		if before != states(files) || before.touched(start) || saltOf(files) != nil {
			return errInMotion
		}
		return nil
	}
	if err := copyTo(ctx, to+WALFile, files[WALFile]); err != nil {
		return err
	}
	if after := saltOf(files); after == nil || *after != *salt {
		return errInMotion
	}
	return nil
}

// roomFor returns an error where a copy of the files does not fit into dir.
func roomFor(files map[string]*os.File, dir string) error {
	const rest = 64 << 20 // for whoever else needs the disk
	need := int64(rest)
	for _, f := range files {
		if info, err := f.Stat(); err == nil {
			need += info.Size()
		}
	}
	if free, known := proc.Space(dir); known && free < uint64(need) {
		return fmt.Errorf("%s has %s free, and the copy needs %s", dir, megabytes(int64(free)), megabytes(need))
	}
	return nil
}

func journalOf(files map[string]*os.File) (dbfile.Journal, error) {
	f := files[Journal]
	if f == nil {
		return dbfile.Journal{}, nil
	}
	info, err := f.Stat()
	if err != nil {
		return dbfile.Journal{}, err
	}
	return dbfile.ReadJournal(f, info.Size(), 0)
}

// saltOf returns the salts of the WAL; nil where it has none, or there is none.
func saltOf(files map[string]*os.File) *[2]uint32 {
	f := files[WALFile]
	if f == nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	w, err := dbfile.ReadWAL(f, info.Size(), 0)
	if err != nil || !w.Header {
		return nil
	}
	return &w.Salt
}

// copyTo copies what a file holds now to a new one.
func copyTo(ctx context.Context, to string, from *os.File) (err error) {
	info, err := from.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	const piece = 16 << 20 // after which somebody who wants to end is heard
	source := io.NewSectionReader(from, 0, info.Size())
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(target, source, piece)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return errors.Join(err, context.Cause(ctx))
}

// mostProblems is how many problems SQLite is asked for, and how many rows are named.
const mostProblems = 20

// An examination is what SQLite says of a copy.
type examination struct {
	damage []string // what integrity_check found
	broken []string // rows that refer to one that is not there; or why that could not be found out
}

// examineCopy asks SQLite about the database at path.
func examineCopy(ctx context.Context, path string) (e examination, err error) {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: "mode=rw"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return e, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// The database may be anybody's: no function that its schema names may do more than compute.
	_, err = db.ExecContext(ctx, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON")
	if err == nil {
		err = each(ctx, db, fmt.Sprintf("PRAGMA integrity_check(%d)", mostProblems), func(values []any) {
			if text := fmt.Sprint(values[0]); text != "ok" {
				e.damage = append(e.damage, text)
			}
		})
	}
	var says *sqlite.Error
	if errors.As(err, &says) && (says.Code()&0xff == codeCorrupt || says.Code()&0xff == codeNotADatabase) {
		e.damage = append(e.damage, says.Error()) // it cannot even begin
		return e, nil
	}
	if err != nil {
		return e, err
	}
	err = each(ctx, db, "PRAGMA foreign_key_check", func(values []any) {
		if len(e.broken) < mostProblems {
			e.broken = append(e.broken, fmt.Sprintf("Row %v of table %q refers to a row of %q that is not there.", values[1], fmt.Sprint(values[0]), fmt.Sprint(values[2])))
		}
	})
	if err != nil && ctx.Err() == nil {
		e.broken = append(e.broken, "foreign_key_check: "+err.Error())
		err = nil
	}
	return e, err
}

// Results of SQLite that say that a file is damaged (https://sqlite.org/rescode.html).
const (
	codeCorrupt      = 11
	codeNotADatabase = 26
)

// each runs a query and hands over its rows.
func each(ctx context.Context, db *sql.DB, query string, row func(values []any)) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row(values)
	}
	return rows.Err()
}

func (e examination) findings(f *Facts) (all []Finding) {
	const integrity, foreign = "https://sqlite.org/pragma.html#pragma_integrity_check", "https://sqlite.org/pragma.html#pragma_foreign_key_check"
	if len(e.damage) > 0 {
		all = append(all, Finding{
			Rule: "integrity", Severity: Danger, Subject: f.Path,
			Sentence:    fmt.Sprintf("SQLite finds damage in a copy of the database: %s.", units.Plural(len(e.damage), "problem")),
			Evidence:    e.damage,
			Consequence: "Statements fail with “database disk image is malformed”, or return wrong rows.",
			Remedy:      rescue, Command: rescuing, Source: integrity,
		})
	}
	if len(e.broken) > 0 {
		all = append(all, Finding{
			Rule: "foreign-keys", Severity: Attention, Subject: f.Path,
			Sentence:    "Rows refer to rows that are not there.",
			Evidence:    e.broken,
			Consequence: "The program finds no customer for an order, or whatever its tables are about: foreign keys were not enforced, or rows were lost.",
			Remedy:      "Set PRAGMA foreign_keys=ON on each connection, and mend these rows.",
			Command:     "sqlite3 DB 'PRAGMA foreign_key_check'", Source: foreign,
		})
	}
	if len(all) == 0 {
		all = append(all, Finding{
			Rule: "integrity", Severity: Note, Subject: f.Path,
			Sentence:    "SQLite finds every page of a copy in order.",
			Evidence:    []string{"integrity_check says ok, and foreign_key_check finds nothing."},
			Consequence: "That says nothing of commits that were lost: integrity_check says ok over missing rows.",
			Source:      integrity,
		})
	}
	return all
}
