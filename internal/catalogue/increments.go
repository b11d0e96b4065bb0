package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// patience is how long a client waits: longer than green may take, which is
// four times its busy_timeout and 1, 2 and 4 s between.
const patience = 45 * time.Second

// incrementsAbreast is how many arms run at once. What takes long in them is
// that writers sleep in the busy handler; two at once leave a core to each, and
// a quick run has a quarter of the increments.
func incrementsAbreast(o Options) int {
	if o.Quick {
		return 3
	}
	return 2
}

// incrementsTake is how long all arms take; measured.
func incrementsTake(o Options) time.Duration {
	if o.Quick {
		return 5 * time.Second
	}
	return 28 * time.Second
}

// nodes is how many containers the seed has.
const nodes = 4

// arrivals are the two ways in which 100 increments come. The seed's is the
// burst; the sequence shows how much of an answer is the arrival's doing.
func arrivals(o Options) []run.Load {
	if o.Quick {
		return []run.Load{burst(24)}
	}
	return []run.Load{burst(100), sequence(nodes, 100)}
}

// burst is n requests at once, a connection each.
func burst(n int) run.Load {
	return run.Load{Arrival: run.Burst, Clients: n, Requests: n, Timeout: patience}
}

// sequence is n requests, shared out among clients that make theirs back to back.
func sequence(clients, n int) run.Load {
	return run.Load{Arrival: run.Sequence, Clients: clients, Requests: n, Timeout: patience}
}

// incrementArms returns the arms in which 100 increments run: the seed's red
// and green, and between them every transaction style, without patience and
// with five seconds of it, in both journals, all else equal. expect says, by
// claim ID, what is expected of each.
//
// A quick run has fewer increments and only the arms that differ most.
func incrementArms(o Options, expect map[string]func(run.Setup) run.Expectation) []experiment.Arm {
	var arms []experiment.Arm
	add := func(name string, d store.Discipline) {
		for _, arrival := range arrivals(o) {
			s := run.Setup{
				Nodes: nodes, Discipline: d, Load: arrival,
				Workload: workload.Increment{Key: "counter", Nodes: nodes},
				Traced:   name == "immediate/5000/WAL" && arrival.Arrival == run.Burst,
			}
			arm := experiment.Arm{
				Name: name + "/" + string(arrival.Arrival), Trials: experiment.Single(s),
				Expect: map[string]run.Expectation{},
			}
			for claim, of := range expect {
				arm.Expect[claim] = of(s)
			}
			arms = append(arms, arm)
		}
	}
	add("red", store.Red())
	for _, transaction := range store.Transactions {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			for _, journal := range []store.Journal{store.Delete, store.WAL} {
				if o.Quick && (journal == store.Delete || transaction == store.Exclusive || timeout == 0 && transaction != store.Separate) {
					continue
				}
				add(fmt.Sprintf("%s/%d/%s", transaction, timeout, journal), quiet(transaction, timeout, journal))
			}
		}
	}
	add("green", store.Green())
	return arms
}

// quiet is a discipline without a pause between the read and the write, and
// without retries.
func quiet(transaction store.Transaction, timeout store.Milliseconds, journal store.Journal) store.Discipline {
	d := store.Red()
	d.Transaction, d.BusyTimeout, d.Journal, d.Think = transaction, timeout, journal, 0
	return d
}

// ofHundred scales a count that the seed gives for 100 requests to those of r.
func ofHundred(r *run.Recording, n int64) int64 {
	return n * int64(r.Setup.Load.Requests) / 100
}
