package app

import (
	"time"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// An order takes pieces of an item; it gives them back when it is cancelled. Its
// statements find the item by the order, so that all of them return numbers.
var (
	insertOrder = &store.Statement{Op: "insert order", Text: "INSERT INTO {orders} (item, quantity, cancelled) VALUES (?1, ?2, 0) RETURNING id"}
	getOrder    = &store.Statement{Op: "read order", Text: "SELECT quantity, cancelled FROM {orders} WHERE id = ?1", Lock: true}
	stockOf     = &store.Statement{Op: "read stock", Text: "SELECT stock FROM {inventory} WHERE item = (SELECT item FROM {orders} WHERE id = ?1)", Lock: true}
	setStockOf  = &store.Statement{Op: "set stock", Text: "UPDATE {inventory} SET stock = ?2 WHERE item = (SELECT item FROM {orders} WHERE id = ?1)"}
	giveBack    = &store.Statement{Op: "give back stock", Text: "UPDATE {inventory} SET stock = stock + ?2 WHERE item = (SELECT item FROM {orders} WHERE id = ?1)"}
	cancelOrder = &store.Statement{Op: "cancel order", Text: "UPDATE {orders} SET cancelled = 1 WHERE id = ?1 AND cancelled = 0 RETURNING quantity"}
	markOrder   = &store.Statement{Op: "mark order", Text: "UPDATE {orders} SET cancelled = 1 WHERE id = ?1"}

	orderStatements = []*store.Statement{insertOrder, getOrder, stockOf, setStockOf, giveBack, cancelOrder, markOrder}
)

var reserve = Operation{Path: nodeapi.PathReserve, New: func() Call { return new(reserveCall) }}

type reserveCall struct {
	nodeapi.ReserveRequest
	order int64
}

// Do takes the pieces and writes the order. Only a transaction makes the two one.
// Under store.Atomic each is a statement of its own.
func (c *reserveCall) Do(t *Tx) (err error) {
	if _, err := t.take(c.Item, c.Quantity); err != nil {
		return err
	}
	c.order, err = t.Must(insertOrder, c.Item, c.Quantity)
	return err
}

func (c *reserveCall) Answer(node string, _ time.Duration) any {
	return nodeapi.OrderResponse{Success: true, ID: c.order, Container: node}
}

var cancel = Operation{Path: nodeapi.PathCancel, New: func() Call { return new(cancelCall) }}

type cancelCall struct{ nodeapi.CancelRequest }

// Do gives the pieces back and marks the order, once: ErrCancelled says that an
// order was cancelled before.
func (c *cancelCall) Do(t *Tx) error {
	if t.Atomic() {
		quantity, cancelled, err := t.Number(cancelOrder, c.Order)
		if err != nil {
			return err
		}
		if cancelled {
			return t.Exec(giveBack, c.Order, quantity)
		}
	}
	order, err := t.row(getOrder, 2, c.Order)
	switch {
	case err != nil:
		return err
	case order == nil:
		return store.ErrNoSuch
	case order[1] != 0 || t.Atomic():
		return store.ErrCancelled
	}
	quantity := order[0]
	stock, err := t.Must(stockOf, c.Order)
	if err != nil {
		return err
	}
	t.Think()
	if err := t.Exec(setStockOf, c.Order, stock+quantity); err != nil {
		return err
	}
	return t.Exec(markOrder, c.Order)
}

func (c *cancelCall) Answer(node string, _ time.Duration) any {
	return nodeapi.OrderResponse{Success: true, ID: c.Order, Container: node}
}
