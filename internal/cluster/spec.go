package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A Spec says what to start. The zero value of an optional field is its default.
type Spec struct {
	Nodes       int
	Discipline  store.Discipline
	Mount       run.Mount // how containers come to the database; processes can only share it
	Build       string    // which build of the node; "" is this program
	Dir         string    // holds the database and one log file a node; must exist, and have no database yet
	Seed        uint64    // for the nodes' jitter
	Lab         bool      // open the nodes' /lab/ paths
	Trace       bool      // have each node write its attempts to <name>.trace.jsonl in Dir
	Listen      string    // the balancer's address; "" means a free port of 127.0.0.1
	AllowRemote bool      // let Listen be an address that other machines can reach
	Binary      string    // the contend to run; "" means this program's own file

	Drivers      string // of SQLite, with commas between, which the nodes take in turns; "" means the discipline's for all
	SingleWriter bool   // the balancer sends what may write to one node only
	Server       string // which database server the nodes use; "": none, they share a file
	Service      Server // that one
}

// Names within [Spec].Dir.
const Database = "shared.db"

// TraceFile is the name of a node's trace.
func TraceFile(node string) string { return node + ".trace.jsonl" }

// AnyPort lets the kernel choose the balancer's port.
const AnyPort = "127.0.0.1:0"

// NodeName is the name of node i, from 0: "app-1".
func NodeName(i int) string { return "app-" + strconv.Itoa(i+1) }

// Flags are the arguments of `contend node` wherever node i, from 0, runs: its
// discipline and what an experiment needs of it.
func (s Spec) Flags(i int) []string {
	d := s.Discipline
	if s.Drivers != "" {
		drivers := strings.Split(s.Drivers, ",")
		d.Driver = drivers[i%len(drivers)]
	}
	flags := append(d.Args(), "--seed", strconv.FormatUint(s.Seed, 10))
	if s.Lab {
		flags = append(flags, "--lab")
	}
	return flags
}

// Program is the path of the contend to run.
func (s Spec) Program() (string, error) {
	if s.Binary != "" {
		return s.Binary, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return self, nil
}

// Check refuses a cluster without nodes, and a directory that has a database: a
// path that had one before could pair the new one with an old journal or WAL
// (https://sqlite.org/howtocorrupt.html, section 1.4).
func (s Spec) Check() error {
	if s.Nodes < 1 {
		return fmt.Errorf("want at least 1 node, have %d", s.Nodes)
	}
	leftovers, err := filepath.Glob(filepath.Join(s.Dir, Database+"*"))
	if err != nil || len(leftovers) > 0 {
		return fmt.Errorf("%s is not fresh: %q is there", s.Dir, leftovers)
	}
	return nil
}
