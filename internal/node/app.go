package node

import (
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// This file is the seed's application. Each handler reads what it depends on,
// thinks, and writes: whether another node can come in between is the
// discipline's business. Under store.Atomic there is nothing to come between.

func (n *Node) increment(x *exchange) answer {
	var key string
	if err := decode(x.body, text("key", &key, maxName)); err != nil {
		return failure(err, 0)
	}
	var value int64
	attempts, err := n.update(x, func(tx store.Tx) (err error) {
		value, err = x.on.addOne(tx, key)
		return err
	})
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, api.IncrementResponse{Success: true, Value: value, Container: n.cfg.Name})
}

func (o *opened) addOne(tx store.Tx, key string) (int64, error) {
	if o.atomic() {
		return tx.AddCounter(key, 1)
	}
	value, err := tx.Counter(key)
	if err != nil {
		return 0, err
	}
	o.think()
	return value + 1, tx.SetCounter(key, value+1)
}

func (n *Node) write(x *exchange) answer {
	var data string
	if err := decode(x.body, text("data", &data, maxData)); err != nil {
		return failure(err, 0)
	}
	var id int64
	attempts, err := n.update(x, func(tx store.Tx) (err error) {
		id, err = tx.Insert(data)
		return err
	})
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, api.WriteResponse{
		Success: true, ID: id, Duration: milliseconds(time.Since(x.start)), Container: n.cfg.Name,
	})
}

func (n *Node) counter(x *exchange) answer {
	var key string
	if err := decodeQuery(x.query, text("key", &key, maxName)); err != nil {
		return failure(err, 0)
	}
	var value int64
	attempts, err := n.view(x, func(tx store.Tx) (err error) {
		value, err = tx.Counter(key)
		return err
	})
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, api.CounterResponse{Key: key, Value: value})
}

func (n *Node) purchase(x *exchange) answer {
	var item string
	var quantity int64
	err := decode(x.body, text("item", &item, maxName), whole("quantity", &quantity, 1, maxQuantity))
	if err != nil {
		return failure(err, 0)
	}
	var left int64
	attempts, err := n.update(x, func(tx store.Tx) (err error) {
		left, err = x.on.take(tx, item, quantity)
		return err
	})
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, api.PurchaseResponse{Success: true, Item: item, Left: left, Container: n.cfg.Name})
}

func (o *opened) take(tx store.Tx, item string, quantity int64) (left int64, err error) {
	if o.atomic() {
		return tx.TakeStock(item, quantity)
	}
	stock, err := tx.Stock(item)
	if err != nil {
		return 0, err
	}
	if stock < quantity {
		return 0, store.ErrShort
	}
	o.think()
	return stock - quantity, tx.SetStock(item, stock-quantity)
}

func (n *Node) transfer(x *exchange) answer {
	var t api.TransferRequest
	err := decode(x.body, text("from", &t.From, maxName), text("to", &t.To, maxName), whole("amount", &t.Amount, 1, maxQuantity))
	if err == nil && t.From == t.To {
		err = &invalid{"to", "must be another account than from"}
	}
	if err != nil {
		return failure(err, 0)
	}
	attempts, err := n.update(x, func(tx store.Tx) error { return x.on.move(tx, t) })
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, api.TransferResponse{
		Success: true, From: t.From, To: t.To, Amount: t.Amount, Container: n.cfg.Name,
	})
}

// move changes two balances and adds a payment. Only a transaction makes the
// three writes one. Under store.Atomic the balances change in one statement and
// the payment is another; under store.Separate all three stand alone. Where a
// later one is refused there, the store says that it is unsure, and the client
// is told so.
func (o *opened) move(tx store.Tx, t api.TransferRequest) error {
	if o.atomic() {
		if err := tx.Move(t.From, t.To, t.Amount); err != nil {
			return err
		}
		return tx.RecordPayment(t.From, t.To, t.Amount)
	}
	from, to, err := balances(tx, t)
	if err != nil {
		return err
	}
	if from < t.Amount {
		return store.ErrShort
	}
	o.think()
	if err := tx.SetBalance(t.From, from-t.Amount); err != nil {
		return err
	}
	if err := tx.SetBalance(t.To, to+t.Amount); err != nil {
		return err
	}
	return tx.RecordPayment(t.From, t.To, t.Amount)
}

// balances reads those of a transfer in the order of their names: where reading
// takes a row's lock, as SELECT … FOR UPDATE does, two transfers in opposite
// directions would else wait for each other.
func balances(tx store.Tx, t api.TransferRequest) (from, to int64, err error) {
	found := map[string]int64{}
	for _, name := range []string{min(t.From, t.To), max(t.From, t.To)} {
		if found[name], err = tx.Balance(name); err != nil {
			return 0, 0, err
		}
	}
	return found[t.From], found[t.To], nil
}

// total is one statement, so even without a transaction around it, it sees the
// balances of one moment.
func (n *Node) total(x *exchange) answer {
	if err := decodeQuery(x.query); err != nil {
		return failure(err, 0)
	}
	var sum, accounts int64
	attempts, err := n.view(x, func(tx store.Tx) (err error) {
		sum, accounts, err = tx.Total()
		return err
	})
	if err != nil {
		return failure(err, attempts)
	}
	return ok(attempts, api.TotalResponse{Total: sum, Accounts: accounts})
}

func (o *opened) atomic() bool { return o.discipline.Transaction == store.Atomic }

// think is the seed's deliberate delay between the read and the write.
func (o *opened) think() { time.Sleep(o.discipline.Think.Duration()) }
