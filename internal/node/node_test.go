package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

const asJSON = "application/json"

func TestContract(t *testing.T) {
	for _, style := range store.Transactions {
		t.Run(string(style), func(t *testing.T) {
			s := serve(t, quick(func(d *store.Discipline) { d.Transaction = style }), nil)
			must(t, s.db.Reset(t.Context(), func(tx *app.Tx) error {
				return errors.Join(tx.SetStock("cup", 5), tx.SetBalance("ann", 10), tx.SetBalance("bob", 0))
			}))
			for _, c := range []struct {
				method, path, body string
				status             int
				want               string
			}{
				{"POST", "/api/increment", `{"key":"k"}`, 200, `{"success":true,"value":1,"container":"app-1"}`},
				{"POST", "/api/increment", `{"key":"k"}`, 200, `{"success":true,"value":2,"container":"app-1"}`},
				{"GET", "/api/counter?key=k", "", 200, `{"key":"k","value":2}`},
				{"GET", "/api/counter?key=none", "", 200, `{"key":"none","value":0}`},
				{"POST", "/api/write", `{"data":"a row"}`, 200, `{"success":true,"id":1,`},
				{"POST", "/api/purchase", `{"item":"cup","quantity":3}`, 200, `{"success":true,"item":"cup","left":2,"container":"app-1"}`},
				{"POST", "/api/purchase", `{"item":"cup","quantity":3}`, 409, `"code":"CONFLICT"`},
				{"POST", "/api/purchase", `{"item":"pen","quantity":3}`, 404, `"code":"NOT_FOUND"`},
				{"POST", "/api/transfer", `{"from":"ann","to":"bob","amount":4}`, 200, `{"success":true,"from":"ann","to":"bob","amount":4,"container":"app-1"}`},
				{"POST", "/api/transfer", `{"from":"ann","to":"bob","amount":7}`, 409, `"code":"CONFLICT"`},
				{"POST", "/api/transfer", `{"from":"eve","to":"bob","amount":7}`, 404, `"code":"NOT_FOUND"`},
				{"POST", "/api/transfer", `{"from":"ann","to":"eve","amount":1}`, 404, `"code":"NOT_FOUND"`},
				{"GET", "/api/total", "", 200, `{"total":10,"accounts":2}`},
			} {
				got := send(t, c.method, s.url+c.path, c.body)
				if got.status != c.status || !strings.Contains(got.body, c.want) {
					t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.path, c.body, got.status, got.body, c.status, c.want)
				}
				if got.header.Get(nodeapi.HeaderAttempts) != "1" || got.header.Get("Content-Type") != asJSON {
					t.Errorf("%s %s: headers are %v", c.method, c.path, got.header)
				}
			}
			must(t, s.stop())
			facts, err := app.Inspect(t.Context(), sqlite.At(s.path))
			must(t, err)
			got := fmt.Sprint(facts.Counters, facts.Stock, facts.Balances, facts.Records, facts.Payments)
			if want := "map[k:2] map[cup:2] map[ann:6 bob:4] 1 1"; got != want {
				t.Errorf("the database holds %s, want %s", got, want)
			}
		})
	}
}

func TestRefusedRequestsChangeNothing(t *testing.T) {
	s := serve(t, quick(nil), nil)
	good := `{"key":"k"}`
	for name, c := range map[string]struct {
		method, path, body, contentType string
		status                          int
		code, field                     string
	}{
		"no such path":             {"POST", "/api/decrement", good, asJSON, 404, nodeapi.CodeNotFound, ""},
		"path below":               {"POST", "/api/increment/", good, asJSON, 404, nodeapi.CodeNotFound, ""},
		"wrong method":             {"GET", "/api/increment", "", "", 405, nodeapi.CodeMethodNotAllowed, ""},
		"wrong method for a query": {"DELETE", "/api/counter?key=k", "", "", 405, nodeapi.CodeMethodNotAllowed, ""},
		"wrong media type":         {"POST", "/api/increment", good, "text/xml", 415, nodeapi.CodeMediaType, ""},
		"malformed media type":     {"POST", "/api/increment", good, "application/", 415, nodeapi.CodeMediaType, ""},
		"another charset":          {"POST", "/api/increment", good, "application/json; charset=latin1", 415, nodeapi.CodeMediaType, ""},
		"too large a body":         {"POST", "/api/increment", `{"key":"` + strings.Repeat("x", maxBody) + `"}`, asJSON, 413, nodeapi.CodeTooLarge, ""},
		"a query beside a body":    {"POST", "/api/increment?key=k", good, asJSON, 400, nodeapi.CodeInvalidArgument, "query"},
		"empty key":                {"POST", "/api/increment", `{"key":""}`, asJSON, 400, nodeapi.CodeInvalidArgument, "key"},
		"no body":                  {"POST", "/api/write", "", asJSON, 400, nodeapi.CodeInvalidArgument, "body"},
		"too much data":            {"POST", "/api/write", `{"data":"` + strings.Repeat("x", 32<<10+1) + `"}`, asJSON, 400, nodeapi.CodeInvalidArgument, "data"},
		"negative quantity":        {"POST", "/api/purchase", `{"item":"cup","quantity":-1}`, asJSON, 400, nodeapi.CodeInvalidArgument, "quantity"},
		"transfer to oneself":      {"POST", "/api/transfer", `{"from":"a","to":"a","amount":1}`, asJSON, 400, nodeapi.CodeInvalidArgument, "to"},
		"unknown parameter":        {"GET", "/api/counter?key=k&value=3", "", "", 400, nodeapi.CodeInvalidArgument, "value"},
		"no parameter":             {"GET", "/api/counter", "", "", 400, nodeapi.CodeInvalidArgument, "key"},
		"a total of something":     {"GET", "/api/total?key=k", "", "", 400, nodeapi.CodeInvalidArgument, "key"},
		"unknown format":           {"GET", "/metrics?format=xml", "", "", 400, nodeapi.CodeInvalidArgument, "format"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, c.method, s.url+c.path, c.body, "Content-Type", c.contentType)
			e := got.failure(t)
			if got.status != c.status || e.Code != c.code || e.Field != c.field || e.Error == "" || e.Container != "app-1" {
				t.Errorf("got %d %s, want %d %s about %q", got.status, got.body, c.status, c.code, c.field)
			}
			if c.status == 405 && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
	stats, err := s.db.Stats(t.Context())
	must(t, err)
	if stats != (store.Stats{}) {
		t.Errorf("the database holds %+v, want nothing", stats)
	}
}

func TestBodiesThatAreJSONWhateverTheyAreCalled(t *testing.T) {
	s := serve(t, quick(nil), nil)
	for _, contentType := range []string{
		"", asJSON, "application/json; charset=UTF-8", "Application/JSON",
		"text/plain;charset=UTF-8",          // fetch with a string, as in the source's tests
		"application/x-www-form-urlencoded", // curl -d
	} {
		if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`, "Content-Type", contentType); got.status != 200 {
			t.Errorf("%q: %d %s", contentType, got.status, got.body)
		}
	}
}

func TestBrowsersAreKeptOutUnlessTheyAreAtHome(t *testing.T) {
	s := serve(t, quick(nil), nil)
	got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`, "Origin", "https://elsewhere.example")
	if got.status != 403 || got.failure(t).Code != nodeapi.CodeCrossOrigin {
		t.Errorf("from elsewhere: %d %s", got.status, got.body)
	}
	if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`, "Origin", s.url); got.status != 200 {
		t.Errorf("from home: %d %s", got.status, got.body)
	}
}

// hold has another process, or at least another connection, keep the write
// lock until the test ends it.
func hold(t *testing.T, s *server) (release func()) {
	t.Helper()
	db, err := app.Open(t.Context(), sqlite.At(s.path), quick(nil), app.Options{})
	must(t, err)
	taken, done := make(chan struct{}), make(chan error, 1)
	over := make(chan struct{})
	go func() {
		done <- db.Reset(t.Context(), func(*app.Tx) error {
			close(taken)
			<-over
			return nil
		})
	}()
	<-taken
	release = sync.OnceFunc(func() {
		close(over)
		must(t, errors.Join(<-done, db.Close()))
	})
	t.Cleanup(release)
	return release
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		busyTimeout store.Milliseconds
		retries     int
		code        string
		attempts    string
	}{
		"at once":            {0, 0, nodeapi.CodeBusy, "1"},
		"after busy_timeout": {30, 0, nodeapi.CodeTimeout, "1"},
		"with every retry":   {0, 2, nodeapi.CodeBusy, "3"},
		"patience and retry": {30, 1, nodeapi.CodeTimeout, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout, d.Retries = c.busyTimeout, c.retries }), nil)
			release := hold(t, s)
			got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
			e := got.failure(t)
			if got.status != 503 || e.Code != c.code || e.Extended != "SQLITE_BUSY" || e.Error != "Database is busy" || e.Duration <= 0 {
				t.Errorf("got %d %s, want 503 %s", got.status, got.body, c.code)
			}
			if got.header.Get(nodeapi.HeaderAttempts) != c.attempts {
				t.Errorf("attempts are %s, want %s", got.header.Get(nodeapi.HeaderAttempts), c.attempts)
			}
			if n := strings.Count(s.log.String(), `"msg":"refused"`); fmt.Sprint(n) != c.attempts {
				t.Errorf("%d refusals logged, want %s:\n%s", n, c.attempts, s.log)
			}
			release()
			if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`); got.status != 200 || !strings.Contains(got.body, `"value":1,`) {
				t.Errorf("afterwards %d %s, want the first increment", got.status, got.body)
			}
			var m MetricsResponse
			must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathMetrics, "").body), &m))
			if fmt.Sprint(m.Refusals["SQLITE_BUSY"]) != c.attempts || m.Retries != int64(c.retries) || m.Requests != 2 {
				t.Errorf("metrics are %+v", m)
			}
		})
	}
}

// A transfer without a transaction that is refused half-way has half happened:
// the client must not be told that nothing did, and the node must not retry.
func TestHalfATransferIsAnUnsureAnswer(t *testing.T) {
	d := quick(func(d *store.Discipline) { d.Transaction, d.BusyTimeout, d.Retries = store.Separate, 0, 3 })
	var release func()
	var s *server
	s = serveFrom(t, func(source store.Source) store.Source {
		return between(source, sync.OnceFunc(func() { release = hold(t, s) }))
	}, d, nil)
	must(t, s.db.Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetBalance("ann", 10), tx.SetBalance("bob", 0))
	}))
	got := send(t, "POST", s.url+nodeapi.PathTransfer, `{"from":"ann","to":"bob","amount":4}`)
	e := got.failure(t)
	if got.status != 500 || nodeapi.Certain(got.status) || e.Code != "SQLITE_BUSY" || got.header.Get(nodeapi.HeaderAttempts) != "1" {
		t.Errorf("got %d %s after %s attempts, want an unsure 500 after one", got.status, got.body, got.header.Get(nodeapi.HeaderAttempts))
	}
	release()
	must(t, s.stop())
	facts, err := app.Inspect(t.Context(), sqlite.At(s.path))
	must(t, err)
	if facts.Balances["ann"] != 6 || facts.Balances["bob"] != 0 {
		t.Errorf("balances are %v: this test wants the half that happened", facts.Balances)
	}
}

// between is a real database, with something happening after each attempt's first
// balance has been written.
func between(source store.Source, afterWrite func()) store.Source {
	return func(d store.Discipline, p *store.Program, patience time.Duration) (store.Database, error) {
		db, err := source(d, p, patience)
		return &betweenDatabase{db, p, afterWrite}, err
	}
}

type betweenDatabase struct {
	store.Database
	program    *store.Program
	afterWrite func()
}

func (b *betweenDatabase) Dial(ctx context.Context, use store.Use) (store.Conn, error) {
	c, err := b.Database.Dial(ctx, use)
	if use != store.Requests || err != nil {
		return c, err
	}
	return &betweenConn{Conn: c, of: b}, nil
}

type betweenConn struct {
	store.Conn
	of    *betweenDatabase
	times int
}

func (c *betweenConn) Run(statement int, args []any, row func([]any) error) error {
	err := c.Conn.Run(statement, args, row)
	if c.of.program.Statements[statement].Op == "set balance" {
		if c.times++; c.times%2 == 1 {
			c.of.afterWrite()
		}
	}
	return err
}

func TestHealth(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.Journal = store.Delete }), nil)
	got := send(t, "GET", s.url+nodeapi.PathHealth, "")
	want := fmt.Sprintf(`{"status":"healthy","container":"app-1","dbPath":%q,"sqlite":%q,"lab":true}`, s.path, sqlite.Version())
	if got.status != 200 || strings.TrimSpace(got.body) != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
	if got := send(t, "HEAD", s.url+nodeapi.PathHealth, ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
	// A database that has become something else is ill health.
	must(t, s.db.Close())
	if got := send(t, "GET", s.url+nodeapi.PathHealth, ""); got.status != 503 || !strings.Contains(got.body, `"unhealthy"`) {
		t.Errorf("closed: %d %s", got.status, got.body)
	}
}

func TestHealthAnswersWhileEveryConnectionIsBusy(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.Pool, d.BusyTimeout = 1, 60_000 }), nil)
	release := hold(t, s)
	blocked := make(chan reply)
	go func() {
		r, _ := try("POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
		blocked <- r
	}()
	awaitInFlight(t, s, 1)
	if got := send(t, "GET", s.url+nodeapi.PathHealth, ""); got.status != 200 {
		t.Errorf("health is %d %s", got.status, got.body)
	}
	if got := send(t, "GET", s.url+nodeapi.PathMetrics, ""); got.status != 200 {
		t.Errorf("metrics are %d %s", got.status, got.body)
	}
	release()
	if r := <-blocked; r.status != 200 {
		t.Errorf("the blocked request got %d %s", r.status, r.body)
	}
}

// awaitInFlight waits until n requests are being worked on beside its own.
func awaitInFlight(t *testing.T, s *server, n int) {
	t.Helper()
	want := fmt.Sprintf("contend_in_flight_requests %d\n", n+1)
	for !strings.Contains(send(t, "GET", s.url+"/metrics?format=prometheus", "").body, want) {
		time.Sleep(time.Millisecond)
	}
}

func TestMetricsForms(t *testing.T) {
	s := serve(t, quick(nil), nil)
	send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
	send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":""}`)
	send(t, "GET", s.url+"/made/up", "")
	var m MetricsResponse
	must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathMetrics, "").body), &m))
	if m.Container != "app-1" || m.Database.TotalCounters != 1 || m.Uptime <= 0 || m.Requests != 3 || m.SQLite != sqlite.Version() || m.Discipline.Transaction != store.Immediate {
		t.Errorf("metrics are %+v", m)
	}
	for _, got := range []reply{
		send(t, "GET", s.url+"/metrics?format=prometheus", ""),
		send(t, "GET", s.url+"/metrics", "", "Accept", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
		send(t, "GET", s.url+"/metrics", "", "Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"),
	} {
		for _, want := range []string{
			`contend_requests_total{path="/api/increment",status="200"} 1`,
			`contend_requests_total{path="/api/increment",status="400"} 1`,
			`contend_requests_total{path="other",status="404"} 1`,
			`contend_request_duration_seconds_count{path="/api/increment"} 2`,
			`contend_lock_wait_seconds_count 1`, `contend_attempts_count 1`, `contend_in_flight_requests 1`,
			`container="app-1"`, `sqlite="` + sqlite.Version() + `"`,
		} {
			if !strings.Contains(got.body, want) {
				t.Errorf("no %s in\n%s", want, got.body)
			}
		}
	}
	if got := send(t, "GET", s.url+"/metrics?format=json", "", "Accept", "text/plain;version=0.0.4"); !strings.HasPrefix(got.body, "{") {
		t.Errorf("?format=json gave %s", got.body)
	}
}

func TestOverload(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = 60_000 }), nil) // four places
	release := hold(t, s)
	statuses := make(chan int)
	for range 4 {
		go func() {
			r, _ := try("POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
			statuses <- r.status
		}()
	}
	awaitInFlight(t, s, 4)
	got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
	if got.status != 503 || got.failure(t).Code != nodeapi.CodeOverloaded || got.header.Get(nodeapi.HeaderAttempts) != "0" {
		t.Errorf("the fifth got %d %s", got.status, got.body)
	}
	release()
	for range 4 {
		if status := <-statuses; status != 200 {
			t.Errorf("one of the four got %d", status)
		}
	}
	if got := send(t, "GET", s.url+"/api/counter?key=k", ""); !strings.Contains(got.body, `"value":4`) {
		t.Errorf("counter is %s, want 4", got.body)
	}
}

// Clients that never finish their request hold their connection, and nothing else.
func TestSlowClientsHoldNothing(t *testing.T) {
	s := serve(t, quick(nil), nil) // four places, four connections to the database
	for i := range 40 {
		conn, err := net.Dial("tcp", s.addr)
		must(t, err)
		defer conn.Close()
		start := "POST /api/increment HTTP/1.1\r\nHost: localhost\r\n"
		if i%2 == 0 {
			start += "Content-Length: 100\r\n\r\n{"
		}
		_, err = io.WriteString(conn, start)
		must(t, err)
	}
	for i := range 20 {
		got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
		if got.status != 200 {
			t.Fatalf("request %d got %d %s", i, got.status, got.body)
		}
	}
	must(t, s.stop()) // nor do they keep the node from ending
}

// The limit on how long a request may take to come in is not one on how long
// its answer may take.
func TestSlowAnswerOutlivesTheReadTimeout(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.readTimeout = 50 * time.Millisecond })
	start := time.Now()
	got := send(t, "POST", s.url+nodeapi.PathHold, `{"ms":300}`)
	if got.status != 200 || !strings.Contains(got.body, `"success":true`) {
		t.Fatalf("got %d %q", got.status, got.body)
	}
	if held := time.Since(start); held < 300*time.Millisecond {
		t.Errorf("held for %s, not 300 ms: the node took the timeout for a client that had gone", held)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	s := serveFrom(t, func(source store.Source) store.Source {
		return between(source, func() { panic("on purpose") })
	}, quick(func(d *store.Discipline) { d.Pool = 1 }), nil)
	must(t, s.db.Reset(t.Context(), func(tx *app.Tx) error {
		return errors.Join(tx.SetBalance("ann", 10), tx.SetBalance("bob", 0))
	}))
	for range 3 {
		got := send(t, "POST", s.url+nodeapi.PathTransfer, `{"from":"ann","to":"bob","amount":4}`)
		if got.status != 500 || got.failure(t).Code != nodeapi.CodeInternal {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`); got.status != 200 {
		t.Errorf("afterwards %d %s", got.status, got.body)
	}
	if !strings.Contains(s.log.String(), "on purpose") {
		t.Error("the log does not speak of the panic")
	}
}

func TestLab(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = 1234 }), nil)
	for body, want := range map[string]int{
		`{"key":"k","value":-5}`:                       200,
		`{"item":"cup","stock":7}`:                     200,
		`{"account":"ann","balance":9}`:                200,
		`{"key":"k"}`:                                  400,
		`{"value":5}`:                                  400,
		`{"key":"k","stock":5}`:                        400,
		`{"key":"k","value":5,"item":"cup","stock":7}`: 400,
		`{"item":"cup","stock":-1}`:                    400,
		`{"key":"k","value":1000000000000001}`:         400,
		`{"clear":false}`:                              400,
		`{"clear":"everything"}`:                       400,
		`{}`:                                           400,
		`[]`:                                           400,
	} {
		if got := send(t, "POST", s.url+nodeapi.PathReset, body); got.status != want {
			t.Errorf("reset %s: %d %s, want %d", body, got.status, got.body, want)
		}
	}
	for path, bodies := range map[string][]string{
		nodeapi.PathHold:  {`{}`, `{"ms":0}`, `{"ms":60001}`, `{"ms":"5"}`},
		nodeapi.PathCrash: {`{}`, `{"after_ms":-1}`, `{"after_ms":60001}`},
	} {
		for _, body := range bodies {
			if got := send(t, "POST", s.url+path, body); got.status != 400 {
				t.Errorf("%s %s: %d %s, want 400", path, body, got.status, got.body)
			}
		}
	}
	var settings SettingsResponse
	must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathSettings, "").body), &settings))
	if settings.Pragmas["journal_mode"] != "wal" || settings.Pragmas["busy_timeout"] != "1234" || settings.Discipline.Journal != store.WAL {
		t.Errorf("settings are %+v", settings)
	}
	if got := send(t, "POST", s.url+"/api/purchase", `{"item":"cup","quantity":1}`); !strings.Contains(got.body, `"left":6`) {
		t.Errorf("purchase after reset: %s", got.body)
	}
	if got := send(t, "POST", s.url+nodeapi.PathReset, `{"clear":true}`); got.status != 200 {
		t.Errorf("clear: %d %s", got.status, got.body)
	}
	if got := send(t, "GET", s.url+"/api/counter?key=k", ""); !strings.Contains(got.body, `"value":0`) {
		t.Errorf("after clear: %s", got.body)
	}
}

// The header of the answer to a hold says that the lock is taken, the body that
// it has been given back.
func TestHoldTellsBothMoments(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = 0 }), nil)
	resp, err := client.Post(s.url+nodeapi.PathHold, asJSON, strings.NewReader(`{"ms":60000}`))
	must(t, err)
	if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`); got.status != 503 {
		t.Errorf("while held: %d %s", got.status, got.body)
	}
	must(t, resp.Body.Close()) // the client goes away, and the hold with it
	for send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`).status != 200 {
		time.Sleep(time.Millisecond)
	}
}

func TestLabIsClosedUnlessOpened(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.cfg.Lab = false })
	for path, method := range map[string]string{
		nodeapi.PathHold: "POST", nodeapi.PathCrash: "POST", nodeapi.PathReset: "POST", nodeapi.PathSettings: "GET",
		nodeapi.PathFacts: "GET", nodeapi.PathClose: "POST", nodeapi.PathOpen: "POST",
	} {
		got := send(t, method, s.url+path, `{}`)
		if got.status != 403 || got.failure(t).Code != nodeapi.CodeLabOnly {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestStartLineTellsTheDiscipline(t *testing.T) {
	s := serve(t, store.Green(), nil)
	send(t, "GET", s.url+nodeapi.PathHealth, "")
	line, _, _ := strings.Cut(s.log.String(), "\n")
	for _, want := range []string{
		`"container":"app-1"`, s.addr, s.path, sqlite.Version(), `"driver":"modernc"`, `"journal":"WAL"`, `"synchronous":"FULL"`,
		`"busy_timeout_ms":5000`, `"transaction":"exclusive"`, `"think_ms":10`, `"retries":3`, `"backoff":"1s..5s"`, `"writer":"direct"`, `"pool":32`,
	} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
}
