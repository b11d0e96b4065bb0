package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// ask sends one request to a session and returns the answer.
func ask(t *testing.T, s *server, body string) (status int, a nodeapi.SessionResponse) {
	t.Helper()
	got := send(t, "POST", s.url+nodeapi.PathSession, body)
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		t.Fatalf("%s: %d %s", body, got.status, got.body)
	}
	return got.status, a
}

// Every word of the contract, in one scene.
func TestSessionContract(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = 0 }), nil)
	for _, c := range []struct {
		request string
		status  int
		want    string // what the answer has, times left out
	}{
		{`"do":"open"`, 200, `true open=false`},
		{`"do":"begin-immediate"`, 200, `true open=true`},
		{`"do":"set-counter","name":"k","value":7`, 200, `true value=7 open=true`},
		{`"do":"read-counter","name":"k"`, 200, `true value=7 open=true`},
		{`"do":"set-stock","name":"cup","value":-2`, 200, `true value=-2 open=true`},
		{`"do":"read-stock","name":"cup"`, 200, `true value=-2 open=true`},
		{`"do":"set-balance","name":"ann"`, 200, `true value=0 open=true`}, // what is missing is 0
		{`"do":"read-balance","name":"ann"`, 200, `true value=0 open=true`},
		{`"do":"record-payment","name":"ann","to":"bob","value":3`, 200, `true open=true`},
		{`"do":"count-payments"`, 200, `true value=1 open=true`},
		{`"do":"write-rows","value":2`, 200, `true value=2 open=true`},
		{`"do":"count-rows"`, 200, `true value=2 open=true`},
		{`"do":"checkpoint","name":"PASSIVE"`, 503, `false open=true SQLITE_BUSY SQLITE_LOCKED`}, // inside a transaction
		{`"do":"rollback"`, 200, `true open=false`},
		{`"do":"count-rows"`, 200, `true value=0 open=false`},
		{`"do":"commit"`, 409, `false open=false SQLITE_ERROR SQLITE_ERROR`},
		{`"do":"begin-deferred"`, 200, `true open=true`},
		{`"do":"begin-exclusive"`, 409, `false open=true SQLITE_ERROR SQLITE_ERROR`},
		{`"do":"commit"`, 200, `true open=false`},
		{`"do":"checkpoint","name":"TRUNCATE"`, 200, `true open=false blocked=false 0/0`},
		{`"do":"write-rows","value":2`, 200, `true value=2 open=false`},
		{`"do":"checkpoint","name":"TRUNCATE","value":2`, 200, `true open=false blocked=false 0/0`},
		{`"do":"wal-size"`, 200, `true value=0 open=false`},
		{`"do":"close"`, 200, `true open=false`},
		{`"do":"close"`, 200, `true open=false`},
	} {
		status, a := ask(t, s, `{"session":"A",`+c.request+`}`)
		if got := summary(a); status != c.status || got != c.want || a.Container != "app-1" || (a.Error == "") != a.Success {
			t.Errorf("%s: %d %s (%q), want %d %s", c.request, status, got, a.Error, c.status, c.want)
		}
	}
}

func summary(a nodeapi.SessionResponse) string {
	s := fmt.Sprint(a.Success)
	if a.Value != nil {
		s += fmt.Sprintf(" value=%d", *a.Value)
	}
	s += fmt.Sprintf(" open=%t", a.Open)
	if a.Blocked != nil {
		s += fmt.Sprintf(" blocked=%t %d/%d", *a.Blocked, *a.Checkpointed, *a.Frames)
	}
	return strings.TrimSpace(strings.Join([]string{s, a.Code, a.Extended}, " "))
}

func TestSessionRequestsThatAreWrong(t *testing.T) {
	s := serve(t, quick(nil), nil)
	for _, c := range []struct{ body, field string }{
		{``, "body"},
		{`[]`, "body"},
		{`{"session":"A"}`, "do"},
		{`{"do":"commit"}`, "session"},
		{`{"session":"","do":"commit"}`, "session"},
		{`{"session":"A","do":5}`, "do"},
		{`{"session":"A","do":"COMMIT"}`, "do"},
		{`{"session":"A","Do":"commit"}`, "Do"},
		{`{"session":"A","do":"DROP TABLE data"}`, "do"},
		{`{"session":"A","do":"commit","name":"x"}`, "name"},
		{`{"session":"A","do":"commit","do":"commit"}`, "do"},
		{`{"session":"A","do":"read-counter"}`, "name"},
		{`{"session":"A","do":"read-counter","name":"k","value":1}`, "value"},
		{`{"session":"A","do":"set-counter","name":"k","value":"1"}`, "value"},
		{`{"session":"A","do":"record-payment","name":"a","to":"b"}`, "value"},
		{`{"session":"A","do":"write-rows","value":10001}`, "value"},
		{`{"session":"A","do":"checkpoint","name":"passive"}`, "name"},
		{`{"session":"A","do":"checkpoint","name":"PASSIVE","value":-1}`, "value"},
		{`{"session":"A","do":"checkpoint","name":"FULL); DROP TABLE data; --"}`, "name"},
	} {
		got := send(t, "POST", s.url+nodeapi.PathSession, c.body)
		if e := got.failure(t); got.status != 400 || e.Code != nodeapi.CodeInvalidArgument || e.Field != c.field {
			t.Errorf("%s: %d %s, want 400 about %q", c.body, got.status, got.body, c.field)
		}
	}
	if got := send(t, "POST", s.url+nodeapi.PathSession, `{"session":"A","do":"read-stock","name":"pen"}`); got.status != 404 {
		t.Errorf("no such item: %d %s", got.status, got.body)
	}
}

func TestSessionsNeedTheLab(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.cfg.Lab = false })
	got := send(t, "POST", s.url+nodeapi.PathSession, `{"session":"A","do":"open"}`)
	if got.status != 403 || got.failure(t).Code != nodeapi.CodeLabOnly {
		t.Errorf("got %d %s, want 403", got.status, got.body)
	}
}

func TestSessionRefusals(t *testing.T) {
	for busyTimeout, code := range map[store.Milliseconds]string{0: nodeapi.CodeBusy, 30: nodeapi.CodeTimeout} {
		s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = busyTimeout }), nil)
		ask(t, s, `{"session":"A","do":"begin-immediate"}`)
		status, a := ask(t, s, `{"session":"B","do":"begin-immediate"}`)
		if status != 503 || a.Code != code || a.Extended != "SQLITE_BUSY" || a.Open || a.Waited < float64(busyTimeout) {
			t.Errorf("%d %+v, want 503 %s after %d ms", status, a, code, busyTimeout)
		}
		if got := send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`); got.status != 503 {
			t.Errorf("the application was not refused: %d %s", got.status, got.body)
		}
	}
}

func TestTooManySessions(t *testing.T) {
	s := serve(t, quick(nil), nil)
	for i := range app.MaxSessions {
		ask(t, s, fmt.Sprintf(`{"session":"%d","do":"open"}`, i))
	}
	got := send(t, "POST", s.url+nodeapi.PathSession, `{"session":"more","do":"open"}`)
	if e := got.failure(t); got.status != 503 || e.Code != nodeapi.CodeOverloaded || !strings.Contains(e.Error, "too many sessions") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// A session that nobody comes back to holds the write lock when the node is
// told to stop, and a request waits for that lock: it is given back at once,
// the request is done, and nothing of the session is left.
func TestForgottenSessionDoesNotHoldUpTheEnd(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = 3_600_000 }), nil)
	ask(t, s, `{"session":"A","do":"begin-immediate"}`)
	ask(t, s, `{"session":"A","do":"set-counter","name":"k","value":100}`)
	waiting := make(chan reply)
	go func() {
		r, _ := try("POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
		waiting <- r
	}()
	awaitInFlight(t, s, 1)
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	if r := <-waiting; r.status != http.StatusOK {
		t.Errorf("the request in flight got %d %s", r.status, r.body)
	}
	must(t, <-stopped)
	facts, err := app.Inspect(t.Context(), sqlite.At(s.path))
	must(t, err)
	if facts.Counters["k"] != 1 {
		t.Errorf("the counter is %d, want the increment alone", facts.Counters["k"])
	}
}
