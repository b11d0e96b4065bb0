package node

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// session has a session do the next thing.
func (n *Node) session(x *exchange) answer {
	r, act, err := decodeSession(x.body)
	if err != nil {
		return failure(err, 0)
	}
	ctx, cancel := context.WithTimeout(x.ctx, connectionWait)
	defer cancel()
	a := nodeapi.SessionResponse{Container: n.cfg.Name}
	start := time.Now()
	if r.Do == nodeapi.DoClose {
		err = x.on.db.CloseSession(ctx, r.Session)
		a.Waited = milliseconds(time.Since(start))
		return n.sessionAnswer(x, a, err)
	}
	a.Open, err = x.on.db.Session(ctx, r.Session, func(s *app.Session) error {
		start = time.Now() // it has its turn
		err := act.Do(s, &r, &a)
		a.Waited = milliseconds(time.Since(start))
		return err
	})
	return n.sessionAnswer(x, a, err)
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
	name := rule{name: "name", kind: reflect.String, bounded: true, min: 1, max: maxName}
	to := name
	to.name = "to"
	value := rule{name: "value", kind: reflect.Int64, bounded: true, min: act.Least, max: act.Most}
	for _, f := range []struct {
		rule
		has, zero, fits bool
	}{
		{name, act.Name, r.Name == "", len(r.Name) >= 1 && len(r.Name) <= maxName && strings.IndexByte(r.Name, 0) < 0},
		{to, act.To, r.To == "", len(r.To) >= 1 && len(r.To) <= maxName && strings.IndexByte(r.To, 0) < 0},
		{value, act.Most > 0, r.Value == 0, r.Value >= act.Least && r.Value <= act.Most || act.Optional && r.Value == 0},
	} {
		switch {
		case !f.has && !f.zero:
			return r, act, &invalid{f.name, "is not a field of this request"}
		case f.has && !f.fits:
			return r, act, &invalid{f.name, f.wanted()}
		}
	}
	if r.Do == nodeapi.DoCheckpoint && !slices.Contains(store.CheckpointModes, store.CheckpointMode(r.Name)) {
		return r, act, &invalid{"name", "must be PASSIVE, FULL, RESTART or TRUNCATE"}
	}
	return r, act, nil
}

// sessionAnswer makes the answer. An error of the database has the same form as a
// success.
func (n *Node) sessionAnswer(x *exchange, a nodeapi.SessionResponse, err error) answer {
	var e *store.Error
	if errors.Is(err, store.ErrClosed) {
		return n.absence()
	}
	if !errors.As(err, &e) {
		if err != nil {
			return failure(err, 0)
		}
		a.Success = true
		return ok(0, a)
	}
	n.note(x, e, 1)
	status, said := databaseFailure(e)
	if e.Code == "SQLITE_ERROR" && !e.Unsure {
		status, said.Error = http.StatusConflict, e.Err.Error() // "cannot commit - no transaction is active"
	}
	a.Value = nil
	a.Error, a.Code, a.Extended = said.Error, said.Code, said.Extended
	return answer{status: status, body: a}
}
