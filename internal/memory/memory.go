// Package memory bounds the garbage of a server and gives back what a load has left. It
// counts nothing for anybody: whoever takes memory for others has a bound of his own.
package memory

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// Limit is from where on the garbage collector of a server works harder, in bytes.
const Limit = 128 << 20

const (
	interval = time.Second // between two looks
	calm     = 1 << 20     // allocated in an interval, in bytes: less is no load
	worth    = 16 << 20    // held beyond what was needed without a load, in bytes: less is not worth a collection

	mostPause = 64 // looks between two collections that give nothing back
)

// Bound keeps the memory of this process, a server and nothing else, near what it needs
// until stop is called. From [Limit] on it is collected more often, unless the
// environment's GOMEMLIMIT says another number
// (https://pkg.go.dev/runtime#hdr-Environment_Variables). And when a load is over it is given
// back: by itself Go would collect two minutes later, and give back at its leisure.
func Bound() (stop func()) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(Limit)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	atRest := look()
	group.Go(func() { giveBack(ctx, interval, atRest) })
	return func() { cancel(); group.Wait() }
}

// giveBack looks once in an interval whether there is anything to give back, until ctx is done.
// Before is a look at the server without a load.
func giveBack(ctx context.Context, interval time.Duration, before sight) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	floor, least := before.held, before.held // least is what was held after the last collection, or less
	crowd := before.goroutines               // that were there then
	looks, pause := 0, 1                     // since then, and after how many another collection is tried without a sign
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := look()
		looks++
		if now.allocated-before.allocated < calm && now.held > floor+worth {
			// What clients held at the last collection they leave without a sign when they go, but that
			// there are fewer goroutines. Else it is tried again more and more seldom.
			news := now.held > least+worth || now.goroutines < crowd
			if news || looks >= pause {
				debug.FreeOSMemory()
				now = look()
				least, crowd, looks, pause = now.held, now.goroutines, 0, min(2*pause, mostPause)
			}
			if news {
				pause = 1
			}
		}
		floor, least = min(floor, now.held), min(least, now.held)
		before = now
	}
}

// A sight is what the runtime says of itself, in bytes.
type sight struct {
	held       uint64 // and not given back
	allocated  uint64 // since the start
	goroutines uint64 // a number, not bytes
}

func look() sight {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(s)
	return sight{held: s[0].Value.Uint64() - s[1].Value.Uint64(), allocated: s[2].Value.Uint64(), goroutines: s[3].Value.Uint64()}
}
