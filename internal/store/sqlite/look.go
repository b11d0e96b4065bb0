package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/internal/store"
)

// look makes a connection that has patience and else the driver's own settings.
// It belongs to this file's SQLite, so that closing it drops nobody's locks.
func (f *file) look(ctx context.Context) (*conn, error) {
	c, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	c.patience = f.patience
	if err = c.sc.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&c.defaultBusy); err != nil {
		err = describe("busy_timeout", err)
	} else {
		err = c.set(ctx, "busy_timeout", strconv.FormatInt(f.patience.Milliseconds(), 10))
	}
	if err != nil {
		_ = c.Close()
	}
	return c, err
}

// Examine fills in the driver's default busy_timeout, the version, what
// integrity_check finds, line by line, and the journal mode. A file that is too
// damaged to be checked answers CORRUPT or NOTADB, which is a finding as well. A
// rollback journal's mode is not stored in the file; to a connection that has set
// none, all of them read DELETE.
func (c *conn) Examine(facts *store.Facts) error {
	facts.DefaultBusyTimeout = c.defaultBusy
	facts.Engine = c.file.Engine()
	row := c.sc.QueryRowContext(always, "SELECT group_concat(integrity_check, char(10)) FROM pragma_integrity_check")
	if err := row.Scan(&facts.Integrity); err != nil {
		code := resultCode(err)
		if code&0xff != codeCorrupt && code&0xff != codeNotADB {
			return describe("integrity_check", err)
		}
		facts.Integrity = fmt.Sprintf("%s: %v", CodeName(code), err)
	}
	mode, err := c.get(always, "journal_mode")
	if err != nil && facts.Integrity == "ok" {
		return err
	}
	facts.Journal = store.Journal(strings.ToUpper(mode))
	return nil
}

// Settings returns journal_mode, synchronous and busy_timeout as SQLite spells
// them; under [store.Random] busy_timeout is the waiter's.
func (c *conn) Settings() (map[string]string, error) {
	settings := make(map[string]string)
	for _, pragma := range []string{"journal_mode", "synchronous", "busy_timeout"} {
		got, err := c.get(always, pragma)
		if err != nil {
			return nil, err
		}
		settings[pragma] = got
	}
	if c.waits.timeout > 0 {
		settings["busy_timeout"] = strconv.FormatInt(c.waits.timeout.Milliseconds(), 10)
	}
	return settings, nil
}

// Checkpoint runs a checkpoint of the WAL. One that could not do all of its work
// because of others is no error: it is Blocked.
func (c *conn) Checkpoint(mode store.CheckpointMode) (done store.Checkpoint, err error) {
	if !slices.Contains(store.CheckpointModes, mode) {
		return done, fmt.Errorf("checkpoint: no mode is called %q", mode)
	}
	for start := c.waits.start(); ; {
		row := c.sc.QueryRowContext(always, "PRAGMA wal_checkpoint("+string(mode)+")")
		err := row.Scan(&done.Blocked, &done.Frames, &done.Moved)
		if c.waits.again(ownText, err, start) {
			continue
		}
		if err != nil {
			return store.Checkpoint{}, err
		}
		// All but PASSIVE would have waited, and being blocked is no error.
		if mode == store.CheckpointPassive || !done.Blocked || !c.waits.sleep(start) {
			return done, nil
		}
	}
}

// WALSize asks the file system and opens nothing: closing any descriptor of the
// database or its files would drop the locks that this process has on it. SQLite
// puts the WAL beside the file that a symbolic link leads to.
func (c *conn) WALSize() (int64, error) {
	path, err := filepath.EvalSymlinks(c.file.path)
	if err != nil {
		return 0, fmt.Errorf("size of the WAL: %w", err)
	}
	info, err := os.Stat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("size of the WAL: %w", err)
	}
	return info.Size(), nil
}
