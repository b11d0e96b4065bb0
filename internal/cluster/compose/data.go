package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// kept is the directory in which what n had at /data is kept by Stop. Where all
// nodes have one directory, that is [cluster.Spec].Dir itself.
func (c *Cluster) kept(n *container) string {
	if one(c.mount) {
		return c.dir
	}
	return filepath.Join(c.dir, n.name)
}

// keep copies what the nodes had at /data to where it is kept.
func (c *Cluster) keep(ctx context.Context) error {
	nodes := c.nodes
	if one(c.mount) {
		nodes = nodes[:1]
	}
	var errs []error
	for _, n := range nodes {
		errs = append(errs, c.look(ctx, n, func(dir string) error { return moveInto(c.kept(n), dir) }))
	}
	if c.mount == run.MountSingleFile {
		errs = append(errs, copyFile(c.boundFile(), filepath.Join(c.dir, cluster.Database)))
	}
	return errors.Join(errs...)
}

// boundFile is the database on the host, where it alone is mounted.
func (c *Cluster) boundFile() string { return filepath.Join(c.dir, boundDir, cluster.Database) }

// look copies what n has at /data to a directory that is there only for see.
// Files are looked at as copies, since another user and, with some engines,
// another machine has the originals.
func (c *Cluster) look(ctx context.Context, n *container, see func(dir string) error) error {
	return c.aside(func(dir string) error {
		if err := c.docker.CopyOut(ctx, n.id, dataDir, dir); err != nil {
			return fmt.Errorf("copy the data of %s: %w", n.name, err)
		}
		return see(dir)
	})
}

// own shows see the database that n has, by its path.
func (c *Cluster) own(ctx context.Context, n *container, see func(database string) error) error {
	if c.stopped {
		return see(filepath.Join(c.kept(n), cluster.Database))
	}
	return c.look(ctx, n, func(dir string) error { return see(filepath.Join(dir, cluster.Database)) })
}

// common shows see the cluster's one database, by its path, as its users have
// left it. Where the nodes have none in common that is the first node's, and
// where only the file is mounted what lies on the host: the file, without the
// journals that are each node's own.
func (c *Cluster) common(ctx context.Context, see func(database string) error) error {
	switch {
	case c.mount != run.MountSingleFile:
		return c.own(ctx, c.nodes[0], see)
	case c.stopped:
		return see(filepath.Join(c.dir, cluster.Database))
	}
	return c.aside(func(dir string) error {
		path := filepath.Join(dir, cluster.Database)
		return errors.Join(copyFile(c.boundFile(), path), see(path))
	})
}

// aside calls work with a new directory that is removed afterwards.
func (c *Cluster) aside(work func(dir string) error) error {
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
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	for _, entry := range entries {
		err = errors.Join(err, os.Rename(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())))
	}
	return err
}

// copyFile copies a database that no process has open: closing a file drops the
// locks that this process has on it.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// Inspect reads the database in this process; see [cluster.Cluster]. Before Stop it
// reads a copy: what a crash has left is still there for the nodes to recover.
func (c *Cluster) Inspect(ctx context.Context) (facts store.Facts, err error) {
	err = c.common(ctx, func(database string) (err error) {
		facts, err = app.Inspect(ctx, sqlite.At(database))
		return err
	})
	return facts, err
}

// leftPatience bounds the copying for Left.
const leftPatience = 30 * time.Second

// Left says what the nodes left beside the database. It is for a moment in
// which none of them runs.
func (c *Cluster) Left() (left cluster.Left, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), leftPatience)
	defer cancel()
	err = c.common(ctx, func(database string) (err error) {
		left, err = cluster.LeftBeside(database)
		return err
	})
	return left, err
}

// Views returns what each node's own database holds. Where all nodes have one
// directory, it is read once.
func (c *Cluster) Views(ctx context.Context) ([]store.Facts, error) {
	if one(c.mount) {
		facts, err := c.Inspect(ctx)
		return slices.Repeat([]store.Facts{facts}, len(c.nodes)), err
	}
	var views []store.Facts
	var errs []error
	for _, n := range c.nodes {
		var facts store.Facts
		errs = append(errs, c.own(ctx, n, func(database string) (err error) {
			facts, err = app.Inspect(ctx, sqlite.At(database))
			return err
		}))
		views = append(views, facts)
	}
	return views, errors.Join(errs...)
}
