package cli

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHealthcheckReadsTheAnswer(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc // nil: nobody listens
		code   int
		says   string
	}{
		"healthy":  {func(w http.ResponseWriter, _ *http.Request) {}, exitOK, ""},
		"unwell":   {func(w http.ResponseWriter, _ *http.Request) { fail503(w) }, exitCannotRun, "503 Service Unavailable: disk I/O error"},
		"no JSON":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, exitCannotRun, "404 Not Found"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, exitCannotRun, "302 Found"},
		"silence":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, exitCannotRun, "no answer within 200ms"},
		"nobody":   {nil, exitCannotRun, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			target := gone.URL
			if c.answer != nil {
				srv := httptest.NewServer(c.answer)
				t.Cleanup(srv.Close)
				target = srv.URL
			}
			code, out, errs := runLine(t.Context(), "healthcheck", "--url", target+"/health", "--timeout", "200ms")
			if code != c.code || out != "" || !strings.Contains(errs, c.says) || (c.says == "") != (errs == "") {
				t.Errorf("exit %d, stdout %q, stderr %q; want exit %d and %q", code, out, errs, c.code, c.says)
			}
		})
	}
}

func fail503(w http.ResponseWriter) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte(`{"status":"unhealthy","error":"disk I/O error"}`))
}

// Node and health check share nothing but their environment, as in a container.
func TestHealthcheckFindsANodeByItsEnvironment(t *testing.T) {
	t.Setenv("PORT", freePort(t))
	t.Setenv("DB_PATH", filepath.Join(t.TempDir(), "shared.db"))
	if code, _, errs := runLine(t.Context(), "healthcheck"); code != exitCannotRun {
		t.Fatalf("before there is a node: exit %d:\n%s", code, errs)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan string)
	go func() {
		_, _, errs := runLine(ctx, "node", "--pool", "1")
		ended <- errs
	}()
	for code := exitCannotRun; code != exitOK && ctx.Err() == nil; {
		code, _, _ = runLine(ctx, "healthcheck")
	}
	early := ctx.Err() != nil
	stop()
	if errs := <-ended; early {
		t.Errorf("the node never became healthy:\n%s", errs)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestHealthURL(t *testing.T) {
	for _, c := range []struct{ given, port, want string }{
		{"", "", "http://127.0.0.1:3000/health"},
		{"", "3001", "http://127.0.0.1:3001/health"},
		{"http://127.0.0.1:8080/app-2/health", "3001", "http://127.0.0.1:8080/app-2/health"},
		{"127.0.0.1:3000", "", ""},
		{"file:///etc/passwd", "", ""},
		{"", "99999", ""},
	} {
		got, err := healthURL(c.given, c.port)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("healthURL(%q, %q) = %q, %v; want %q", c.given, c.port, got, err, c.want)
		}
	}
}
