package node

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
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
func (n *Node) hold(x *exchange) (any, error) {
	var r struct {
		MS store.Milliseconds `json:"ms" want:"1..60000"`
	}
	if err := decode(x.body, &r); err != nil {
		return nil, err
	}
	x.allow(r.MS.Duration())
	return n.done(x.on.db.Hold(x.ctx, r.MS.Duration(), x.begin))
}

// crash kills the node in the middle of a transaction that has written. The
// answer's header is sent when it has written; the connection breaks off when
// the node dies, so many ms later.
func (n *Node) crash(x *exchange) (any, error) {
	var r struct {
		AfterMS *store.Milliseconds `json:"after_ms" want:"0..60000"`
	}
	if err := decode(x.body, &r); err != nil {
		return nil, err
	}
	x.allow(r.AfterMS.Duration())
	n.log.Warn("crashing on request", "after_ms", *r.AfterMS)
	return n.done(x.on.db.Crash(context.WithoutCancel(x.ctx), r.AfterMS.Duration(), x.begin))
}

// The bodies that POST /lab/reset takes.
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

// reset sets one counter, stock or balance, or empties every table. The form is that
// of the first field found; decode refuses other fields.
func (n *Node) reset(x *exchange) (any, error) {
	var names map[string]jsontext.Value
	_ = json.Unmarshal(x.body, &names) // what is no object has no names
	has := func(name string) bool { _, has := names[name]; return has }
	var set func(*app.Tx) error
	var err error
	switch {
	case has("key"):
		var r resetCounter
		err = decode(x.body, &r)
		set = func(t *app.Tx) error { return t.SetCounter(r.Key, *r.Value) }
	case has("item"):
		var r resetStock
		err = decode(x.body, &r)
		set = func(t *app.Tx) error { return t.SetStock(r.Item, *r.Stock) }
	case has("account"):
		var r resetBalance
		err = decode(x.body, &r)
		set = func(t *app.Tx) error { return t.SetBalance(r.Account, *r.Balance) }
	case has("clear"):
		var r resetAll
		if err = decode(x.body, &r); err == nil && !r.Clear {
			err = &invalid{"clear", "must be true"}
		}
	default:
		err = &invalid{"body", "must hold key and value, item and stock, account and balance, or clear"}
	}
	switch {
	case err != nil:
		return nil, err
	case set == nil:
		return n.done(x.on.db.Clear(x.ctx))
	}
	return n.done(x.on.db.Reset(x.ctx, set))
}

// done answers for what the lab asked for, and logs an error.
func (n *Node) done(err error) (any, error) {
	if err != nil && !errors.Is(err, app.ErrCannot) {
		n.log.Error("lab", "error", err)
	}
	return LabResponse{Success: true, Container: n.cfg.Name}, err
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

func (n *Node) settings(x *exchange) (any, error) {
	pragmas, err := x.on.db.Settings(x.ctx)
	return SettingsResponse{
		Container: n.cfg.Name, DBPath: x.on.path, SQLite: n.cfg.SQLite, Engine: n.cfg.Engine, Discipline: x.on.discipline, Pragmas: pragmas,
	}, err
}

// factsWait is how long reading the facts may take.
const factsWait = 2 * time.Minute

// facts returns what the database holds now, while others use it.
func (n *Node) facts(x *exchange) (any, error) {
	var r struct {
		Rows string `json:"rows" want:"0..256,optional"`
	}
	err := decodeQuery(x.query, &r)
	if err == nil && r.Rows != "" && r.Rows != "true" && r.Rows != "false" {
		err = &invalid{"rows", "must be true or false"}
	}
	if err != nil {
		return nil, err
	}
	select {
	case n.looks <- struct{}{}:
		defer func() { <-n.looks }()
	default:
		return nil, &refusal{http.StatusServiceUnavailable, nodeapi.CodeOverloaded, "too many others read the facts"}
	}
	x.allow(factsWait)
	facts, err := x.on.db.Facts(x.ctx, r.Rows != "false")
	if err != nil {
		return n.done(err)
	}
	return facts, nil
}

// session has a session do the next thing. An error of the database has the same
// form as a success.
func (n *Node) session(x *exchange) (any, error) {
	r, act, err := decodeSession(x.body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(x.ctx, connectionWait)
	defer cancel()
	a := nodeapi.SessionResponse{Container: n.cfg.Name}
	start := time.Now()
	if r.Do == nodeapi.DoClose {
		err = x.on.db.CloseSession(ctx, r.Session)
		a.Waited = milliseconds(time.Since(start))
	} else {
		a.Open, err = x.on.db.Session(ctx, r.Session, func(s *app.Session) error {
			start = time.Now() // it has its turn
			err := act.Do(s, &r, &a)
			a.Waited = milliseconds(time.Since(start))
			return err
		})
	}
	var e *store.Error
	switch {
	case errors.Is(err, store.ErrClosed):
		return nil, n.absence()
	case !errors.As(err, &e):
		a.Success = err == nil
		return a, err
	}
	n.note(x, e)
	status, said := databaseFailure(e)
	if e.Code == "SQLITE_ERROR" && !e.Unsure {
		status, said.Error = http.StatusConflict, e.Err.Error() // "cannot commit - no transaction is active"
	}
	x.status, a.Value = status, nil
	a.Error, a.Code, a.Extended = said.Error, said.Code, said.Extended
	return a, nil
}

// decodeSession reads a request strictly: which fields it has to have hangs on
// what it asks for.
func decodeSession(body []byte) (r nodeapi.SessionRequest, act app.Act, err error) {
	if err := decode(body, &r); err != nil {
		return r, act, err
	}
	act, known := app.Acts[r.Do]
	if !known {
		return r, act, &invalid{"do", "must be one of the things that a session can do, such as begin-deferred"}
	}
	request := reflect.ValueOf(r)
	for _, field := range rules(&r) {
		has := true
		field.bounded, field.min, field.max = true, 1, maxName
		switch field.name {
		case "name":
			has = act.Name
		case "to":
			has = act.To
		case "value":
			has, field.min, field.max = act.Most > 0, act.Least, act.Most
			if act.Optional && r.Value == 0 {
				continue
			}
		}
		switch {
		case !has && !request.FieldByIndex(field.index).IsZero():
			return r, act, &invalid{field.name, "is not a field of this request"}
		case has && !field.check(request):
			return r, act, &invalid{field.name, field.wanted()}
		}
	}
	if r.Do == nodeapi.DoCheckpoint && !slices.Contains(store.CheckpointModes, store.CheckpointMode(r.Name)) {
		return r, act, &invalid{"name", "must be PASSIVE, FULL, RESTART or TRUNCATE"}
	}
	return r, act, nil
}
