package catalogue

import (
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/script"
)

// The three sentences of https://sqlite.org/rescode.html#busy_snapshot, cut short.
const (
	readsFirst = "Process A starts a read transaction"
	updates    = "Process B updates the database"
	triesTo    = "Process A now tries to write"
)

// overtaken is how container A reads and B changes what it has read.
func overtaken() []script.Step {
	a, b := containerA, containerB
	return append(
		line(readsFirst, a.does(api.DoBeginDeferred), a.asks(api.DoReadCounter, counter)),
		line(updates, b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1), b.does(api.DoCommit))...)
}

// counter is what the containers change.
const counter = "counter"

// staleStatement: A tries the same statement again and again.
func staleStatement() *script.Script {
	a := containerA
	write := a.changes(api.DoSetCounter, counter, 1)
	later := write
	later.After = 100 * time.Millisecond
	return scene("A retries the write", overtaken(), line(triesTo, write, write, later, a.does(api.DoRollback)))
}

// staleTransaction: A does all of it again.
func staleTransaction() *script.Script {
	a := containerA
	return scene("A retries it all", overtaken(),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), a.does(api.DoRollback)),
		increments(a, api.DoBeginDeferred),
	)
}

// staleTwice: B comes in between again.
func staleTwice() *script.Script {
	a := containerA
	return scene("A retries it all in vain", overtaken(),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), a.does(api.DoRollback)),
		overtaken(),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), a.does(api.DoRollback)),
	)
}

// increments is a whole transaction.
func increments(a actor, begin string) []script.Step {
	return []script.Step{a.does(begin), a.asks(api.DoReadCounter, counter), a.changes(api.DoSetCounter, counter, 1), a.does(api.DoCommit)}
}

// otherRollsBack: B has the write lock when A wants it, and leaves nothing behind.
func otherRollsBack() *script.Script {
	a, b := containerA, containerB
	return scene("B rolls back",
		line(readsFirst, a.does(api.DoBeginDeferred), a.asks(api.DoReadCounter, counter)),
		line(updates, b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1)),
		line(triesTo, a.changes(api.DoSetCounter, counter, 1), b.does(api.DoRollback), a.changes(api.DoSetCounter, counter, 1), a.does(api.DoCommit)),
	)
}

// writesFirst: A writes without having read, while B has the write lock.
func writesFirst() *script.Script {
	a, b := containerA, containerB
	blind := a.asks(api.DoSetCounter, counter)
	blind.Value = 7
	commit := b.does(api.DoCommit)
	commit.After = 100 * time.Millisecond
	return scene("A writes blind", []script.Step{
		a.does(api.DoBeginDeferred),
		b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1),
		apart(blind), commit, a.does(api.DoCommit),
	})
}

// takesTurns: B waits at its BEGIN until A is done.
func takesTurns() *script.Script {
	a, b := containerA, containerB
	return scene("B waits its turn",
		[]script.Step{a.does(api.DoBeginImmediate), a.asks(api.DoReadCounter, counter), apart(b.does(api.DoBeginImmediate))},
		[]script.Step{a.changes(api.DoSetCounter, counter, 1), a.does(api.DoCommit)},
		increments(b, api.DoBeginImmediate)[1:],
	)
}

// blocksCommit: in a rollback journal B cannot commit while A reads. It waits
// until A, refused, lets go; B's last read waits for its COMMIT.
func blocksCommit() *script.Script {
	a, b := containerA, containerB
	write := a.changes(api.DoSetCounter, counter, 1)
	return scene("B's COMMIT waits",
		line(readsFirst, a.does(api.DoBeginDeferred), a.asks(api.DoReadCounter, counter)),
		line(updates, b.does(api.DoBeginImmediate), b.asks(api.DoReadCounter, counter), b.changes(api.DoSetCounter, counter, 1), apart(b.does(api.DoCommit))),
		line(triesTo, write, write, a.does(api.DoRollback), b.asks(api.DoReadCounter, counter)),
		increments(a, api.DoBeginDeferred),
	)
}
