package node

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

// LabResponse is the body of a success under /lab/.
type LabResponse struct {
	Success   bool   `json:"success"`
	Container string `json:"container"`
}

// hold keeps the write lock for so many ms. The answer's header is sent when
// the lock has been taken, its body when it has been given back, so that a
// client knows both moments. A client that goes away ends the hold.
func (n *Node) hold(x *exchange) answer {
	var r struct {
		MS store.Milliseconds `json:"ms" want:"1..60000"`
	}
	if err := decode(x.body, &r); err != nil {
		return failure(err, 0)
	}
	x.allow(r.MS.Duration())
	return n.labAnswer(x.on.db.Hold(x.ctx, r.MS.Duration(), x.begin))
}

// crash kills the node in the middle of a transaction that has written. The
// answer's header is sent when it has written; the connection breaks off when
// the node dies, so many ms later.
func (n *Node) crash(x *exchange) answer {
	var r struct {
		AfterMS *store.Milliseconds `json:"after_ms" want:"0..60000"`
	}
	if err := decode(x.body, &r); err != nil {
		return failure(err, 0)
	}
	x.allow(r.AfterMS.Duration())
	n.log.Warn("crashing on request", "after_ms", *r.AfterMS)
	return n.labAnswer(x.on.db.Crash(context.WithoutCancel(x.ctx), r.AfterMS.Duration(), x.begin))
}

// A resetForm is one of the bodies that POST /lab/reset takes.
type resetForm interface{ set(*app.Tx) error }

type (
	resetCounter struct {
		Key   string `json:"key" want:"1..256"`
		Value *int64 `json:"value" want:"-1000000000000000..1000000000000000"`
	}
	resetStock struct {
		Item  string `json:"item" want:"1..256"`
		Stock *int64 `json:"stock" want:"0..1000000000000000"`
	}
	resetBalance struct {
		Account string `json:"account" want:"1..256"`
		Balance *int64 `json:"balance" want:"0..1000000000000000"`
	}
	resetAll struct {
		Clear bool `json:"clear"`
	}
)

func (r *resetCounter) set(t *app.Tx) error { return t.SetCounter(r.Key, *r.Value) }
func (r *resetStock) set(t *app.Tx) error   { return t.SetStock(r.Item, *r.Stock) }
func (r *resetBalance) set(t *app.Tx) error { return t.SetBalance(r.Account, *r.Balance) }
func (r *resetAll) set(*app.Tx) error       { return nil }

// Wrong refuses everything but true.
func (r *resetAll) Wrong() (field, want string) {
	if !r.Clear {
		return "clear", "must be true"
	}
	return "", ""
}

// reset sets one counter, stock or balance, or empties every table. The form is that
// of the first field found; decode refuses other fields.
func (n *Node) reset(x *exchange) answer {
	var names map[string]jsontext.Value
	_ = json.Unmarshal(x.body, &names) // what is no object has no names
	for name, form := range map[string]resetForm{
		"key": new(resetCounter), "item": new(resetStock), "account": new(resetBalance), "clear": new(resetAll),
	} {
		if _, has := names[name]; !has {
			continue
		}
		if err := decode(x.body, form); err != nil {
			return failure(err, 0)
		}
		if _, all := form.(*resetAll); all {
			return n.labAnswer(x.on.db.Clear(x.ctx))
		}
		return n.labAnswer(x.on.db.Reset(x.ctx, form.set))
	}
	return failure(&invalid{"body", "must hold key and value, item and stock, account and balance, or clear"}, 0)
}

func (n *Node) labAnswer(err error) answer {
	if errors.Is(err, app.ErrCannot) {
		return failure(err, 0)
	}
	if err != nil {
		n.log.Error("lab", "error", err)
		return failure(err, 0)
	}
	return ok(0, LabResponse{Success: true, Container: n.cfg.Name})
}

// SettingsResponse answers GET /lab/settings: the discipline, and what the
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
	settings, err := x.on.db.Settings(x.ctx)
	if err != nil {
		return failure(err, 0)
	}
	return ok(0, SettingsResponse{
		Container: n.cfg.Name, DBPath: x.on.path, SQLite: n.cfg.SQLite, Engine: n.cfg.Engine, Discipline: x.on.discipline, Pragmas: settings,
	})
}

// factsWait is how long reading the facts may take.
const factsWait = 2 * time.Minute

// facts returns what the database holds now, while others use it.
func (n *Node) facts(x *exchange) answer {
	var r struct {
		Rows string `json:"rows" want:"0..256,optional"`
	}
	err := decodeQuery(x.query, &r)
	if err == nil && r.Rows != "" && r.Rows != "true" && r.Rows != "false" {
		err = &invalid{"rows", "must be true or false"}
	}
	if err != nil {
		return failure(err, 0)
	}
	x.allow(factsWait)
	facts, err := x.on.db.Facts(x.ctx, r.Rows != "false")
	if err != nil {
		return n.labAnswer(err)
	}
	return ok(0, facts)
}
