package sqlite

import (
	"strings"
	"testing"

	"example.com/contend/internal/store"
)

// What is no number must not pass for 0, nor for what the last row had.
func TestCounterThatIsNoNumber(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 1 }), Options{})
	must(t, db.Update(t.Context(), func(tx store.Tx) error { return tx.SetCounter("number", 7) }))
	c, err := db.take(t.Context(), db.pool)
	must(t, err)
	_, err = c.sc.ExecContext(t.Context(), "INSERT INTO counters (key, value) VALUES ('null', NULL), ('text', 'many'), ('real', 0.5)")
	must(t, err)
	db.pool.put(c)
	for _, key := range []string{"number", "null", "text", "real", "none", "number"} {
		var n int64
		err := db.View(t.Context(), func(tx store.Tx) (err error) {
			n, err = tx.Counter(key)
			return err
		})
		fine := key == "number" && n == 7 || key == "none" && n == 0
		if fine != (err == nil) {
			t.Errorf("counter %q is %d, %v", key, n, err)
		}
	}
}

// A statement that SQLite does not take is an error of opening, and leaves
// nothing open.
func TestStatementThatCannotBePrepared(t *testing.T) {
	good := texts[getTotal]
	texts[getTotal] = "SELECT nothing FROM nowhere"
	defer func() { texts[getTotal] = good }()
	if db, err := Open(t.Context(), file(t), discipline(nil), Options{}); err == nil || !strings.Contains(err.Error(), "prepare: SQLITE_ERROR") {
		if err == nil {
			_ = db.Close()
		}
		t.Errorf("error is %v, want one of prepare", err)
	}
}

// The number of columns is part of what a statement promises its caller.
func TestRowOfAnotherWidth(t *testing.T) {
	db := open(t, file(t), discipline(nil), Options{})
	c, err := db.take(t.Context(), db.pool)
	must(t, err)
	defer db.pool.put(c)
	var n int64
	if _, err := c.row(getTotal, nil, &n); err == nil || err.Error() != "a row has 2 columns, want 1" {
		t.Errorf("error is %v, want one of the columns", err)
	}
	var accounts int64
	if found, err := c.row(getTotal, nil, &n, &accounts); err != nil || !found {
		t.Errorf("the statement is of no use any more: %v, %v", found, err)
	}
}
