package rqlite

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorded is a server that gives one answer to every request. The answers are
// those of rqlite 10.2.7, recorded; most of them come only at moments that
// cannot be chosen.
func recorded(t *testing.T, status int, body string) (host string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}), asked
}

func serve(t *testing.T, handle http.HandlerFunc) (host string) {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// nobody is an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, ln.Close())
	return ln.Addr().String()
}

// on is a DB without the questions that opening one asks.
func on(t *testing.T, a Address) *app.DB {
	t.Helper()
	d := store.Green().With(store.RqliteHTTP)
	d.Pool = 2
	return under(t, a, d, 200*time.Millisecond)
}

func under(t *testing.T, a Address, d store.Discipline, patience time.Duration) *app.DB {
	t.Helper()
	a.Prefix = "p"
	if a.Level == "" {
		a.Level = Weak
	}
	source := func(d store.Discipline, p *store.Program, patience time.Duration) (store.Database, error) {
		return unasked{newCluster(a, d, p, patience)}, nil
	}
	db, err := app.Open(t.Context(), source, d, app.Options{Patience: patience})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

type unasked struct{ *cluster }

func (u unasked) Dial(ctx context.Context, use store.Use) (store.Conn, error) {
	if use == store.Probe {
		use = store.Requests
	}
	return u.cluster.Dial(ctx, use)
}

func add(tx *app.Tx) error {
	_, err := tx.AddCounter("k", 1)
	return err
}

func read(tx *app.Tx) error {
	_, err := tx.Counter("k")
	return err
}

// A queue's batch is one request, and a statement in it fails alone.
func TestBatchIsOneRequest(t *testing.T) {
	var asked atomic.Int64
	var first = make(chan struct{})
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			<-first // the others gather behind it
			_, _ = w.Write([]byte(one))
			return
		}
		var queries [][]any
		if err := json.NewDecoder(r.Body).Decode(&queries); err != nil || r.URL.Query().Has("transaction") {
			t.Errorf("%s: %v", r.URL, err)
		}
		answers := []map[string]any{}
		for _, q := range queries {
			answer := map[string]any{"columns": []string{"value"}, "values": [][]any{{7}}}
			if q[1] == "bad" {
				answer = map[string]any{"error": "bad"}
			}
			answers = append(answers, answer)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"results": answers})
	})
	d := store.Green().With(store.RqliteHTTP)
	d.Pool, d.Writer = 2, store.Queue
	db := under(t, Address{Hosts: []string{host}}, d, 10*time.Second)
	errs := make([]error, 6)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			errs[i] = db.Update(t.Context(), func(tx *app.Tx) error {
				key := "good"
				if i == 3 {
					key = "bad"
				}
				_, err := tx.AddCounter(key, 1)
				return err
			})
		})
		for i == 0 && asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	time.Sleep(100 * time.Millisecond) // until all of them wait
	close(first)
	group.Wait()
	for i, err := range errs {
		if i != 3 {
			must(t, err)
		}
	}
	expect(t, errs[3], CodeError, "unsure")
	if n := asked.Load(); n != 2 {
		t.Errorf("6 writes, of which 5 waited together, were %d requests, want 2", n)
	}
}

const one = `{"results":[{"columns":["value"],"types":["integer"],"values":[[1]]}]}`

func TestWhatAnAnswerProves(t *testing.T) {
	for name, c := range map[string]struct {
		status              int
		body                string
		code                string
		write, read, passed string // what it proves: refused, unsure, or plain; passed: of a forwarded write
	}{
		"no leader":           {503, "leader not found\n", CodeNoLeader, "refused", "refused", "refused"},
		"no leader to go to":  {500, "leader not found\n", CodeNoLeader, "refused", "refused", "refused"},
		"not ready":           {200, `{"results":[],"error":"store not ready"}`, CodeNoLeader, "refused", "refused", ""},
		"leader is moving":    {200, `{"results":[],"error":"leadership transfer in progress"}`, CodeNoLeader, "refused", "refused", ""},
		"Raft was not asked":  {200, `{"results":[],"error":"timed out enqueuing operation"}`, CodeNoLeader, "refused", "refused", ""},
		"leadership lost":     {200, `{"results":[],"error":"leadership lost while committing log"}`, CodeLeadership, "unsure", "refused", "unsure"},
		"shutting down":       {200, `{"results":[],"error":"raft is already shutdown"}`, CodeError, "unsure", "plain", "unsure"},
		"no such table":       {200, `{"results":[{"error":"no such table: p_counters"}]}`, CodeError, "unsure", "plain", "unsure"},
		"no rows of an old":   {200, `{"results":[{"last_insert_id":1,"rows_affected":1}]}`, CodeError, "unsure", "", "unsure"},
		"too many results":    {200, `{"results":[{},{}]}`, CodeError, "unsure", "plain", "unsure"},
		"a column that is no": {200, `{"results":[{"columns":["value"],"values":[["x"]]}]}`, CodeError, "unsure", "plain", "unsure"},
		"no JSON":             {200, `<html>`, CodeError, "unsure", "plain", "unsure"},
		"a proxy's 503":       {503, `no server is available`, CodeError, "unsure", "plain", "unsure"},
		"unauthorized":        {401, ``, CodeError, "unsure", "plain", "unsure"},
	} {
		t.Run(name, func(t *testing.T) {
			host, asked := recorded(t, c.status, c.body)
			db := on(t, Address{Hosts: []string{host}})
			expect(t, db.Update(t.Context(), add), c.code, c.write)
			if n := asked.Load(); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
			if c.read != "" {
				expect(t, db.View(t.Context(), read), c.code, c.read)
			}
			if c.passed != "" {
				expect(t, on(t, Address{Hosts: []string{host}, Forward: true}).Update(t.Context(), add), c.code, c.passed)
			} else {
				expect(t, on(t, Address{Hosts: []string{host}, Forward: true}).Update(t.Context(), add), CodeError, "unsure")
			}
		})
	}
}

func expect(t *testing.T, err error, code, proof string) {
	t.Helper()
	var e *store.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want one of the database", err)
	}
	got := "plain"
	switch {
	case e.Refused && !e.Unsure:
		got = "refused"
	case e.Unsure && !e.Refused:
		got = "unsure"
	case e.Unsure:
		got = "refused and unsure"
	}
	if e.Code != code || e.Extended != code || got != proof {
		t.Errorf("%v is %s and %s, want %s and %s", err, e.Extended, got, code, proof)
	}
}

func TestBrokenConnectionIsUnsure(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	db := on(t, Address{Hosts: []string{host, nobody(t)}})
	expect(t, db.Update(t.Context(), add), CodeLost, "unsure")
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"results":`))
	})
	db = on(t, Address{Hosts: []string{cut}})
	expect(t, db.Update(t.Context(), add), CodeLost, "unsure")
	expect(t, db.View(t.Context(), read), CodeLost, "refused")
}

// A node that does not answer costs one attempt its patience, not every one.
func TestSilentNode(t *testing.T) {
	var asked atomic.Int64
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // only then does net/http notice that the client has gone
		<-r.Context().Done()
	})
	well, _ := recorded(t, 200, one)
	db := on(t, Address{Hosts: []string{silent, well}})
	err := db.Update(t.Context(), add)
	expect(t, err, CodeLost, "unsure")
	must(t, db.Update(t.Context(), add))
	must(t, db.Update(t.Context(), add))
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestNodeThatCannotBeReachedIsPassedOver(t *testing.T) {
	well, asked := recorded(t, 200, one)
	db := on(t, Address{Hosts: []string{nobody(t), well}})
	for range 3 {
		must(t, db.Update(t.Context(), add))
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("3 writes were sent %d times", n)
	}
	db = on(t, Address{Hosts: []string{nobody(t), nobody(t)}})
	expect(t, db.Update(t.Context(), add), CodeUnreachable, "refused")
}

// A redirection is followed once, with the whole request; the leader is asked
// first from then on. One that leads to nobody, or in a circle, is a refusal.
func TestRedirections(t *testing.T) {
	leader, led := recorded(t, 200, one)
	var sent atomic.Int64
	to := func(host string) string {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			if _, asked := r.URL.Query()["redirect"]; !asked || r.Method != http.MethodPost {
				t.Errorf("%s %s does not ask for a redirection", r.Method, r.URL)
			}
			http.Redirect(w, r, "http://"+host+r.URL.RequestURI(), http.StatusMovedPermanently)
		})
	}
	db := on(t, Address{Hosts: []string{to(leader)}})
	for range 3 {
		must(t, db.Update(t.Context(), add))
	}
	if sent.Load() != 1 || led.Load() != 3 {
		t.Errorf("3 writes went %d times to the follower and %d times to the leader", sent.Load(), led.Load())
	}
	dead := nobody(t)
	db = on(t, Address{Hosts: []string{to(dead), to(dead)}})
	expect(t, db.Update(t.Context(), add), CodeNoLeader, "refused")
	secure := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+leader+"/", http.StatusMovedPermanently)
	})
	expect(t, on(t, Address{Hosts: []string{secure}}).Update(t.Context(), add), CodeNoLeader, "refused")
}

// Where the first of two writes stands, the second's refusal is no refusal of
// the attempt.
func TestHalfAnAttemptIsUnsure(t *testing.T) {
	var asked atomic.Int64
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			_, _ = w.Write([]byte(one))
			return
		}
		http.Error(w, "leader not found", http.StatusServiceUnavailable)
	})
	err := on(t, Address{Hosts: []string{host}}).Update(t.Context(), func(tx *app.Tx) error {
		if err := add(tx); err != nil {
			return err
		}
		return add(tx)
	})
	expect(t, err, CodeNoLeader, "unsure")
}

func TestClosed(t *testing.T) {
	db := on(t, Address{Hosts: []string{nobody(t)}})
	must(t, db.Close())
	_, facts := db.Facts(t.Context(), true)
	for _, err := range []error{db.Update(t.Context(), add), db.View(t.Context(), read), db.Check(t.Context()), db.Clear(t.Context()), facts} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("error is %v, want %v", err, store.ErrClosed)
		}
	}
}

// A transaction of the lab is one request, sent at its end.
func TestATransactionIsOneRequest(t *testing.T) {
	var paths []string
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var queries [][]any
		if err := json.NewDecoder(r.Body).Decode(&queries); err != nil {
			t.Error(err)
		}
		if _, grouped := r.URL.Query()["transaction"]; !grouped || len(queries) < 2 {
			t.Errorf("%s has %d statements", r.URL, len(queries))
		}
		paths = append(paths, r.URL.Path)
		var results []string
		for _, q := range queries {
			result := `{"columns":["a"]}`
			for text, known := range map[string]string{
				"PRAGMA integrity_check": `{"columns":["a"],"values":[["ok"]]}`, "PRAGMA journal_mode": `{"columns":["a"],"values":[["wal"]]}`,
				"SELECT sqlite_version()": `{"columns":["a"],"values":[["3.46.1"]]}`, "SELECT key, value": `{"columns":["a","b"],"values":[["k",7]]}`,
				"SELECT (SELECT count(*)": `{"columns":["a","b","c"],"values":[[3,2,1]]}`,
			} {
				if strings.HasPrefix(q[0].(string), text) {
					result = known
				}
			}
			results = append(results, result)
		}
		_, _ = w.Write([]byte(`{"results":[` + strings.Join(results, ",") + `]}`))
	})
	db := on(t, Address{Hosts: []string{host}})
	facts, err := db.Facts(t.Context(), true)
	must(t, err)
	if facts.Counters["k"] != 7 || facts.Records != 3 || facts.Payments != 2 || facts.Integrity != "ok" || facts.Journal != store.WAL ||
		facts.Engine != "rqlite with SQLite 3.46.1" {
		t.Errorf("facts are %+v", facts)
	}
	must(t, db.Clear(t.Context()))
	must(t, db.Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetCounter("k", 1), tx.SetStock("cup", 2))
	}))
	if want := []string{pathQuery, pathExecute, pathExecute}; !slices.Equal(paths, want) {
		t.Errorf("requests to %v, want %v", paths, want)
	}
}

// Whatever a node answers, there is a result for each statement, or a reason why not.
func FuzzResults(f *testing.F) {
	f.Add([]byte(`{"results":[{"columns":["value"],"values":[[7]]},{"error":"UNIQUE constraint failed"}]}`), 2, true)
	f.Add([]byte(`{"error":"leader not found"}`), 1, false)
	f.Add([]byte(`{"results":[]}`), 0, false)
	f.Fuzz(func(t *testing.T, text []byte, statements int, apart bool) {
		results, failed := new(cluster).results(text, statements, apart)
		if failed == nil && (len(results) != statements || !json.Valid(text)) || failed != nil && failed.err == nil {
			t.Errorf("%q for %d statements: %d results, %+v", text, statements, len(results), failed)
		}
	})
}
