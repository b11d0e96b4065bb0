package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// Pools returns the numbers of connections a node among which a comparison searches.
func Pools() []int { return []int{1, 2, 4, 8, 16, store.DefaultPool} }

const (
	poolStart = 4    // where a search begins: several connections, and far from the most
	poolTie   = 0.95 // a smaller pool with this share of the best throughput is as good
	poolLasts = 500 * time.Millisecond
)

// A poolSearch looks for the pool with which a rung acknowledges most, one size at a time, so
// that all rungs can take turns. Throughput rises with the pool until connections only wait for each other,
// and falls from there: the search climbs from [poolStart] and stops at the top. The best pool of
// one row is not that of a thousand, so each workload has a search of its own.
type poolSearch struct {
	sizes []int           // to choose from, in rising order; one: there is nothing to search
	seen  map[int]float64 // ok ops a second, by size
}

// next returns the best size so far, and the size to try next; 0 where the search is over.
func (s *poolSearch) next() (best, try int) {
	start := slices.Index(s.sizes, poolStart)
	if start < 0 {
		start = len(s.sizes) - 1
	}
	at := start
	most, seen := s.seen[s.sizes[at]]
	switch {
	case len(s.sizes) == 1:
		return s.sizes[at], 0
	case !seen:
		return s.sizes[at], s.sizes[at]
	}
	for _, step := range []int{-1, 1} {
		for i := at + step; i >= 0 && i < len(s.sizes); i += step {
			rate, seen := s.seen[s.sizes[i]]
			if !seen {
				return s.sizes[at], s.sizes[i]
			}
			if step < 0 && rate < poolTie*most || step > 0 && poolTie*rate <= most {
				break // past the top
			}
			at, most = i, max(most, rate)
		}
		if at != start {
			break // what lies above is known
		}
	}
	return s.sizes[at], 0
}

// mainClients are the clients of the main figures and of the searches for a pool: the most that
// are no more than 100, or the fewest there are.
func (l *ladder) mainClients() int {
	clients := l.Clients[0]
	for _, n := range l.Clients {
		if n <= 100 {
			clients = n
		}
	}
	return clients
}

// sizes returns the pools that rung r may have in a workload: one where none is searched for.
//
// Only careful rungs are searched. The naive ones show what is lost, or refused, where all clients
// meet in the database: a small pool would let some of them wait in the nodes, lose less, and cure nothing.
// In a node with a queue one connection writes, which is not the pool's: the pool matters to reads alone.
// A pool larger than a node's share of the clients is hardly ever used up.
func (l *ladder) sizes(r *rung, j job) []int {
	_, reads := j.asks.(workload.Mix)
	switch {
	case len(l.Pools) == 0: // stored before there was a search
		return []int{store.DefaultPool}
	case len(l.Pools) == 1:
		return l.Pools
	case r.discipline.Writer == store.Queue && !reads:
		return l.Pools[:1]
	case r.drivers != nil && l.Quick: // nobody's choice, and a search takes time
		return []int{poolStart}
	case !r.careful:
		return []int{min(slices.Max(l.Clients), store.DefaultPool)}
	}
	share := (l.mainClients() + l.Nodes - 1) / l.Nodes
	enough := slices.IndexFunc(l.Pools, func(size int) bool { return size >= share })
	if enough < 0 {
		return l.Pools
	}
	return l.Pools[:enough+1]
}

// pool returns the search for the pool of rung r in a workload as far as the evidence, which may be nil, takes it.
func (l *ladder) pool(r *rung, name string, e *run.Evidence) *poolSearch {
	s := &poolSearch{sizes: l.sizes(r, jobNamed(name)), seen: map[int]float64{}}
	for _, step := range l.poolSteps(r, name, e) {
		s.seen[step.Pool] = step.Rate
	}
	return s
}

// poolSteps returns what came of each load of the search for rung r's pool in a workload, by pool.
func (l *ladder) poolSteps(r *rung, name string, e *run.Evidence) (all []run.PoolStep) {
	if e == nil || len(l.sizes(r, jobNamed(name))) == 1 {
		return nil
	}
	for i := range e.Trials {
		t := &e.Trials[i]
		if !t.Setup.Syncs && t.Setup.Load == l.poolLoad() && jobOf(&t.Setup) == name {
			for _, rec := range t.Recordings[:min(len(t.Recordings), 1)] { // repeats do not change what was chosen
				all = append(all, run.PoolStep{Workload: name, Clients: t.Setup.Load.Clients, Pool: t.Setup.Discipline.Pool,
					Trial: t.Name, Rate: measure.Throughput(rec.ClientOps())})
			}
		}
	}
	slices.SortFunc(all, func(a, b run.PoolStep) int { return cmp.Compare(a.Pool, b.Pool) })
	return all
}

// poolLoad is the load of a pool search. In a comparison whose loads are as short, the loops of
// the search are those of the figures.
func (l *ladder) poolLoad() run.Load {
	return run.Load{Arrival: run.Closed, Clients: l.mainClients(), Duration: min(l.Lasts, poolLasts)}
}

// poolTrial is the trial of one size in the search for a pool.
func (l *ladder) poolTrial(r *rung, name string, size int) experiment.Trial {
	load := l.poolLoad()
	return experiment.Trial{
		Name: fmt.Sprintf("%s, pool %d", loopName(name, load.Clients), size), Level: float64(size), Setup: l.under(r, name, size, load),
	}
}
