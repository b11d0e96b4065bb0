package ladder

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/store"
)

// The most that a comparison can be told.
const (
	maxNodes   = 16
	maxClients = 2000
	maxRate    = 50_000
	maxSteps   = 20
)

func (o Options) validate() error {
	switch {
	case o.Nodes < 2 || o.Nodes > maxNodes:
		return fmt.Errorf("nodes: want 2 to %d, have %d", maxNodes, o.Nodes)
	case o.Think < 0 || o.Think > 1000:
		return fmt.Errorf("think: want 0 to 1000 ms, have %d", o.Think)
	case o.Lasts < 100*time.Millisecond || o.Lasts > time.Minute:
		return fmt.Errorf("for: want 100ms to 1m, have %s", o.Lasts)
	case !(o.Rate >= 0 && o.Rate <= maxRate):
		return fmt.Errorf("rate: want 0 to %d a second, have %g", maxRate, o.Rate)
	case o.Steps < 0 || o.Steps > maxSteps:
		return fmt.Errorf("steps: want 0 to %d, have %d", maxSteps, o.Steps)
	}
	if store.Green().With(o.Driver).Engine() != store.SQLite {
		return fmt.Errorf("driver: %q is none of SQLite's", o.Driver)
	}
	if err := o.validateLoads(); err != nil {
		return err
	}
	return o.validateRungs()
}

func (o Options) validateLoads() error {
	if len(o.Workloads) == 0 || len(o.Clients) == 0 {
		return errors.New("want at least one workload and one number of clients")
	}
	for i, name := range o.Workloads {
		if _, known := jobOf(name); !known {
			return fmt.Errorf("workload %q is none of %s", name, strings.Join(Workloads(), ", "))
		}
		if slices.Contains(o.Workloads[:i], name) {
			return fmt.Errorf("workload %q: listed twice", name)
		}
	}
	for i, n := range o.Clients {
		if n < 1 || n > maxClients || i > 0 && n <= o.Clients[i-1] {
			return fmt.Errorf("clients: want numbers from 1 to %d, each greater than the one before, have %d", maxClients, n)
		}
	}
	return nil
}

// validateRungs wants every pattern to match a rung: of this run, or one that
// would be there if its server were.
func (o Options) validateRungs() error {
	o.Servers = nil
	known := Names(o)
	for _, name := range []string{Postgres, Given, Rqlite} {
		known = append(known, Of(name)...)
	}
	for _, pattern := range o.Rungs {
		hit := false
		for _, name := range known {
			ok, err := matches([]string{pattern}, name)
			if err != nil {
				return err
			}
			hit = hit || ok
		}
		if !hit {
			return fmt.Errorf("rung %q is none of %s", pattern, strings.Join(known, ", "))
		}
	}
	return nil
}

func badPattern(pattern string, err error) error { return fmt.Errorf("rung %q: %w", pattern, err) }
