package nodeclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand starts a server in a node's place.
func stand(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL
}

const green = `{"driver":"modernc","journal":"WAL","synchronous":"FULL","busy_timeout_ms":5000,"busy_policy":"stock","transaction":"exclusive",` +
	`"think_ms":10,"retries":3,"backoff":"1s..5s","writer":"direct","pool":32}`

func TestWhatIsAsked(t *testing.T) {
	for _, c := range []struct {
		name, path, body string
		ask              func(node string) error
	}{
		{"stock", "/lab/reset", `{"item":"book","stock":50}`, func(node string) error { return SetStock(t.Context(), node, "book", 50) }},
		{"balance", "/lab/reset", `{"account":"account-1","balance":100}`, func(node string) error { return SetBalance(t.Context(), node, "account-1", 100) }},
		{"crash", "/lab/crash", `{"after_ms":1500}`, func(node string) error { return Crash(t.Context(), node, 1500*time.Millisecond) }},
		{"close", "/lab/close", `{}`, func(node string) error { return Close(t.Context(), node, false) }},
		{"close and remove", "/lab/close", `{"remove":true}`, func(node string) error { return Close(t.Context(), node, true) }},
		{"open", "/lab/open", `{"database":"lab-1.db","discipline":` + green + `}`, func(node string) error {
			d := store.Green()
			return Open(t.Context(), node, "lab-1.db", &d)
		}},
		{"open the node's own", "/lab/open", `{}`, func(node string) error { return Open(t.Context(), node, "", nil) }},
		{"hold", "/lab/hold", `{"ms":3000}`, func(node string) error {
			wait, err := Hold(t.Context(), node, 3*time.Second)
			if err != nil {
				return err
			}
			return wait()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var path, body string
			url := stand(t, func(w http.ResponseWriter, r *http.Request) {
				data, _ := io.ReadAll(r.Body)
				path, body = r.Method+" "+r.URL.Path, string(data)
				w.Write([]byte(`{"success":true,"container":"app-1"}`))
			})
			if err := c.ask(url); err != nil || path != "POST "+c.path || body != c.body {
				t.Errorf("asked %s with %s, %v; want POST %s with %s", path, body, err, c.path, c.body)
			}
			refusing := stand(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusServiceUnavailable)
				w.Write([]byte(`{"error":"database is locked","code":"SQLITE_TIMEOUT"}`))
			})
			if err := c.ask(refusing); err == nil || err.Error() != c.path+": SQLITE_TIMEOUT: database is locked" {
				t.Errorf("refused: %v; want the path, the code and the words", err)
			}
			garbled := stand(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "what?", http.StatusBadGateway) })
			if err := c.ask(garbled); err == nil || err.Error() != c.path+": 502 Bad Gateway" {
				t.Errorf("garbled: %v; want the path and the status", err)
			}
			gone := httptest.NewServer(nil)
			gone.Close()
			if err := c.ask(gone.URL); err == nil {
				t.Error("gone: no error")
			}
		})
	}
}

// A hold has two moments: the lock is taken, the lock is given back.
func TestHoldWaitsForTheEnd(t *testing.T) {
	giveBack := make(chan struct{})
	url := stand(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		<-giveBack
	})
	wait, err := Hold(t.Context(), url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it ended before the lock was given back: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(giveBack)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestHoldEndsWithItsContext(t *testing.T) {
	noticed := make(chan struct{})
	url := stand(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice that its client goes
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(noticed)
	})
	ctx, cancel := context.WithCancel(t.Context())
	wait, err := Hold(ctx, url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	<-noticed
}

// A node that dies while it holds the lock is an error, not the end of the hold.
func TestHoldOfANodeThatDies(t *testing.T) {
	url := stand(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	wait, err := Hold(t.Context(), url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(); err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("error %v, want one of a connection that broke", err)
	}
}
