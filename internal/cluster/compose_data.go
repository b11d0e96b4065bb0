package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// kept is the directory in which what n had at /data is kept by Stop. Where all
// nodes have one directory, that is [Spec].Dir itself.
func (c *Compose) kept(n *container) string {
	if c.mount.one() {
		return c.dir
	}
	return filepath.Join(c.dir, n.name)
}

// keep copies what the nodes had at /data to where it is kept.
func (c *Compose) keep(ctx context.Context) error {
	nodes := c.nodes
	if c.mount.one() {
		nodes = nodes[:1]
	}
	var errs []error
	for _, n := range nodes {
		errs = append(errs, c.look(ctx, n, func(dir string) error { return moveInto(c.kept(n), dir) }))
	}
	if c.mount == MountSingleFile {
		errs = append(errs, copyFile(c.boundFile(), filepath.Join(c.dir, Database)))
	}
	return errors.Join(errs...)
}

// boundFile is the database on the host, where it alone is mounted.
func (c *Compose) boundFile() string { return filepath.Join(c.dir, boundDir, Database) }

// look copies what n has at /data to a directory that is there only for see.
// Files are looked at as copies, since another user and, with some engines,
// another machine has the originals.
func (c *Compose) look(ctx context.Context, n *container, see func(dir string) error) error {
	return c.aside(func(dir string) error {
		if err := c.docker.CopyOut(ctx, n.id, dataDir, dir); err != nil {
			return fmt.Errorf("copy the data of %s: %w", n.name, err)
		}
		return see(dir)
	})
}

// lookAtAll shows see the files of the cluster's one database, by the path of
// the database, as its users have left them. Where the nodes have none in
// common that is the first node's, and where only the file is mounted what lies
// on the host: the file, without the journals that are each node's own.
func (c *Compose) lookAtAll(ctx context.Context, see func(database string) error) error {
	switch {
	case c.stopped && c.mount == MountSingleFile:
		return see(filepath.Join(c.dir, Database))
	case c.stopped:
		return see(filepath.Join(c.kept(c.nodes[0]), Database))
	case c.mount == MountSingleFile:
		return c.aside(func(dir string) error {
			path := filepath.Join(dir, Database)
			return errors.Join(copyFile(c.boundFile(), path), see(path))
		})
	}
	return c.look(ctx, c.nodes[0], func(dir string) error { return see(filepath.Join(dir, Database)) })
}

// aside calls work with a new directory that is removed afterwards.
func (c *Compose) aside(work func(dir string) error) error {
	dir, err := os.MkdirTemp(c.dir, ".look-")
	if err != nil {
		return err
	}
	return errors.Join(work(dir), os.RemoveAll(dir))
}

// moveInto moves everything in the directory from into the directory to, and
// makes that where there is none. Only the names move: docker cp would give to
// the mode that the directory has in the container.
func moveInto(to, from string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	for _, entry := range entries {
		err = errors.Join(err, os.Rename(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())))
	}
	return err
}

// copyFile copies a database that nobody has open: closing a file drops the
// locks that this process has on it.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// Inspect reads the database in this process; see [Cluster]. Before Stop it
// reads a copy: what a crash has left is still there for the nodes to recover.
func (c *Compose) Inspect(ctx context.Context) (facts store.Facts, err error) {
	err = c.lookAtAll(ctx, func(database string) (err error) {
		facts, err = sqlite.Inspect(ctx, database)
		return err
	})
	return facts, err
}

// leftPatience bounds the copying for Left.
const leftPatience = 30 * time.Second

// Left says what the nodes left beside the database. It is for a moment in
// which none of them runs.
func (c *Compose) Left() (left Left, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), leftPatience)
	defer cancel()
	err = c.lookAtAll(ctx, func(database string) (err error) {
		left, err = leftBeside(database)
		return err
	})
	return left, err
}

// Views returns what each node's own database holds. Where all nodes have one
// directory, it is read once.
func (c *Compose) Views(ctx context.Context) ([]store.Facts, error) {
	if c.mount.one() {
		facts, err := c.Inspect(ctx)
		return slices.Repeat([]store.Facts{facts}, len(c.nodes)), err
	}
	var views []store.Facts
	var errs []error
	for _, n := range c.nodes {
		facts, err := c.view(ctx, n)
		views, errs = append(views, facts), append(errs, err)
	}
	return views, errors.Join(errs...)
}

// view reads the database that n has.
func (c *Compose) view(ctx context.Context, n *container) (facts store.Facts, err error) {
	if c.stopped {
		return sqlite.Inspect(ctx, filepath.Join(c.kept(n), Database))
	}
	err = c.look(ctx, n, func(dir string) (err error) {
		facts, err = sqlite.Inspect(ctx, filepath.Join(dir, Database))
		return err
	})
	return facts, err
}
