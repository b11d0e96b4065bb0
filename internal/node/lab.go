package node

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// What a database can do for the lab, where it can. Each is the method of the
// same name of sqlite.DB.
type (
	holder interface {
		Hold(ctx context.Context, d time.Duration, taken func()) error
	}
	crasher interface {
		Crash(ctx context.Context, d time.Duration, written func()) error
	}
	resetter interface {
		Reset(ctx context.Context, fn func(store.Tx) error) error
		Clear(ctx context.Context) error
	}
	pragmatic interface {
		Pragmas(ctx context.Context) (map[string]string, error)
	}
	factual interface {
		Facts(ctx context.Context, rows bool) (store.Facts, error)
	}
)

func cannot() answer {
	return refuse(http.StatusNotFound, api.CodeNotFound, "this node's database cannot do that")
}

// LabResponse is the body of a success under /lab/.
type LabResponse struct {
	Success   bool   `json:"success"`
	Container string `json:"container"`
}

// hold keeps the write lock for so many ms. The answer's header is sent when
// the lock has been taken, its body when it has been given back, so that a
// client knows both moments. A client that goes away ends the hold.
func (n *Node) hold(x *exchange) answer {
	var ms int64
	if err := decode(x.body, whole("ms", &ms, 1, maxLabWait)); err != nil {
		return failure(err, 0)
	}
	db, can := x.on.db.(holder)
	if !can {
		return cannot()
	}
	x.allow(store.Milliseconds(ms).Duration())
	return n.labAnswer(db.Hold(x.ctx, store.Milliseconds(ms).Duration(), x.begin))
}

// crash kills the node in the middle of a transaction that has written. The
// answer's header is sent when it has written; the connection breaks off when
// the node dies, so many ms later.
func (n *Node) crash(x *exchange) answer {
	var ms int64
	if err := decode(x.body, whole("after_ms", &ms, 0, maxLabWait)); err != nil {
		return failure(err, 0)
	}
	db, can := x.on.db.(crasher)
	if !can {
		return cannot()
	}
	x.allow(store.Milliseconds(ms).Duration())
	n.log.Warn("crashing on request", "after_ms", ms)
	return n.labAnswer(db.Crash(context.WithoutCancel(x.ctx), store.Milliseconds(ms).Duration(), x.begin))
}

// A resetForm is one of the bodies that POST /lab/reset takes, told from the
// others by its first field.
type resetForm struct {
	fields []field
	fn     func(store.Tx) error // nil empties every table
}

// reset sets one counter, stock or balance, or empties every table.
func (n *Node) reset(x *exchange) answer {
	var name string
	var level int64
	var clear bool
	forms := []resetForm{
		{[]field{text("key", &name, maxName), whole("value", &level, -maxLevel, maxLevel)},
			func(tx store.Tx) error { return tx.SetCounter(name, level) }},
		{[]field{text("item", &name, maxName), whole("stock", &level, 0, maxLevel)},
			func(tx store.Tx) error { return tx.SetStock(name, level) }},
		{[]field{text("account", &name, maxName), whole("balance", &level, 0, maxLevel)},
			func(tx store.Tx) error { return tx.SetBalance(name, level) }},
		{[]field{{name: "clear", flag: &clear}}, nil},
	}
	form, err := pick(x.body, forms)
	if err == nil {
		err = decode(x.body, form.fields...)
	}
	if err == nil && form.fn == nil && !clear {
		err = &invalid{"clear", "must be true"}
	}
	if err != nil {
		return failure(err, 0)
	}
	return n.resetTo(x, form.fn)
}

// pick returns the form whose first field is in body. That nothing else is in
// it is for decode to see.
func pick(body []byte, forms []resetForm) (resetForm, error) {
	var names map[string]json.RawMessage
	_ = json.Unmarshal(body, &names) // what is no object has no names
	for _, form := range forms {
		if _, has := names[form.fields[0].name]; has {
			return form, nil
		}
	}
	return resetForm{}, &invalid{"body", "must hold key and value, item and stock, account and balance, or clear"}
}

// resetTo runs fn with patience; a nil fn empties every table.
func (n *Node) resetTo(x *exchange, fn func(store.Tx) error) answer {
	db, can := x.on.db.(resetter)
	switch {
	case !can:
		return cannot()
	case fn == nil:
		return n.labAnswer(db.Clear(x.ctx))
	}
	return n.labAnswer(db.Reset(x.ctx, fn))
}

func (n *Node) labAnswer(err error) answer {
	if err != nil {
		n.log.Error("lab", "error", err)
		return failure(err, 0)
	}
	return ok(0, LabResponse{Success: true, Container: n.cfg.Name})
}

// SettingsResponse answers GET /lab/settings: what was asked for, and what the
// connections have now.
type SettingsResponse struct {
	Container  string            `json:"container"`
	DBPath     string            `json:"dbPath"`
	SQLite     string            `json:"sqlite"`
	Engine     string            `json:"engine,omitempty"`
	Discipline store.Discipline  `json:"discipline"`
	Pragmas    map[string]string `json:"pragmas"`
}

func (n *Node) settings(x *exchange) answer {
	s := SettingsResponse{
		Container: n.cfg.Name, DBPath: x.on.path, SQLite: n.cfg.SQLite, Engine: n.cfg.Engine, Discipline: x.on.discipline,
	}
	if db, can := x.on.db.(pragmatic); can {
		var err error
		if s.Pragmas, err = db.Pragmas(x.ctx); err != nil {
			return failure(err, 0)
		}
	}
	return ok(0, s)
}

// factsWait is how long facts may be on their way: SQLite's patience for a
// lock, and the reading of a large file.
const factsWait = 2 * time.Minute

// facts tells what the database holds now, while others use it.
func (n *Node) facts(x *exchange) answer {
	rows := "true"
	f := text("rows", &rows, maxName)
	f.optional = true
	err := decodeQuery(x.query, f)
	if err == nil && rows != "true" && rows != "false" {
		err = &invalid{"rows", "must be true or false"}
	}
	if err != nil {
		return failure(err, 0)
	}
	db, can := x.on.db.(factual)
	if !can {
		return cannot()
	}
	x.allow(factsWait)
	facts, err := db.Facts(x.ctx, rows == "true")
	if err != nil {
		return n.labAnswer(err)
	}
	return ok(0, facts)
}
