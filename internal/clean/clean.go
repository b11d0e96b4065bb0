// Package clean finds and removes what processes of contend have left: directories of
// database servers with their shared memory, containers, volumes, networks and images.
//
// All of it has the mark of the process that made it (package owner). A run that ends in
// order removes what it made; for one that is killed its [Guard] does, another process;
// and what was left by both, as by a machine that was switched off, the next run removes,
// or `contend clean`. Only what has the mark of a process that has ended on this machine is
// left over. Runs and their recordings are nobody's leftovers.
package clean

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/owner"
)

// Servers is the name of the directory within a run's in which the run's database
// servers keep their data.
const Servers = "servers"

// A Where says where to look. Directories are looked for in [os.TempDir] too.
type Where struct {
	Runs   string // directory of runs, or of one run; "" is none
	Docker bool   // ask the Docker engine; where there is no docker command there is nothing
}

// A Thing has been made by a process of contend, and can outlive it.
type Thing struct {
	Kind   string // directory, segment, container, volume, network or image
	Name   string
	Owner  owner.Mark
	remove func(context.Context) error
}

// String returns "volume contend-42-0a1b2c_shared".
func (t Thing) String() string { return t.Kind + " " + t.Name }

// By matches what the process of mark m has made.
func By(m owner.Mark) func(Thing) bool { return func(t Thing) bool { return t.Owner == m } }

// Leftover matches what processes have made that have ended.
func Leftover(t Thing) bool { return t.Owner.Fate() == owner.Ended }

// Find lists what there is of contend's, in the order in which it can be removed. With an
// error about the Docker engine it still lists the rest.
func Find(ctx context.Context, in Where) (all []Thing, err error) {
	for _, dir := range directories(in.Runs) {
		if mark, err := owner.Of(dir); err == nil {
			all = append(all, segments(dir, mark)...)
			all = append(all, Thing{"directory", dir, mark, func(context.Context) error { return removeDir(dir) }})
		}
	}
	if _, err := exec.LookPath("docker"); err != nil || !in.Docker {
		return all, nil
	}
	engine := new(docker.Docker)
	owned, err := engine.Owned(ctx)
	for _, o := range owned {
		all = append(all, Thing{o.Kind, o.Name, o.Owner, func(ctx context.Context) error { return engine.RemoveOwned(ctx, o) }})
	}
	return all, err
}

// directories returns the paths at which there may be a directory of a process of contend.
func directories(runs string) (paths []string) {
	for _, name := range names(os.TempDir()) {
		if strings.HasPrefix(name, owner.Prefix) {
			paths = append(paths, filepath.Join(os.TempDir(), name))
		}
	}
	if runs != "" {
		paths = append(paths, filepath.Join(runs, Servers))
		for _, name := range names(runs) {
			paths = append(paths, filepath.Join(runs, name, Servers))
		}
	}
	return paths
}

// names lists what is in a directory, nothing where that cannot be read.
func names(dir string) (all []string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// segments returns the shared memory of the servers in a directory. None outlives the machine.
func segments(dir string, mark owner.Mark) (all []Thing) {
	if mark.Boot != owner.Self().Boot {
		return nil
	}
	for _, s := range server.LeftSegments(dir) {
		all = append(all, Thing{"segment", fmt.Sprint(s.ID), mark, func(context.Context) error { return s.Remove() }})
	}
	return all
}

// removeDir removes a directory, and that of the run around it where nothing else was in it.
func removeDir(dir string) error {
	if err := owner.RemoveDir(dir); err != nil {
		return err
	}
	if filepath.Base(dir) == Servers {
		_ = os.Remove(filepath.Dir(dir))
	}
	return nil
}

// Remove removes things in their order, and returns those of them that are gone then,
// also by other hands. The error says why others are not.
func Remove(ctx context.Context, in Where, things []Thing) (gone []Thing, err error) {
	failed := map[string]error{}
	for _, t := range things {
		if err := t.remove(ctx); err != nil {
			failed[t.String()] = err
		}
	}
	if len(failed) == 0 {
		return things, nil
	}
	left, err := Find(ctx, in)
	errs := []error{err}
	for _, t := range things {
		same := func(other Thing) bool { return other.Kind == t.Kind && other.Name == t.Name && other.Owner == t.Owner }
		if slices.ContainsFunc(left, same) {
			errs = append(errs, fmt.Errorf("remove %s: %w", t, failed[t.String()]))
		} else if err == nil || failed[t.String()] == nil {
			gone = append(gone, t)
		}
	}
	return gone, errors.Join(errs...)
}

// Leftovers removes what processes of contend have left that have ended, and returns it.
func Leftovers(ctx context.Context, in Where) (gone []Thing, err error) {
	all, errFind := Find(ctx, in)
	gone, err = Remove(ctx, in, slices.DeleteFunc(all, func(t Thing) bool { return !Leftover(t) }))
	return gone, errors.Join(errFind, err)
}
