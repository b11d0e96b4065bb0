package rqlite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/contend/internal/child"
)

// A node is one rqlited of a private cluster.
type node struct {
	id         string
	http, raft string // "127.0.0.1:port"; the same after a restart, because Raft knows the node by them
	log        string // path
	command    []string

	mu    sync.Mutex
	child *child.Child  // nil until it has been started
	spent time.Duration // processor time of those before child
}

// layOut decides the nodes' names, ports and directories. The ports were free a
// moment ago.
func layOut(bin, dir string, n int) ([]*node, error) {
	ports, err := freeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	raft := ports[:n]
	var nodes []*node
	for i := range n {
		id := fmt.Sprintf("rqlite-%d", i+1)
		nodes = append(nodes, &node{
			id: id, raft: raft[i], http: ports[n+i], log: filepath.Join(dir, id+".log"),
			command: []string{bin, "-node-id", id, "-http-addr", ports[n+i], "-raft-addr", raft[i],
				"-bootstrap-expect", fmt.Sprint(n), "-join", strings.Join(raft, ","), filepath.Join(dir, id)},
		})
	}
	return nodes, nil
}

// freeAddresses returns n loopback addresses on which nobody listens.
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

func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	logfile, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer logfile.Close()
	cmd := exec.Command(n.command[0], n.command[1:]...)
	cmd.Stdout, cmd.Stderr = logfile, logfile
	c, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("%s: %w", n.id, err)
	}
	if n.child != nil {
		n.spent += used(n.child.State())
	}
	n.child = c
	return nil
}

// used is the processor time of a process that has ended.
func used(state *os.ProcessState) time.Duration { return state.UserTime() + state.SystemTime() }

// awaitReady polls /readyz until it answers 200: the node is up, knows the
// leader and can reach it (https://rqlite.io/docs/guides/monitoring-rqlite/).
func (n *node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it took too long"))
	defer cancel()
	for {
		if ready(ctx, n.http) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready: %w: %s", n.id, context.Cause(ctx), n.lastWords())
		case <-n.child.Done():
			return fmt.Errorf("%s ended: %s", n.id, n.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, host string) bool {
	resp, err := get(ctx, host, "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// lastWords returns the end of the node's log: its directory goes with it.
func (n *node) lastWords() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.child.Kill()
}

// terminate asks the node to end. One that was never started is none.
func (n *node) terminate() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.child.Running() {
		n.child.Signal(syscall.SIGTERM)
	}
}

// awaitEnd waits until the node has ended, and kills it at the deadline.
func (n *node) awaitEnd(deadline time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.child.Running() {
		return nil
	}
	select {
	case <-n.child.Done():
		return nil
	case <-time.After(time.Until(deadline)):
		n.child.Kill()
		return fmt.Errorf("%s had not ended after SIGTERM and was killed", n.id)
	}
}

func (n *node) cpu() (time.Duration, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.child.Running() {
		now, err := child.CPU(n.child.PID())
		if err == nil || n.child.Running() {
			return n.spent + now, err
		}
	}
	return n.spent + used(n.child.State()), nil
}
