// Package server runs the database servers under clusters: PostgreSQL and rqlite.
//
// A private server is started from the machine's own programs, keeps everything in
// one directory, listens on loopback, may be killed, and ends with this process. The
// package did not start a remote one: it touches there only what it made itself, and
// neither kills nor measures it. Either server gives each cluster a schema, or tables,
// of its own.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/proc"
)

// How long things may take on a busy machine.
const (
	startPatience = time.Minute
	stopPatience  = 15 * time.Second // between the signal to end and SIGKILL
)

const (
	restartTries = 5
	lastLines    = 5 // of a log in an error: the log goes with its directory
)

// A daemon is one process of a private server, and its successors.
type daemon struct {
	name    string
	log     string // path
	command func() *exec.Cmd
	ready   func(ctx context.Context) error // nil once it serves

	mu      sync.Mutex
	process *proc.Process // nil until it has been started
	spent   time.Duration // processor time of those before process
}

// start starts the daemon and does not wait until it is ready.
func (d *daemon) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := proc.StartLogged(d.command(), d.log)
	if err != nil {
		return fmt.Errorf("start %s: %w", d.name, err)
	}
	if d.process != nil {
		used, _ := proc.CPU(d.process) // that of the dead is known
		d.spent += used
	}
	d.process = p
	return nil
}

// await waits until the daemon serves, for a minute at most.
func (d *daemon) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it took too long"))
	defer cancel()
	var unready error
	err := d.process.Await(ctx, 10*time.Millisecond, func() bool {
		unready = d.ready(ctx)
		return unready == nil
	})
	switch {
	case errors.Is(err, proc.ErrEnded):
		return fmt.Errorf("%s ended: %s", d.name, proc.LastWords(d.log, lastLines))
	case err != nil:
		return fmt.Errorf("%s was not ready: %w: %w: %s", d.name, err, unready, proc.LastWords(d.log, lastLines))
	}
	return nil
}

// end ends the daemon, if it was started and runs, with a signal, or with SIGKILL
// when ctx is done first.
func (d *daemon) end(ctx context.Context, s os.Signal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.process.Stop(ctx, s); err != nil {
		return fmt.Errorf("%s had not ended and was killed: %w", d.name, err)
	}
	return nil
}

// kill ends the daemon, and all that it has started, as kill -9 does.
func (d *daemon) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.process.Kill()
}

// A private is a server of our own: its daemons and their directory. The nil
// private is that of a remote server.
type private struct {
	dir     string // everything of the server's is in it
	daemons []*daemon
	victim  func(ctx context.Context) (*daemon, error) // whom Kill kills
	signal  os.Signal                                  // that ends a daemon

	mu   sync.Mutex // of those that change the server: one waits for the other
	dead *daemon    // killed, until Restart
}

var errRemote = errors.New("the server is somebody else's: contend neither kills nor measures it")

// Dir returns the directory that a private server's files are in, "" for a remote
// one.
func (p *private) Dir() string {
	if p == nil {
		return ""
	}
	return p.dir
}

// Kill sends SIGKILL to a private server: to PostgreSQL's postmaster and all its
// processes, or to the leader of rqlite's nodes. It returns when that is gone. The
// next Kill needs a Restart first.
func (p *private) Kill(ctx context.Context) error {
	if p == nil {
		return fmt.Errorf("kill: %w", errRemote)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead != nil {
		return fmt.Errorf("kill: %s is dead already", p.dead.name)
	}
	d, err := p.victim(ctx)
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	d.kill()
	p.dead = d
	return nil
}

// Restart starts again what Kill has ended, with its data and on its port, and
// returns once it has recovered and answers. It tries a few times: a backend of
// PostgreSQL that was forked while the others were being killed ends by itself, but
// until then it keeps the new postmaster from its shared memory; and another program
// may have the port for a moment.
func (p *private) Restart(ctx context.Context) error {
	if p == nil {
		return fmt.Errorf("restart: %w", errRemote)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead == nil {
		return errors.New("restart: nothing was killed")
	}
	var err error
	for range restartTries {
		if err = p.dead.start(); err == nil {
			err = p.dead.await(ctx)
		}
		if err == nil {
			p.dead = nil
			return nil
		}
		p.dead.kill()
		if cluster.Sleep(ctx, 200*time.Millisecond) != nil {
			break
		}
	}
	return fmt.Errorf("restart: %w", err)
}

// CPU returns the processor time that a private server and all its processes have
// had so far, those that were killed included. Of a process that has not ended it is
// what /proc has.
func (p *private) CPU() (sum time.Duration, err error) {
	if p == nil {
		return 0, fmt.Errorf("processor time: %w", errRemote)
	}
	for _, d := range p.daemons {
		d.mu.Lock()
		used, err := proc.CPU(d.process)
		sum += d.spent + used
		d.mu.Unlock()
		if err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// Processes returns the ids of a private server's daemons.
func (p *private) Processes() (pids []int, err error) {
	if p == nil {
		return nil, fmt.Errorf("processes: %w", errRemote)
	}
	for _, d := range p.daemons {
		d.mu.Lock()
		pids = append(pids, d.process.PID())
		d.mu.Unlock()
	}
	return pids, nil
}

// Close ends a private server and removes its directory. A remote one stays as it
// is. Close may be called again.
func (p *private) Close() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	// All at once: a majority may be what a node of rqlite waits for.
	errs := cluster.Each(p.daemons, func(d *daemon) error { return d.end(ctx, p.signal) })
	for _, left := range LeftSegments(p.dir) { // of a server that was killed
		errs = append(errs, left.Remove())
	}
	if err := errors.Join(append(errs, owner.RemoveDir(p.dir))...); err != nil {
		return fmt.Errorf("close the server in %s: %w", p.dir, err)
	}
	return nil
}

// freeAddresses returns n loopback addresses that were free a moment ago.
func freeAddresses(n int) ([]string, error) {
	var all []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer ln.Close() // only when all are found, so that no two are the same
		all = append(all, ln.Addr().String())
	}
	return all, nil
}
