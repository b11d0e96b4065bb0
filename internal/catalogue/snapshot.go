package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// snapshot is what becomes of a transaction that reads, is overtaken, and then writes.
// https://sqlite.org/rescode.html#busy_snapshot tells the story in three sentences, which the
// scenes play. Nobody waits for long in them, so a quick run plays them all.
func snapshot(Options) experiment.Experiment {
	x := experiment.Experiment{
		Name:     "snapshot",
		Question: "What becomes of a transaction that wants to write after another container has changed what it read?",
		Claims: []experiment.Claim{
			timed(claim("refused-at-once", sqlite("c3ref/busy_handler.html"),
				"A transaction that has read is refused its write in less than a tenth of busy_timeout.",
				played(refusedAtOnce))),
			claim("busy-snapshot", sqlite("rescode.html#busy_snapshot"),
				"The extended code of that refusal is SQLITE_BUSY_SNAPSHOT.",
				played(func(r *run.Recording) experiment.Judgement {
					e := writes(attempts(r)[0])[0]
					if !locked(e) {
						return judged(check.Inconclusive, came(e), "the write was not refused, so no code says why")
					}
					return judged(ruled(e.Extended == "SQLITE_BUSY_SNAPSHOT"), came(e), "the write was answered %s", came(e))
				})),
			claim("statement-again-is-refused", sqlite("lang_transaction.html#read_transactions_versus_write_transactions"),
				"Trying the refused statement again in the same transaction is refused every time.",
				played(refusedAgain)),
			claim("transaction-again-succeeds", sqlite("lang_transaction.html#read_transactions_versus_write_transactions"),
				"Rolled back and done again as a whole, the transaction gets through.",
				played(throughAgain)),
			begunIsWon,
		},
		Plots: []experiment.Plot{experiment.LanesPlot(
			"Read, overtaken, refused, and all of it again: app-1 is A, app-2 is B", "deferred/5000/WAL/transaction again")},
		Abreast: 3, // what takes time is starting the nodes; the scenes wait for turns
		Takes:   600 * time.Millisecond,
	}
	for _, p := range snapshots {
		p.timeout = 5000
		x.Arms = append(x.Arms, p.arm())
	}
	return x
}

// begunIsWon is why BEGIN IMMEDIATE is the cure. The page says it of BEGIN
// IMMEDIATE alone; asked of every BEGIN, it shows what the word is worth.
var begunIsWon = claim("begun-is-won", sqlite("rescode.html#busy"),
	"Once its BEGIN has succeeded, nothing that a transaction does is refused, up to and with its COMMIT.",
	played(unrefusedSinceBegin))

// The three sentences of https://sqlite.org/rescode.html#busy_snapshot, cut short.
const (
	readsFirst = "Process A starts a read transaction"
	updates    = "Process B updates the database"
	triesTo    = "Process A now tries to write"
)

// looksAtCounter reads the counter; adds sets it to one more than a has last read.
func (a actor) looksAtCounter() run.Step { return a.asks(nodeapi.DoReadCounter, counter) }
func (a actor) adds() run.Step           { return a.changes(nodeapi.DoSetCounter, counter, 1) }

// increment is a whole transaction.
func (a actor) increment(begin string) []run.Step {
	return []run.Step{a.does(begin), a.looksAtCounter(), a.adds(), a.does(nodeapi.DoCommit)}
}

// readsAhead is how container A begins.
func readsAhead() []run.Step {
	return line(readsFirst, containerA.does(nodeapi.DoBeginDeferred), containerA.looksAtCounter())
}

// overtaken is how container A reads and B changes what it has read.
func overtaken() []run.Step {
	return slices.Concat(readsAhead(), line(updates, containerB.increment(nodeapi.DoBeginImmediate)...))
}

// givesUp is how container A, overtaken, wants to write and rolls back.
func givesUp() []run.Step {
	return line(triesTo, containerA.adds(), containerA.does(nodeapi.DoRollback))
}

// hasLock is how container B writes and does not commit.
func hasLock(further ...run.Step) []run.Step {
	return line(updates, slices.Concat(containerB.increment(nodeapi.DoBeginImmediate)[:3], further)...)
}

// blindWrite is a write of container A to what it has not read.
var blindWrite = run.Step{Session: containerA.session, Node: containerA.node, Do: nodeapi.DoSetCounter, Name: counter, Value: 7}

// snapshots are the ways in which container B can meet A's transaction.
var snapshots = []play{
	// A tries the same statement again and again.
	{which: "statement again", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{holds: "refused-at-once busy-snapshot statement-again-is-refused", refuted: "begun-is-won"},
		scene: scene("A retries the write", overtaken(),
			line(triesTo, containerA.adds(), containerA.adds(), later(containerA.adds()), containerA.does(nodeapi.DoRollback)))},
	// A does all of it again.
	{which: "transaction again", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{holds: "refused-at-once busy-snapshot transaction-again-succeeds", refuted: "begun-is-won"},
		scene:    scene("A retries it all", overtaken(), givesUp(), containerA.increment(nodeapi.DoBeginDeferred))},
	// B comes in between again.
	{which: "overtaken again", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{holds: "refused-at-once busy-snapshot", refuted: "transaction-again-succeeds begun-is-won"},
		scene:    scene("A retries it all in vain", overtaken(), givesUp(), overtaken(), givesUp())},
	// B has the write lock when A wants it, and leaves nothing behind: nothing is stale.
	{which: "the other rolls back", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{holds: "refused-at-once", refuted: "busy-snapshot statement-again-is-refused begun-is-won"},
		scene: scene("B rolls back", readsAhead(), hasLock(),
			line(triesTo, containerA.adds(), containerB.does(nodeapi.DoRollback), containerA.adds(), containerA.does(nodeapi.DoCommit)))},
	// A writes without having read, while B has the write lock. Without a snapshot to
	// keep, waiting can help, and SQLite calls the busy handler.
	{which: "write first", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{holds: "begun-is-won", refuted: "refused-at-once"},
		scene: scene("A writes blind", []run.Step{containerA.does(nodeapi.DoBeginDeferred)}, containerB.increment(nodeapi.DoBeginImmediate)[:3],
			[]run.Step{apart(blindWrite), later(containerB.does(nodeapi.DoCommit)), containerA.does(nodeapi.DoCommit)})},
	// B waits at its BEGIN until A is done.
	{transaction: store.Immediate, journal: store.WAL,
		expected: outlook{holds: "begun-is-won", refuted: "refused-at-once"},
		scene: scene("B waits its turn",
			[]run.Step{containerA.does(nodeapi.DoBeginImmediate), containerA.looksAtCounter(), apart(containerB.does(nodeapi.DoBeginImmediate))},
			containerA.increment(nodeapi.DoBeginImmediate)[2:], containerB.increment(nodeapi.DoBeginImmediate)[1:])},
	// In a rollback journal there is no snapshot, and B cannot commit while A reads. It
	// waits until A, refused, lets go; B's last read waits for its COMMIT.
	{transaction: store.Deferred, journal: store.Delete,
		expected: outlook{
			holds:   "refused-at-once statement-again-is-refused transaction-again-succeeds",
			refuted: "busy-snapshot begun-is-won",
		},
		scene: scene("B's COMMIT waits", readsAhead(), hasLock(apart(containerB.does(nodeapi.DoCommit))),
			line(triesTo, containerA.adds(), containerA.adds(), containerA.does(nodeapi.DoRollback), containerB.looksAtCounter()),
			containerA.increment(nodeapi.DoBeginDeferred))},
}

// attempts are the transactions of container A, which is the one to be overtaken.
func attempts(r *run.Recording) [][]run.StepEvent {
	return transactions(r.Steps, containerA.session)
}

// writes are the steps in which a transaction wants to write.
func writes(transaction []run.StepEvent) []run.StepEvent {
	return slices.DeleteFunc(slices.Clone(transaction), func(e run.StepEvent) bool { return e.Do != nodeapi.DoSetCounter })
}

// refusedAtOnce judges the first write. A refusal between a tenth and the whole
// of busy_timeout leaves open whether SQLite waited or the machine was slow.
func refusedAtOnce(r *run.Recording) experiment.Judgement {
	e, timeout := writes(attempts(r)[0])[0], r.Setup.Discipline.BusyTimeout.Duration()
	waited := e.Answered - e.Sent
	v := check.Inconclusive
	switch {
	case !locked(e) || waited >= timeout:
		v = check.Refuted
	case waited < timeout/10:
		v = check.Holds
	}
	return judged(v, fmt.Sprintf("%s after %s", came(e), took(e)),
		"with a busy_timeout of %s, the write was answered %s after %s", inMilliseconds(timeout), came(e), took(e))
}

// refusedAgain judges the writes that follow the first in its transaction.
func refusedAgain(r *run.Recording) experiment.Judgement {
	again := writes(attempts(r)[0])[1:]
	refused := 0
	for _, e := range again {
		if locked(e) {
			refused++
		}
	}
	v := check.Inconclusive
	if len(again) > 0 {
		v = ruled(refused == len(again))
	}
	return judged(v, fmt.Sprintf("%d of %d further tries refused", refused, len(again)),
		"of %d further tries in the same transaction, %d were refused", len(again), refused)
}

// throughAgain judges the last transaction, if it is not the only one.
func throughAgain(r *run.Recording) experiment.Judgement {
	all := attempts(r)
	if len(all) < 2 {
		return undecided("the transaction was not begun again")
	}
	write := writes(all[len(all)-1])[0]
	if slices.ContainsFunc(committed(r.Steps), func(e run.StepEvent) bool { return e.Session == write.Session }) {
		return judged(check.Holds, came(write), "begun %d times, the transaction was committed", len(all))
	}
	return judged(check.Refuted, came(write), "begun %d times, the transaction was last answered %s", len(all), came(write))
}

// unrefusedSinceBegin judges every transaction of a scene.
func unrefusedSinceBegin(r *run.Recording) experiment.Judgement {
	begun := 0
	for _, actor := range []actor{containerA, containerB, containerC} {
		for _, transaction := range transactions(r.Steps, actor.session) {
			begun++
			if i := slices.IndexFunc(transaction, locked); i >= 0 {
				e := transaction[i]
				return judged(check.Refuted, fmt.Sprintf("%s: %s", e.Do, came(e)),
					"the %s of container %s was answered %s, in a transaction that had begun with %s", e.Do, e.Session, came(e), transaction[0].Do)
			}
		}
	}
	if begun == 0 {
		return undecided("no BEGIN succeeded")
	}
	return judged(check.Holds, fmt.Sprintf("nothing refused in %d transactions", begun), "%d transactions began, and nothing in them was refused", begun)
}
