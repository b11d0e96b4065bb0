package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// A Setup is everything that is decided before a recording is made. Setups with one
// [Setup.Key] are the same setup. Either a load is sent or a scene is played.
type Setup struct {
	Nodes      int              `json:"nodes"`
	Discipline store.Discipline `json:"discipline"`

	Drivers      []string `json:"drivers,omitempty"`       // SQLite drivers that the nodes take in turns; none: the discipline's
	SingleWriter bool     `json:"single_writer,omitempty"` // the balancer sends requests that may write to one node only
	Server       string   `json:"server,omitempty"`        // name of the database server that the nodes use; empty: they share a file
	Mount        Mount    `json:"mount,omitempty"`         // how containers come to the database
	Build        string   `json:"build,omitempty"`         // which build of the node runs; empty: this program
	Traced       bool     `json:"traced,omitempty"`        // the nodes write down when they waited for the write lock and held it
	Syncs        bool     `json:"syncs,omitempty"`         // the syncs of nodes and server are counted, where the kernel allows it; it costs them processor time

	Begin    Begin             `json:"begin,omitzero"`     // the database's rows before the load
	Load     Load              `json:"load,omitzero"`      // zero where a scene is played
	Workload workload.Workload `json:"workload,omitempty"` // nil where a scene is played
	Fault    Fault             `json:"fault,omitempty"`    // nil where nothing goes wrong on purpose
	Scene    *Scene            `json:"scene,omitempty"`
}

// A Begin is the rows that the database has before the load. The zero Begin is a
// database whose tables are empty.
type Begin struct {
	Item     string `json:"item,omitempty"`     // of which there are Stock pieces; empty: no item
	Stock    int64  `json:"stock,omitempty"`    // pieces of Item
	Accounts int    `json:"accounts,omitempty"` // named as workload.Account says, each with Balance
	Balance  int64  `json:"balance,omitempty"`  // of each account
}

// A Mount is how a node comes to its database. The zero Mount is the right one: one
// directory for all.
type Mount string

const (
	MountShared     Mount = ""            // one directory for all nodes: the named volume of containers
	MountVolume     Mount = "volume"      // the same, in an experiment about mounts, so that only containers can have it
	MountDirectory  Mount = "directory"   // one directory of the host, bound into all nodes
	MountSingleFile Mount = "single-file" // of that directory the database file alone: each node has a journal, WAL and wal-index of its own
	MountTwoVolumes Mount = "two-volumes" // a named volume for the odd nodes and another for the even ones
	MountNone       Mount = "none"        // nothing is mounted: each node writes to the layer of its own container
	MountLinked     Mount = "linked"      // of processes: each opens the one file by a hard link in a directory of its own, and has a journal, WAL and wal-index there
	MountOwnFile    Mount = "own-file"    // of processes: each opens a file of its own, which shows what sharing one costs
)

// Lab reports whether the nodes need their /lab/ paths.
func (s *Setup) Lab() bool { return s.Begin != Begin{} || s.Fault != nil || s.Scene != nil }

// Key names the setup: the hash of its JSON, in hexadecimal.
func (s *Setup) Key() string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a workload or fault that its table lacks: a test marshals every setup of the catalogue
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// setupFields is a Setup without its methods.
type setupFields Setup

// A setupDocument is a Setup as JSON has it: with the values of interfaces tagged.
type setupDocument struct {
	setupFields
	Workload json.RawMessage `json:"workload,omitempty"`
	Fault    json.RawMessage `json:"fault,omitempty"`
}

// MarshalJSON writes the setup so that UnmarshalJSON reads the same setup.
func (s Setup) MarshalJSON() ([]byte, error) {
	doc := setupDocument{setupFields: setupFields(s)}
	var err error
	if s.Workload != nil {
		if doc.Workload, err = workload.Marshal(s.Workload); err != nil {
			return nil, fmt.Errorf("workload: %w", err)
		}
	}
	if s.Fault != nil {
		if doc.Fault, err = faults.Marshal(s.Fault); err != nil {
			return nil, fmt.Errorf("fault: %w", err)
		}
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Setup) UnmarshalJSON(data []byte) (err error) {
	var doc setupDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	*s = Setup(doc.setupFields)
	if doc.Workload != nil {
		if s.Workload, err = workload.Unmarshal(doc.Workload); err != nil {
			return fmt.Errorf("workload: %w", err)
		}
	}
	if doc.Fault != nil {
		if s.Fault, err = faults.Unmarshal(doc.Fault); err != nil {
			return fmt.Errorf("fault: %w", err)
		}
	}
	return nil
}

// Asked says in words what clients ask of the nodes: "increment one counter"; of a
// scene, its name.
func (s *Setup) Asked() string {
	switch {
	case s.Scene != nil:
		return "the scene " + s.Scene.Name
	case s.Workload != nil:
		return s.Workload.String()
	}
	return ""
}

// Wrong says in words what goes wrong on purpose; "" where nothing does.
func (s *Setup) Wrong() string {
	if s.Fault == nil {
		return ""
	}
	return s.Fault.String()
}

// Validate returns an error that names what no recording can be made of.
func (s *Setup) Validate() error {
	if s.Nodes < 1 {
		return fmt.Errorf("want at least 1 node, have %d", s.Nodes)
	}
	if err := s.Discipline.Validate(); err != nil {
		return err
	}
	if s.Scene != nil {
		return nil
	}
	if s.Workload == nil {
		return errors.New("want a workload or a scene")
	}
	return s.Load.Validate()
}

// ofSeconds is a duration from JSON, which has a number of seconds, exact to the
// nanosecond up to a hundred days.
func ofSeconds(n float64) time.Duration { return time.Duration(math.Round(n * float64(time.Second))) }
