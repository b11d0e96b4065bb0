package app

import (
	"time"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

var (
	getCounter = &store.Statement{Op: "read counter", Text: "SELECT value FROM {counters} WHERE key = ?1", Lock: true}
	setCounter = &store.Statement{Op: "set counter", Text: `INSERT INTO {counters} (key, value) VALUES (?1, ?2)
ON CONFLICT (key) DO UPDATE SET value = excluded.value`}
	addCounter = &store.Statement{Op: "add to counter", Text: `INSERT INTO {counters} (key, value) VALUES (?1, ?2)
ON CONFLICT (key) DO UPDATE SET value = {counters}.value + excluded.value RETURNING value`}
	// It waits for another attempt that is making the same row, and then leaves
	// that one's alone (https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT).
	makeCounter = &store.Statement{Op: "make counter", Text: "INSERT INTO {counters} (key, value) VALUES (?1, 0) ON CONFLICT (key) DO NOTHING"}

	counterStatements = []*store.Statement{getCounter, setCounter, addCounter, makeCounter}
)

// Counter returns the counter key, 0 where there is none. Where a read locks its
// row, it makes one that is not there, because only a row that exists can be locked;
// another attempt that makes it too then waits for this transaction.
func (t *Tx) Counter(key string) (int64, error) {
	n, found, err := t.Number(getCounter, key)
	if err != nil || found || !t.locking {
		return n, err
	}
	if err := t.Exec(makeCounter, key); err != nil {
		return 0, err
	}
	n, _, err = t.Number(getCounter, key)
	return n, err
}

// SetCounter makes the counter key value.
func (t *Tx) SetCounter(key string, value int64) error { return t.Exec(setCounter, key, value) }

// AddCounter adds by to the counter key in a single statement and returns the sum.
func (t *Tx) AddCounter(key string, by int64) (int64, error) { return t.Must(addCounter, key, by) }

var increment = Operation{Path: nodeapi.PathIncrement, New: func() Call { return new(incrementCall) }}

type incrementCall struct {
	nodeapi.IncrementRequest
	value int64
}

func (c *incrementCall) Do(t *Tx) (err error) {
	if t.Atomic() {
		c.value, err = t.Last().AddCounter(c.Key, 1)
		return err
	}
	value, err := t.Counter(c.Key)
	if err != nil {
		return err
	}
	t.Think()
	c.value = value + 1
	return t.SetCounter(c.Key, c.value)
}

func (c *incrementCall) Answer(node string, _ time.Duration) any {
	return nodeapi.IncrementResponse{Success: true, Value: c.value, Container: node}
}

var readCounter = Operation{Path: nodeapi.PathCounter, Reads: true, New: func() Call { return new(counterCall) }}

type counterCall struct {
	nodeapi.IncrementRequest // the key alone
	value                    int64
}

func (c *counterCall) Do(t *Tx) (err error) {
	c.value, err = t.Counter(c.Key)
	return err
}

func (c *counterCall) Answer(string, time.Duration) any {
	return nodeapi.CounterResponse{Key: c.Key, Value: c.value}
}
