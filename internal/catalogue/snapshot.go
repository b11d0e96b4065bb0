package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// snapshot is what becomes of a transaction that reads, is overtaken, and then
// writes. https://sqlite.org/rescode.html#busy_snapshot tells the story in three
// sentences, which the scenes play. Nobody waits for long in them, so a quick
// run plays them all.
func snapshot(Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "snapshot",
		Question: "What becomes of a transaction that wants to write after another container has changed what it read?",
		Claims: []experiment.Claim{{
			ID:     "refused-at-once",
			Text:   "A transaction that has read is refused its write in less than a tenth of busy_timeout.",
			Source: "https://sqlite.org/c3ref/busy_handler.html",
			Check:  played(refusedAtOnce),
		}, {
			ID:     "busy-snapshot",
			Text:   "The extended code of that refusal is SQLITE_BUSY_SNAPSHOT.",
			Source: "https://sqlite.org/rescode.html#busy_snapshot",
			Check:  played(saysSnapshot),
		}, {
			ID:     "statement-again-is-refused",
			Text:   "Trying the refused statement again in the same transaction is refused every time.",
			Source: "https://sqlite.org/lang_transaction.html#read_transactions_versus_write_transactions",
			Check:  played(refusedAgain),
		}, {
			ID:     "transaction-again-succeeds",
			Text:   "Rolled back and done again as a whole, the transaction gets through.",
			Source: "https://sqlite.org/lang_transaction.html#read_transactions_versus_write_transactions",
			Check:  played(throughAgain),
		}, begunIsWon},
		Arms: snapshotArms(),
		Plots: []experiment.Plot{experiment.LanesPlot(
			"Read, overtaken, refused, and all of it again: app-1 is A, app-2 is B", "deferred/5000/WAL/transaction again")},
		Abreast: 3, // what takes time is starting the nodes; the scenes wait for turns
		Takes:   600 * time.Millisecond,
	}
}

// begunIsWon is why BEGIN IMMEDIATE is the cure. The page says it of BEGIN
// IMMEDIATE alone; asked of every BEGIN, it shows what the word is worth.
var begunIsWon = experiment.Claim{
	ID:     "begun-is-won",
	Text:   "Once its BEGIN has succeeded, nothing that a transaction does is refused, up to and with its COMMIT.",
	Source: "https://sqlite.org/rescode.html#busy",
	Check:  played(unrefusedSinceBegin),
}

func snapshotArms() []experiment.Arm {
	const patience = 5000
	deferred := func(which string, s *run.Scene, e expects) experiment.Arm {
		return sceneArm(which, staged(s, store.Deferred, patience, store.WAL), e)
	}
	return []experiment.Arm{
		deferred("statement again", staleStatement(), expects{
			"refused-at-once": run.ExpectHolds, "busy-snapshot": run.ExpectHolds,
			"statement-again-is-refused": run.ExpectHolds, "begun-is-won": run.ExpectRefuted,
		}),
		deferred("transaction again", staleTransaction(), expects{
			"refused-at-once": run.ExpectHolds, "busy-snapshot": run.ExpectHolds,
			"transaction-again-succeeds": run.ExpectHolds, "begun-is-won": run.ExpectRefuted,
		}),
		deferred("overtaken again", staleTwice(), expects{
			"refused-at-once": run.ExpectHolds, "busy-snapshot": run.ExpectHolds,
			"transaction-again-succeeds": run.ExpectRefuted, "begun-is-won": run.ExpectRefuted,
		}),
		// Nothing is stale yet: the other one holds the write lock and gives up.
		deferred("the other rolls back", otherRollsBack(), expects{
			"refused-at-once": run.ExpectHolds, "busy-snapshot": run.ExpectRefuted,
			"statement-again-is-refused": run.ExpectRefuted, "begun-is-won": run.ExpectRefuted,
		}),
		// Without a snapshot to keep, waiting can help, and the busy handler is called.
		deferred("write first", writesFirst(), expects{
			"refused-at-once": run.ExpectRefuted, "begun-is-won": run.ExpectHolds,
		}),
		sceneArm("", staged(takesTurns(), store.Immediate, patience, store.WAL), expects{
			"refused-at-once": run.ExpectRefuted, "begun-is-won": run.ExpectHolds,
		}),
		// In a rollback journal there is no snapshot: whoever reads keeps the other's COMMIT waiting.
		sceneArm("", staged(blocksCommit(), store.Deferred, patience, store.Delete), expects{
			"refused-at-once": run.ExpectHolds, "busy-snapshot": run.ExpectRefuted,
			"statement-again-is-refused": run.ExpectHolds, "transaction-again-succeeds": run.ExpectHolds,
			"begun-is-won": run.ExpectRefuted,
		}),
	}
}

// attempts are the transactions of container A, which is the one to be overtaken.
func attempts(r *run.Recording) [][]run.StepEvent {
	return transactions(r.Steps, containerA.session)
}

// writes are the steps in which a transaction wants to write.
func writes(transaction []run.StepEvent) []run.StepEvent {
	return slices.DeleteFunc(slices.Clone(transaction), func(e run.StepEvent) bool { return e.Do != api.DoSetCounter })
}

// refusedAtOnce judges the first write. A refusal between a tenth and the whole
// of busy_timeout leaves open whether SQLite waited or the machine was slow.
func refusedAtOnce(r *run.Recording) experiment.Judgement {
	e, timeout := writes(attempts(r)[0])[0], r.Setup.Discipline.BusyTimeout.Duration()
	waited := e.Answered - e.Sent
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%s after %s", came(e), took(e)),
		Reason:   fmt.Sprintf("with a busy_timeout of %s, the write was answered %s after %s", inMilliseconds(timeout), came(e), took(e)),
	}
	switch {
	case !locked(e) || waited >= timeout:
		j.Verdict = check.Refuted
	case waited < timeout/10:
		j.Verdict = check.Holds
	}
	return j
}

// saysSnapshot judges the code of the first write.
func saysSnapshot(r *run.Recording) experiment.Judgement {
	e := writes(attempts(r)[0])[0]
	j := experiment.Judgement{Measured: came(e), Reason: "the write was answered " + came(e)}
	switch {
	case !locked(e):
		j.Reason = "the write was not refused, so no code says why"
	case e.Extended == busySnapshot:
		j.Verdict = check.Holds
	default:
		j.Verdict = check.Refuted
	}
	return j
}

const busySnapshot = "SQLITE_BUSY_SNAPSHOT"

// refusedAgain judges the writes that follow the first in its transaction.
func refusedAgain(r *run.Recording) experiment.Judgement {
	again := writes(attempts(r)[0])[1:]
	refused := 0
	for _, e := range again {
		if locked(e) {
			refused++
		}
	}
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%d of %d further tries refused", refused, len(again)),
		Reason:   fmt.Sprintf("of %d further tries in the same transaction, %d were refused", len(again), refused),
	}
	switch {
	case refused < len(again):
		j.Verdict = check.Refuted
	case refused > 0:
		j.Verdict = check.Holds
	}
	return j
}

// throughAgain judges the last transaction, if it is not the only one.
func throughAgain(r *run.Recording) experiment.Judgement {
	all := attempts(r)
	if len(all) < 2 {
		return experiment.Judgement{Reason: "the transaction was not begun again"}
	}
	write := writes(all[len(all)-1])[0]
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: came(write),
		Reason: fmt.Sprintf("begun %d times, the transaction was last answered %s", len(all), came(write)),
	}
	if slices.ContainsFunc(committed(r.Steps), func(e run.StepEvent) bool { return e.Session == write.Session }) {
		j.Verdict = check.Holds
		j.Reason = fmt.Sprintf("begun %d times, the transaction was committed", len(all))
	}
	return j
}

// unrefusedSinceBegin judges every transaction of a scene.
func unrefusedSinceBegin(r *run.Recording) experiment.Judgement {
	begun := 0
	for _, actor := range []actor{containerA, containerB, containerC} {
		for _, transaction := range transactions(r.Steps, actor.session) {
			begun++
			if i := slices.IndexFunc(transaction, locked); i >= 0 {
				e := transaction[i]
				return experiment.Judgement{
					Verdict: check.Refuted, Measured: fmt.Sprintf("%s: %s", e.Do, came(e)),
					Reason: fmt.Sprintf("the %s of container %s was answered %s, in a transaction that had begun with %s",
						e.Do, e.Session, came(e), transaction[0].Do),
				}
			}
		}
	}
	if begun == 0 {
		return experiment.Judgement{Reason: "no BEGIN succeeded"}
	}
	return experiment.Judgement{
		Verdict: check.Holds, Measured: fmt.Sprintf("nothing refused in %d transactions", begun),
		Reason: fmt.Sprintf("%d transactions began, and nothing in them was refused", begun),
	}
}

// The three sentences of https://sqlite.org/rescode.html#busy_snapshot, cut short.
const (
	readsFirst = "Process A starts a read transaction"
	updates    = "Process B updates the database"
	triesTo    = "Process A now tries to write"
)

// overtaken is how container A reads and B changes what it has read.
func overtaken() []run.Step {
	a, b := containerA, containerB
	return append(
		line(readsFirst, a.does(api.DoBeginDeferred), a.asks(api.DoReadCounter, counter)),
		line(updates, b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1), b.does(api.DoCommit))...)
}

// counter is what the containers change.
const counter = "counter"

// staleStatement: A tries the same statement again and again.
func staleStatement() *run.Scene {
	a := containerA
	write := a.changes(api.DoSetCounter, counter, 1)
	later := write
	later.After = 100 * time.Millisecond
	return scene("A retries the write", overtaken(), line(triesTo, write, write, later, a.does(api.DoRollback)))
}

// staleTransaction: A does all of it again.
func staleTransaction() *run.Scene {
	a := containerA
	return scene("A retries it all", overtaken(),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), a.does(api.DoRollback)),
		increments(a, api.DoBeginDeferred),
	)
}

// staleTwice: B comes in between again.
func staleTwice() *run.Scene {
	a := containerA
	return scene("A retries it all in vain", overtaken(),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), a.does(api.DoRollback)),
		overtaken(),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), a.does(api.DoRollback)),
	)
}

// increments is a whole transaction.
func increments(a actor, begin string) []run.Step {
	return []run.Step{a.does(begin), a.asks(api.DoReadCounter, counter), a.changes(api.DoSetCounter, counter, 1), a.does(api.DoCommit)}
}

// otherRollsBack: B has the write lock when A wants it, and leaves nothing behind.
func otherRollsBack() *run.Scene {
	a, b := containerA, containerB
	return scene("B rolls back",
		line(readsFirst, a.does(api.DoBeginDeferred), a.asks(api.DoReadCounter, counter)),
		line(updates, b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1)),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), b.does(api.DoRollback), a.changes(api.DoSetCounter, counter, 1), a.does(api.DoCommit)),
	)
}

// writesFirst: A writes without having read, while B has the write lock.
func writesFirst() *run.Scene {
	a, b := containerA, containerB
	blind := a.asks(api.DoSetCounter, counter)
	blind.Value = 7
	commit := b.does(api.DoCommit)
	commit.After = 100 * time.Millisecond
	return scene("A writes blind", []run.Step{
		a.does(api.DoBeginDeferred),
		b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1),
		apart(blind), commit, a.does(api.DoCommit),
	})
}

// takesTurns: B waits at its BEGIN until A is done.
func takesTurns() *run.Scene {
	a, b := containerA, containerB
	return scene("B waits its turn",
		[]run.Step{a.does(api.DoBeginImmediate), a.asks(api.DoReadCounter, counter), apart(b.does(api.DoBeginImmediate))},
		[]run.Step{a.changes(api.DoSetCounter, counter, 1), a.does(api.DoCommit)},
		increments(b, api.DoBeginImmediate)[1:],
	)
}

// blocksCommit: in a rollback journal B cannot commit while A reads. It waits
// until A, refused, lets go; B's last read waits for its COMMIT.
func blocksCommit() *run.Scene {
	a, b := containerA, containerB
	write := a.changes(api.DoSetCounter, counter, 1)
	return scene("B's COMMIT waits",
		line(readsFirst, a.does(api.DoBeginDeferred), a.asks(api.DoReadCounter, counter)),
		line(updates, b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1), apart(b.does(api.DoCommit))),
		line(triesTo, write, write, a.does(api.DoRollback), b.asks(api.DoReadCounter, counter)),
		increments(a, api.DoBeginDeferred),
	)
}
