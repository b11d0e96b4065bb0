package catalogue

import (
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// What is expected of 100 increments rests on SQLite's rules where they decide,
// and on repeated runs where timing does. Either stands where both verdicts
// were seen, or where the figure came close to the claim's threshold.

// expectBusy says whether more than 30 are refused with SQLITE_BUSY.
func expectBusy(s run.Setup) run.Expectation {
	switch {
	case spreads(s):
		return run.Either
	case !patient(s):
		return run.ExpectHolds
	case !upgrades(s):
		// The busy handler is called; what it gives up on is SQLITE_TIMEOUT.
		return run.ExpectRefuted
	case wal(s):
		// The upgrade of a read is refused without the busy handler
		// (https://sqlite.org/lang_transaction.html, section 2.2).
		return run.ExpectHolds
	default:
		// So it is here, but a reader waits before it reads: 1–84 refused.
		return run.Either
	}
}

// expectFew says whether fewer than 70 succeed.
func expectFew(s run.Setup) run.Expectation {
	if starves(s) {
		return run.Either // 64–100 succeeded
	}
	return expectBusy(s)
}

// expectLost says whether an acknowledged increment is lost.
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

// expectBelow100 says whether the counter ends below 100: because increments
// were refused, or because they were lost.
func expectBelow100(s run.Setup) run.Expectation {
	switch {
	case expectLost(s) == run.ExpectHolds:
		return run.ExpectHolds
	case starves(s):
		return run.Either
	default:
		return expectBusy(s)
	}
}

// expectAbove50 says whether the counter ends above 50.
func expectAbove50(s run.Setup) run.Expectation {
	switch {
	case starves(s), spreads(s):
		return run.Either
	case expectBusy(s) == run.Either:
		return run.Either // 16–99
	case expectLost(s) == run.ExpectHolds && oneAfterAnother(s) && !wal(s):
		return run.Either // 25–79
	case expectBelow100(s) == run.ExpectHolds:
		return run.ExpectRefuted
	default:
		return run.ExpectHolds
	}
}

// patient reports whether a refused writer waits before it gives up.
func patient(s run.Setup) bool { return s.Discipline.BusyTimeout > 0 }

// upgrades reports whether a read's lock is upgraded by the write.
func upgrades(s run.Setup) bool { return s.Discipline.Transaction == store.Deferred }

func wal(s run.Setup) bool { return s.Discipline.Journal == store.WAL }

func oneAfterAnother(s run.Setup) bool { return s.Load.Arrival == run.Sequence }

// spreads reports whether a burst may come apart on a busy machine: its requests
// are so few and so short that more than half of them can find the lock free.
func spreads(s run.Setup) bool {
	return !patient(s) && s.Discipline.Think == 0 && s.Load.Requests < 100
}

// starves reports whether some of a burst may wait out their whole patience:
// all of them poll for one lock, the longest waiting the most rarely, and nobody
// tries again.
func starves(s run.Setup) bool {
	t := s.Discipline.Transaction
	return patient(s) && !oneAfterAnother(s) && s.Discipline.Retries == 0 &&
		(t == store.Immediate || t == store.Exclusive || t == store.Atomic)
}
