package app_test

import (
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

// What is no number must not pass for 0, nor for what the last row had.
func TestCounterThatIsNoNumber(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 1 }), app.Options{})
	must(t, db.Update(t.Context(), func(tx *app.Tx) error { return tx.SetCounter("number", 7) }))
	must(t, db.Update(t.Context(), (*app.Tx).OddCounters))
	for _, key := range []string{"number", "null", "text", "real", "none", "number"} {
		var n int64
		err := db.View(t.Context(), func(tx *app.Tx) (err error) {
			n, err = tx.Counter(key)
			return err
		})
		fine := key == "number" && n == 7 || key == "none" && n == 0
		if fine != (err == nil) {
			t.Errorf("counter %q is %d, %v", key, n, err)
		}
	}
}

// The number of columns is part of what a statement promises its caller.
func TestRowOfAnotherWidth(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 1 }), app.Options{})
	err := db.View(t.Context(), func(tx *app.Tx) error { _, err := tx.Row(1); return err })
	if e := refusedBy(t, err); e.Refused || e.Err.Error() != "a row has 2 columns, want 1" {
		t.Errorf("error is %v, want one of the columns", err)
	}
	must(t, db.View(t.Context(), func(tx *app.Tx) error {
		row, err := tx.Row(2)
		if len(row) != 2 {
			t.Errorf("the statement is of no use any more: %v", row)
		}
		return err
	}))
}
