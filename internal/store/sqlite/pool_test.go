package sqlite

import (
	"testing"

	"example.com/contend/internal/store"
)

func TestPoolGivesWhatCameBackLast(t *testing.T) {
	p := newPool(3)
	first, second, third := new(conn), new(conn), new(conn)
	for _, c := range []*conn{first, second, third} {
		p.put(c)
	}
	take := func() *conn {
		<-p.idle
		return p.pop()
	}
	if take() != third || take() != second {
		t.Error("the pool does not give what came back last")
	}
	p.put(third)
	if take() != third || take() != first {
		t.Error("the pool does not give what came back last")
	}
	if len(p.idle) != 0 {
		t.Errorf("%d tokens are left of an empty pool", len(p.idle))
	}
}

// One client needs one connection, however many there are.
func TestOneClientStaysOnOneConnection(t *testing.T) {
	db := open(t, file(t), discipline(func(d *store.Discipline) { d.Pool = 3 }), Options{})
	used := map[*conn]bool{}
	for range 5 {
		must(t, db.View(t.Context(), func(x store.Tx) error {
			used[x.(*tx).c] = true
			return nil
		}))
	}
	if len(used) != 1 {
		t.Errorf("%d connections were used one after the other, want 1", len(used))
	}
}
