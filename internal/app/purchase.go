package app

import (
	"time"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

var (
	getStock = &store.Statement{Op: "read stock", Text: "SELECT stock FROM {inventory} WHERE item = ?1", Lock: true}
	setStock = &store.Statement{Op: "set stock", Text: `INSERT INTO {inventory} (item, stock) VALUES (?1, ?2)
ON CONFLICT (item) DO UPDATE SET stock = excluded.stock`}
	// PostgreSQL looks again whether there is enough once it has the row's lock
	// (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED).
	takeStock = &store.Statement{Op: "take stock", Text: "UPDATE {inventory} SET stock = stock - ?2 WHERE item = ?1 AND stock >= ?2 RETURNING stock"}

	stockStatements = []*store.Statement{getStock, setStock, takeStock}
)

// Stock returns how many of item are left, or ErrNoSuch.
func (t *Tx) Stock(item string) (int64, error) { return t.Must(getStock, item) }

// SetStock makes the stock of item left.
func (t *Tx) SetStock(item string, left int64) error { return t.Exec(setStock, item, left) }

// take takes quantity of item in the discipline's way, with TakeStock or in a read
// and a write, and returns what is left.
func (t *Tx) take(item string, quantity int64) (left int64, err error) {
	if t.Atomic() {
		return t.TakeStock(item, quantity)
	}
	stock, err := t.Stock(item)
	if err != nil {
		return 0, err
	}
	if stock < quantity {
		return 0, store.ErrShort
	}
	t.Think()
	return stock - quantity, t.SetStock(item, stock-quantity)
}

// TakeStock takes quantity of item in a single statement and returns what is
// left, or ErrShort where there is not enough, or ErrNoSuch.
func (t *Tx) TakeStock(item string, quantity int64) (int64, error) {
	left, enough, err := t.Number(takeStock, item, quantity)
	if err != nil || enough {
		return left, err
	}
	if _, err := t.Stock(item); err != nil {
		return 0, err
	}
	return 0, store.ErrShort
}

var purchase = Operation{Path: nodeapi.PathPurchase, New: func() Call { return new(purchaseCall) }}

type purchaseCall struct {
	nodeapi.PurchaseRequest
	left int64
}

func (c *purchaseCall) Do(t *Tx) (err error) {
	c.left, err = t.take(c.Item, c.Quantity)
	return err
}

func (c *purchaseCall) Answer(node string, _ time.Duration) any {
	return nodeapi.PurchaseResponse{Success: true, Item: c.Item, Left: c.left, Container: node}
}
