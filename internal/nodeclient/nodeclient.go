// Package nodeclient is the client of a node's HTTP API, for everything but the
// load: health, discipline and counters, the paths under /lab/, and lab sessions.
//
// A node is addressed by its URL without a path, "http://127.0.0.1:40001", or by
// a balancer's URL and the node's name, "http://127.0.0.1:8080/app-1". Each
// request is sent once, through no proxy, and redirections are not followed: only
// the node itself may answer.
package nodeclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/contend/internal/display"
	"example.com/contend/internal/jsonlimit"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// Patience is how long a server may take to say what it is.
const Patience = 5 * time.Second

const (
	busyPatience = 10 * time.Second // for a read that SQLite refuses again and again
	busyPause    = 50 * time.Millisecond

	// Who answers may be anybody. The longest answer is the status of rqlite, with less than 1 MiB.
	maxHead   = 64 << 10 // bytes of the lines before an answer
	maxAnswer = 8 << 20  // bytes
	maxName   = 64       // bytes of what a node calls itself, and of the version of its engine
	maxPath   = 4 << 10  // bytes of a path of a node's
	maxReason = 1 << 10  // bytes that are kept of a reason
)

// lab bounds what the paths under /lab/ answer: facts name every row, and 64 MiB are those of a
// million rows.
var lab = jsonlimit.Limits{Bytes: 64 << 20, Depth: 32, String: 64 << 10, Values: 4 << 20}

// client opens a connection for each request: the node may have been killed
// and restarted since the last one.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxHead},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send sends body as JSON, or a GET where body is nil, and returns the answer
// once its header has come.
func send(ctx context.Context, c *http.Client, to string, body any) (*http.Response, error) {
	method, content := http.MethodGet, io.Reader(http.NoBody)
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		method, content = http.MethodPost, bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, to, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if sending, is := errors.AsType[*url.Error](err); is {
		sending.URL = display.URL(sending.URL)
	}
	return resp, err
}

// An Answer is what a server answered, which may be no node.
type Answer struct {
	URL    string
	Status int // HTTP's
	Body   []byte

	// Of the [nodeapi.Error] in Body; "" where there is none.
	Code      string
	Reason    string // for people
	Container string // the name of the node that answers
}

// read reads resp to its end. More than most bytes are an error.
func read(resp *http.Response, most int64) (*Answer, error) {
	defer resp.Body.Close()
	at := display.URL(resp.Request.URL.String())
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("the answer has more than %d bytes", most)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", resp.Request.Method, at, err)
	}
	a := &Answer{URL: at, Status: resp.StatusCode, Body: body}
	var e nodeapi.Error
	if a.Status != http.StatusOK && json.Unmarshal(body, &e) == nil && len(e.Code) <= maxName && len(e.Container) <= maxName {
		a.Code, a.Reason, a.Container = e.Code, begins(e.Error), e.Container
	}
	return a, nil
}

// begins is as much of a reason as is kept.
func begins(reason string) string {
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "")
}

// Get reads what a server answers at url within patience, whatever it is. More than 8 MiB
// are an error.
func Get(ctx context.Context, url string, patience time.Duration) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := send(ctx, client, url, nil)
	if err != nil {
		return nil, err
	}
	return read(resp, maxAnswer)
}

// Look reads the health of whatever is at base, within 5 s.
func Look(ctx context.Context, base string) (*Answer, error) {
	return Get(ctx, base+nodeapi.PathHealth, Patience)
}

// Health is the health that a node on SQLite answered; nil where a does not
// come from one. Balancers and other services have a /health too, but only a
// node names itself, its database and its SQLite.
func (a *Answer) Health() *nodeapi.HealthResponse {
	var h nodeapi.HealthResponse
	if a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable ||
		json.Unmarshal(a.Body, &h) != nil || h.Status != "healthy" && h.Status != "unhealthy" ||
		h.Container == "" || h.DBPath == "" || h.SQLite == "" ||
		len(h.Container) > maxName || len(h.DBPath) > maxPath || len(h.SQLite) > maxName {
		return nil
	}
	h.Error = begins(h.Error)
	return &h
}

// Unlike returns the error that a is not the answer of a node: its address, its
// status, and its reason or how it begins.
func (a *Answer) Unlike() error {
	if a.Code != "" {
		return fmt.Errorf("GET %s answered %d %s: %s", a.URL, a.Status, a.Code, a.Reason)
	}
	const most = 80 // bytes
	text := strings.Join(strings.Fields(string(a.Body)), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Errorf("GET %s answered %d %q", a.URL, a.Status, text)
}

// Healthy reports whether the node or balancer at base is healthy, and the
// version of its SQLite, "3.54.1", or its other engine, "PostgreSQL 15.18"; ""
// where the answer names none.
func Healthy(ctx context.Context, base string) (engine string, healthy bool) {
	a, err := Look(ctx, base)
	if err != nil {
		return "", false
	}
	var h nodeapi.HealthResponse
	_ = json.Unmarshal(a.Body, &h) // a balancer's health need not be JSON
	if engine = cmp.Or(h.SQLite, h.Engine); len(engine) > maxName {
		engine = ""
	}
	return engine, a.Status == http.StatusOK
}

// insist reads the JSON at url into what into points to. It reads again for up
// to 10 s while SQLite refuses the lock that the answer needs: a refused read
// changes nothing and is in no history.
func insist(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, busyPatience, fmt.Errorf("it was busy for %s", busyPatience))
	defer cancel()
	for {
		a, err := Get(ctx, url, Patience)
		switch {
		case err != nil:
			return err
		case a.Status == http.StatusOK && json.Unmarshal(a.Body, into) == nil:
			return nil
		case a.Status != http.StatusServiceUnavailable || !strings.HasPrefix(a.Code, "SQLITE_"):
			return a.Unlike()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", a.Unlike(), context.Cause(ctx))
		case <-time.After(busyPause):
		}
	}
}

// Discipline reads the discipline of the database that a node has open.
func Discipline(ctx context.Context, node string) (store.Discipline, error) {
	var m struct {
		Discipline store.Discipline `json:"discipline"`
	}
	if err := insist(ctx, node+nodeapi.PathMetrics, &m); err != nil {
		return m.Discipline, err
	}
	return m.Discipline, m.Discipline.Validate()
}

// Counter reads the counter key, which is 0 where nobody has incremented it.
func Counter(ctx context.Context, node, key string) (int64, error) {
	var c nodeapi.CounterResponse
	err := insist(ctx, node+nodeapi.PathCounter+"?key="+url.QueryEscape(key), &c)
	if err == nil && c.Key != key {
		err = errors.New("the answer is about another counter")
	}
	return c.Value, err
}
