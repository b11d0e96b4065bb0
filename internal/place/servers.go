package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"example.com/contend/internal/clean"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/display"
	"example.com/contend/internal/ladder"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
)

// ServerOptions are which database servers a comparison wants.
type ServerOptions struct {
	Run      string   // directory of the run; those that we start keep their data in it while they run
	Rungs    []string // patterns: servers of which no rung is wanted are not started
	Postgres string   // URL of one that somebody else started, or of another engine that speaks its protocol; empty: none
	Rqlite   []string // URLs of a cluster that somebody else started; empty: three nodes are, if there is an rqlited

	Say func(string) // reports progress to people who wait
}

// Servers are the database servers of a comparison.
type Servers struct {
	All     []run.Server
	Missing []run.Missing

	services map[string]cluster.Server
	dir      string // of those that we start, once there is one
	closers
}

// A service is a server with its name and version, and what it was set to.
type service interface {
	cluster.Server
	Label() string
	Says() string
	Close() error
}

// OpenServers starts the database servers that there are programs for, and
// connects to those that were named. One that cannot be started is missing, and
// the rest goes on; one that was named and does not answer is an error. What it
// opened is to be closed.
func OpenServers(ctx context.Context, o ServerOptions) (s *Servers, err error) {
	s = &Servers{All: []run.Server{}, Missing: []run.Missing{}, services: map[string]cluster.Server{}}
	for _, open := range []func(context.Context, ServerOptions) error{s.startPostgres, s.usePostgres, s.openRqlite} {
		if err := open(ctx, o); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// makeDir makes the directory for servers that we start, guarded, once.
func (s *Servers) makeDir(ctx context.Context, o ServerOptions) error {
	if s.dir != "" {
		return nil
	}
	at, err := filepath.Abs(o.Run)
	if err == nil {
		err = s.guard(ctx, filepath.Dir(at), clean.Where{Runs: at}, o.Say)
	}
	dir := filepath.Join(at, clean.Servers)
	if err == nil {
		err = os.Mkdir(dir, 0o711) // PostgreSQL's user passes through
	}
	if err == nil {
		err = owner.Sign(dir)
	}
	if err == nil {
		s.dir = dir
	}
	return err
}

func (s *Servers) startPostgres(ctx context.Context, o ServerOptions) error {
	if !ladder.Wants(o.Rungs, ladder.Postgres) {
		return nil
	}
	if _, err := server.FindPostgres(); err != nil {
		s.miss(ladder.Postgres, "there is no PostgreSQL to start on the PATH or in /usr/lib/postgresql", "apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora), brew install postgresql (macOS), or --postgres URL")
		return nil
	}
	o.Say("starting PostgreSQL")
	if err := s.makeDir(ctx, o); err != nil {
		return err
	}
	started, err := server.StartPostgres(ctx, s.dir)
	if err == nil && filepath.Dir(started.Dir()) != s.dir {
		o.Say(fmt.Sprintf("its data are in %s", started.Dir()))
	}
	return s.add(ctx, ladder.Postgres, started, false, err)
}

func (s *Servers) usePostgres(ctx context.Context, o ServerOptions) error {
	if o.Postgres == "" {
		return nil
	}
	remote, err := server.UsePostgres(ctx, o.Postgres)
	if err != nil {
		return fmt.Errorf("--postgres: %w", err)
	}
	return s.add(ctx, ladder.Given, remote, true, nil)
}

func (s *Servers) openRqlite(ctx context.Context, o ServerOptions) error {
	if len(o.Rqlite) > 0 {
		remote, err := server.UseRqlite(ctx, o.Rqlite)
		if err != nil {
			return fmt.Errorf("--rqlite: %w", err)
		}
		return s.add(ctx, ladder.Rqlite, remote, true, nil)
	}
	if !ladder.Wants(o.Rungs, ladder.Rqlite) {
		return nil
	}
	program, err := exec.LookPath("rqlited")
	if err != nil {
		s.miss(ladder.Rqlite, "there is no rqlited on the PATH", "install it (https://rqlite.io/docs/install-rqlite/), or --rqlite URL")
		return nil
	}
	o.Say("starting three nodes of rqlite")
	if err := s.makeDir(ctx, o); err != nil {
		return err
	}
	started, err := server.StartRqlite(ctx, program, filepath.Join(s.dir, ladder.Rqlite))
	return s.add(ctx, ladder.Rqlite, started, false, err)
}

// add takes in a server, remote or started, or the reason why it is missing.
func (s *Servers) add(ctx context.Context, name string, server service, given bool, err error) error {
	if err != nil {
		if ctx.Err() == nil {
			s.miss(name, display.Redact(err.Error()), "mend that, or leave these rungs out with --rung")
			return nil
		}
		return err
	}
	s.services[name] = server
	s.closers = append(s.closers, server.Close)
	s.All = append(s.All, run.Server{Name: name, Label: server.Label(), Says: server.Says(), Given: given})
	return nil
}

func (s *Servers) miss(name, why, hint string) {
	s.Missing = append(s.Missing, run.Missing{Rungs: ladder.Of(name), Why: why, Hint: hint})
}

// Place runs nodes as processes of this machine, on a file or on these servers.
func (s *Servers) Place() record.Place {
	p := processes(Options{})
	start := p.Start
	p.Start = func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
		spec.Service = s.services[spec.Server]
		return start(ctx, spec)
	}
	p.Refuse = func(setup *run.Setup) string {
		if setup.Server != "" && s.services[setup.Server] == nil {
			return "there is no server called " + setup.Server
		}
		return ""
	}
	return p
}
