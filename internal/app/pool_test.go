package app_test

import (
	"slices"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

func TestPoolGivesWhatCameBackLast(t *testing.T) {
	order, err := app.PoolOrder(3)
	if err != nil || !slices.Equal(order, []int{2, 1, 0}) {
		t.Errorf("the pool gives connections in the order %v, %v", order, err)
	}
}

// One client needs one connection, however many there are.
func TestOneClientStaysOnOneConnection(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 3 }), app.Options{})
	used := map[store.Conn]bool{}
	for range 5 {
		must(t, db.View(t.Context(), func(x *app.Tx) error {
			used[x.Conn()] = true
			return nil
		}))
	}
	if len(used) != 1 {
		t.Errorf("%d connections were used one after the other, want 1", len(used))
	}
}
