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

// nodes is how many containers the source has.
const nodes = 4

// counter is the name of the counter that clients increment.
const counter = "counter"

// burst is n requests at once, a connection each.
func burst(n int) run.Load {
	return run.Load{Arrival: run.Burst, Clients: n, Requests: n, Timeout: patience}
}

// sequence is n requests, shared out among clients that make theirs back to back.
func sequence(clients, n int) run.Load {
	return run.Load{Arrival: run.Sequence, Clients: clients, Requests: n, Timeout: patience}
}

// quiet is a discipline without a pause between the read and the write, and without retries.
func quiet(transaction store.Transaction, timeout store.Milliseconds, journal store.Journal) store.Discipline {
	d := store.Red()
	d.Transaction, d.BusyTimeout, d.Journal, d.Think = transaction, timeout, journal, 0
	return d
}

// ofHundred scales a count that the source gives for 100 requests to those of r.
func ofHundred(r *run.Recording, n int64) int64 { return n * int64(r.Setup.Load.Requests) / 100 }

// crowdSize is how many increments run, the source's 100 or fewer. The claims on them have this number in their
// sentences, and the source's counts scaled to it by percentOf.
func crowdSize(o Options) int { return pick(o, 100, 24) }

// percentOf scales as [ofHundred] does.
func percentOf(o Options, n int) int { return n * crowdSize(o) / 100 }

// increments gives x the arms in which 100 increments run: the source's red and green, green as it is written there, and between
// them every transaction style, without patience and with five seconds of it, in both journals, all
// else equal. Half of them are the source's burst; the others are a sequence, which shows how much
// of an answer is the arrival's doing. expect returns by claim ID what is expected under a setup.
//
// A quick run has fewer increments and only the arms that differ most.
func increments(o Options, x experiment.Experiment, expect map[string]func(run.Setup) run.Expectation) experiment.Experiment {
	// What takes long is that writers sleep in the busy handler. Two arms at once leave a
	// core to each; those of a quick run have a quarter of the increments.
	x.Abreast = pick(o, 2, 3)
	x.Takes = pick(o, 28*time.Second, 5*time.Second) // measured
	arrivals := pick(o, []run.Load{burst(crowdSize(o)), sequence(nodes, crowdSize(o))}, []run.Load{burst(crowdSize(o))})
	add := func(name string, d store.Discipline) {
		for _, arrival := range arrivals {
			s := run.Setup{
				Nodes: nodes, Discipline: d, Load: arrival, Workload: workload.Increment{Key: counter, Nodes: nodes},
				Traced: name == "immediate/5000/WAL" && arrival.Arrival == run.Burst,
			}
			arm := experiment.Arm{Name: name + "/" + string(arrival.Arrival), Trials: experiment.Single(s), Expect: map[string]run.Expectation{}}
			for claim, of := range expect {
				arm.Expect[claim] = of(s)
			}
			x.Arms = append(x.Arms, arm)
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
	add("source", store.Written())
	return x
}

// What is expected of 100 increments rests on SQLite's rules where they decide,
// and on repeated runs where timing does. Either stands where both verdicts
// were seen, or where the figure came close to the claim's threshold.

// expectBusy expects that more than 30 are refused with SQLITE_BUSY.
func expectBusy(s run.Setup) run.Expectation {
	switch {
	case spreads(s):
		return run.Either
	case !patient(s):
		return run.ExpectHolds
	case s.Discipline.Transaction != store.Deferred:
		// The busy handler is called; what it gives up on is SQLITE_TIMEOUT.
		return run.ExpectRefuted
	case wal(s):
		// The upgrade of a read is refused without the busy handler
		// (https://sqlite.org/lang_transaction.html, section 2.2).
		return run.ExpectHolds
	default:
		// An upgrade is refused here too, but a reader waits before it reads: of a crowd 35–75 are
		// refused, of four in turn 2–20, and on a busy machine or in containers up to 50.
		return run.Either
	}
}

// expectFew expects that fewer than 70 succeed, as expectBusy does: of a crowd that starves, 64–100
// succeeded, and the check does not hold against SQLite that a machine was slow.
func expectFew(s run.Setup) run.Expectation { return expectBusy(s) }

// expectLost expects that an acknowledged increment is lost.
func expectLost(s run.Setup) run.Expectation {
	switch {
	case s.Discipline.Transaction != store.Separate:
		return run.ExpectRefuted // transactions are serializable (https://sqlite.org/isolation.html)
	case patient(s):
		return run.ExpectHolds
	default:
		return run.Either // most are refused; of those that are not, 0–7 are lost
	}
}

// expectBelow100 expects that the counter ends below 100: because increments
// were refused, or because they were lost.
func expectBelow100(s run.Setup) run.Expectation {
	switch {
	case expectLost(s) == run.ExpectHolds:
		return run.ExpectHolds
	case starves(s):
		return run.Either
	case s.Discipline.Transaction == store.Deferred && patient(s) && !wal(s):
		return run.ExpectHolds // some are refused, though it may be 2 of 100
	default:
		return expectBusy(s)
	}
}

// expectAbove50 expects that the counter ends above 50.
func expectAbove50(s run.Setup) run.Expectation {
	switch {
	case spreads(s), short(s):
		return run.Either
	case expectBusy(s) == run.Either:
		return run.Either // 25–65
	case starves(s), expectBusy(s) == run.ExpectRefuted && s.Discipline.Transaction == store.Deferred:
		return run.ExpectHolds // 64 or more
	case expectLost(s) == run.ExpectHolds && s.Load.Arrival == run.Sequence && !wal(s):
		return run.Either // 25–79
	default:
		return expectThat(expectBelow100(s) != run.ExpectHolds)
	}
}

// patient reports whether a refused writer waits before it gives up.
func patient(s run.Setup) bool { return s.Discipline.BusyTimeout > 0 }

func wal(s run.Setup) bool { return s.Discipline.Journal == store.WAL }

// spreads reports whether a burst may come apart on a busy machine: its requests
// are so few and so short that more than half of them can find the lock free.
func spreads(s run.Setup) bool {
	return !patient(s) && s.Discipline.Think == 0 && s.Load.Requests < 100
}

// short reports whether four in turn keep the lock for so short a time that they may miss each other: in
// processes 17 to 36 of 100 succeed, in containers, where a request is longer under way, up to 58.
func short(s run.Setup) bool {
	t := s.Discipline.Transaction
	return !patient(s) && s.Discipline.Think == 0 && wal(s) && s.Load.Arrival == run.Sequence && (t == store.Separate || t == store.Deferred || t == store.Atomic)
}

// starves reports whether some of a burst may wait out their whole patience: all of them poll for
// one lock, those that have waited longest poll most rarely, and none tries again.
func starves(s run.Setup) bool {
	t := s.Discipline.Transaction
	return patient(s) && s.Load.Arrival != run.Sequence && s.Discipline.Retries == 0 &&
		(t == store.Immediate || t == store.Exclusive || t == store.Atomic)
}
