package ladder

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// The most that a comparison can be told.
const (
	maxNodes   = 16
	maxClients = 2000
	maxRate    = 50_000
	maxSteps   = 20
)

// validate returns o's Expect, and an error that names the first option that cannot be.
func validate(o run.Ladder) (expect Expect, err error) {
	switch {
	case o.Nodes < 2 || o.Nodes > maxNodes:
		return expect, fmt.Errorf("nodes: want 2 to %d, have %d", maxNodes, o.Nodes)
	case o.Think < 0 || o.Think > 1000:
		return expect, fmt.Errorf("think: want 0 to 1000 ms, have %d", o.Think)
	case o.Lasts < 100*time.Millisecond || o.Lasts > time.Minute:
		return expect, fmt.Errorf("for: want 100ms to 1m, have %s", o.Lasts)
	case !(o.Rate >= 0 && o.Rate <= maxRate):
		return expect, fmt.Errorf("rate: want 0 to %d a second, have %g", maxRate, o.Rate)
	case o.Steps < 0 || o.Steps > maxSteps:
		return expect, fmt.Errorf("steps: want 0 to %d, have %d", maxSteps, o.Steps)
	}
	if store.Green().With(o.Driver).Engine() != store.SQLite {
		return expect, fmt.Errorf("driver: %q is none of SQLite's", o.Driver)
	}
	if expect, err = ParseExpect(o.Expect); err != nil {
		return expect, err
	}
	if err := validateLoads(o); err != nil {
		return expect, err
	}
	return expect, validateRungs(o)
}

func validateLoads(o run.Ladder) error {
	if len(o.Workloads) == 0 || len(o.Clients) == 0 {
		return errors.New("want at least one workload and one number of clients")
	}
	for i, name := range o.Workloads {
		if !slices.Contains(Workloads(), name) {
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
func validateRungs(o run.Ladder) error {
	o.Servers = nil
	known := Names(o)
	for _, name := range []string{Postgres, Given, Rqlite} {
		known = append(known, Of(name)...)
	}
	for _, pattern := range o.Rungs {
		hit := false
		for _, name := range known {
			ok, err := experiment.Matches([]string{pattern}, name)
			if err != nil {
				return fmt.Errorf("rung %w", err)
			}
			hit = hit || ok
		}
		if !hit {
			return fmt.Errorf("rung %q is none of %s", pattern, strings.Join(known, ", "))
		}
	}
	return nil
}
