package rqlite

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/contend/internal/proc"
)

// A node is one rqlited of a private cluster.
type node struct {
	id         string
	http, raft string // "127.0.0.1:port"; the same after a restart, because Raft knows the node by them
	log        string // path
	command    []string

	mu      sync.Mutex
	process *proc.Process // nil until it has been started
	spent   time.Duration // processor time of those before process
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
	p, err := proc.StartLogged(exec.Command(n.command[0], n.command[1:]...), n.log)
	if err != nil {
		return fmt.Errorf("%s: %w", n.id, err)
	}
	if n.process != nil {
		used, _ := n.process.CPU() // that of the dead is known
		n.spent += used
	}
	n.process = p
	return nil
}

// awaitReady polls /readyz until it answers 200: the node is up, knows the
// leader and can reach it (https://rqlite.io/docs/guides/monitoring-rqlite/).
func (n *node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it took too long"))
	defer cancel()
	err := n.process.Await(ctx, 20*time.Millisecond, func() bool {
		resp, err := get(ctx, n.http, "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if err != nil { // the log goes with the directory
		return fmt.Errorf("%s was not ready: %w: %s", n.id, err, proc.LastWords(n.log, 3))
	}
	return nil
}

func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process.Kill()
}

// stop ends the node with SIGTERM, and with SIGKILL when ctx is done first. One
// that was never started is none.
func (n *node) stop(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.process.Stop(ctx, syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s had not ended after SIGTERM and was killed: %w", n.id, err)
	}
	return nil
}

func (n *node) cpu() (time.Duration, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	used, err := n.process.CPU()
	return n.spent + used, err
}
