package node

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// A sessioner is a database that keeps connections open for the lab.
type sessioner interface {
	Session(ctx context.Context, name string, fn func(store.Session) error) (open bool, err error)
	CloseSession(ctx context.Context, name string) error
	CloseSessions()
}

// session has a session do the next thing.
func (n *Node) session(x *exchange) answer {
	r, act, err := decodeSession(x.body)
	if err != nil {
		return failure(err, 0)
	}
	db, can := x.on.db.(sessioner)
	if !can {
		return cannot()
	}
	ctx, cancel := context.WithTimeout(x.ctx, connectionWait)
	defer cancel()
	a := api.SessionResponse{Container: n.cfg.Name}
	start := time.Now()
	if r.Do == api.DoClose {
		err = db.CloseSession(ctx, r.Session)
		a.Waited = milliseconds(time.Since(start))
		return n.sessionAnswer(x, a, err)
	}
	a.Open, err = db.Session(ctx, r.Session, func(s store.Session) error {
		start = time.Now() // it has its turn
		err := act.do(s, &r, &a)
		a.Waited = milliseconds(time.Since(start))
		return err
	})
	return n.sessionAnswer(x, a, err)
}

// decodeSession reads a request strictly: which fields it has to have hangs on
// what it asks for.
func decodeSession(body []byte) (r api.SessionRequest, a act, err error) {
	fields := []field{text("session", &r.Session, maxName), text("do", &r.Do, maxName)}
	var asked struct{ Do string }
	_ = json.Unmarshal(body, &asked) // decode says what is wrong with what is no such object
	a, known := acts[asked.Do]
	if !known && asked.Do != "" {
		return r, a, &invalid{"do", "must be one of the things that a session can do, such as begin-deferred"}
	}
	if known {
		fields = append(fields, a.fields(&r)...)
	}
	if err := decode(body, fields...); err != nil {
		return r, a, err
	}
	if r.Do == api.DoCheckpoint && !slices.Contains(store.CheckpointModes, store.CheckpointMode(r.Name)) {
		return r, a, &invalid{"name", "must be PASSIVE, FULL, RESTART or TRUNCATE"}
	}
	return r, a, nil
}

// sessionAnswer says what came of it. What the database had against it is told
// in the same form as what it did.
func (n *Node) sessionAnswer(x *exchange, a api.SessionResponse, err error) answer {
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
