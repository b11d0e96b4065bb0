package app

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"time"

	"example.com/contend/internal/store"
)

// A lane is a request's attempt in a batch that shares its round trips. It runs
// until it needs the database and then lets the queue send its statement with
// those of the others. It is the connection of its Tx.
type lane struct {
	store.Conn // the queue's
	tx         *Tx
	step       store.Step // the statement that waits
	yield      func(struct{}) bool
	resume     func() (struct{}, bool)
	running    bool // it waits for its statement
	sound      bool // see request.attempt
}

// Run lets the queue run a statement.
func (l *lane) Run(statement int, args []any, row func([]any) error) error {
	l.step = store.Step{Statement: statement, Args: args, Row: row}
	l.yield(struct{}{})
	return l.step.Err
}

// start runs r on the lane until its first statement.
func (l *lane) start(r *request) {
	l.tx.reset(false)
	l.tx.quiet = true // its wait is the batch's
	l.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
		l.yield = yield
		l.sound = r.attempt(l.tx)
	})
	l.goOn()
}

func (l *lane) goOn() { _, l.running = l.resume() }

// share makes one transaction of batch, or where statements stand alone on s, sends
// them together. Its error is that of every request which has not got one of its own.
//
// Under store.Atomic every statement is right whatever others come in between, so
// the first statements of all requests go in one round trip, then the second ones of
// those that have any. Where a request says that a statement is its last, the COMMIT
// goes with it. Statements are sent in the order of the rows that they change: two
// batches that lock the same rows in different orders would deadlock.
func (q *queue) share(s store.Sender, t *Tx, batch []*request) error {
	t.reset(false)
	lanes, committed := q.begun(s, batch), false
	for pending := running(lanes); len(pending) > 0; pending = running(lanes) {
		whole := !slices.ContainsFunc(pending, func(l *lane) bool { return !l.tx.last })
		if whole && q.early > 0 {
			answer(batch)
			time.Sleep(q.early)
		}
		start := time.Now()
		err := s.Send(q.steps(s, pending), whole)
		t.took(start, time.Since(start), err == nil)
		committed = whole && err == nil
		for _, l := range pending {
			if err != nil {
				l.step.Err = err
			}
			l.tx.alone = whole || s.Alone()
			l.goOn()
		}
	}
	if s.Alone() || committed {
		return nil
	}
	unsound := slices.IndexFunc(lanes, func(l *lane) bool { return !l.sound })
	if unsound < 0 {
		if t.c.Idle() { // nothing was asked of the database
			return nil
		}
		return q.commit(t, batch)
	}
	cause := batch[unsound].err
	var e *store.Error
	if errors.As(cause, &e) && e.Unsure {
		return cause // the connection broke while the COMMIT was on its way
	}
	return q.again(t, batch, cause)
}

// begun returns a lane for each request of batch, at its first statement.
func (q *queue) begun(s store.Sender, batch []*request) []*lane {
	for len(q.lanes) < len(batch) {
		l := new(lane)
		l.tx = q.db.newTx(l)
		q.lanes = append(q.lanes, l)
	}
	lanes := q.lanes[:len(batch)]
	for i, l := range lanes {
		l.Conn = s
		l.start(batch[i])
	}
	return lanes
}

// running returns the lanes that wait for a statement.
func running(lanes []*lane) (all []*lane) {
	for _, l := range lanes {
		if l.running {
			all = append(all, l)
		}
	}
	return all
}

// steps returns the statements of lanes in the order in which they are sent. Where
// several change more than one row each, all their rows are locked before.
func (q *queue) steps(s store.Sender, lanes []*lane) (steps []*store.Step) {
	var locks []*store.Step
	for _, l := range lanes {
		steps = append(steps, &l.step)
		if own := Program.Statements[l.step.Statement]; own.Rows != nil {
			for _, key := range l.step.Args[:own.Keys] {
				locks = append(locks, &store.Step{Statement: own.Rows.Locking, Args: []any{key}})
			}
		}
	}
	slices.SortStableFunc(steps, inOrder)
	if s.Alone() || len(steps) == 1 {
		return steps
	}
	slices.SortFunc(locks, inOrder)
	locks = slices.CompactFunc(locks, func(a, b *store.Step) bool { return inOrder(a, b) == 0 })
	return append(locks, steps...)
}

// inOrder compares steps by their statements and then by their parameters, of which
// those that name a row come first.
func inOrder(a, b *store.Step) int {
	return cmp.Or(cmp.Compare(a.Statement, b.Statement), slices.CompareFunc(a.Args, b.Args, func(x, y any) int {
		switch x := x.(type) {
		case string:
			y, _ := y.(string)
			return cmp.Compare(x, y)
		case int64:
			y, _ := y.(int64)
			return cmp.Compare(x, y)
		}
		return 0
	}))
}
