package nodeclient

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/contend/internal/jsonlimit"
	"example.com/contend/internal/nodeapi"
)

// Who answers may be anybody: each answer has an end, and so has what is kept of it.
func TestAnswersAreBounded(t *testing.T) {
	defer func(whole jsonlimit.Limits) { lab = whole }(lab)
	lab.Bytes, lab.Values = 1<<20, 1000
	endless := stand(t, func(w http.ResponseWriter, r *http.Request) {
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, strings.Repeat(" ", 1<<20))
		}
	})
	rows := stand(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"rows":[`+strings.Repeat("{},", lab.Values/2+1)+`{}]}`)
	})
	head := stand(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 2*maxHead))
		io.WriteString(w, "{}")
	})
	facts := func(node string) error { _, err := Facts(t.Context(), node); return err }
	for name, c := range map[string]struct {
		ask  func(node string) error
		node string
		want string
	}{
		"an answer without an end": {func(node string) error { _, err := Look(t.Context(), node); return err }, endless, "more than 8388608 bytes"},
		"facts without an end":     {facts, endless, "more than 1048576 bytes"},
		"facts with many rows":     {facts, rows, "more than 1,000 values"},
		"a session's without end": {func(node string) error {
			s := NewSessions(1)
			defer s.CloseIdle()
			_, err := s.Do(t.Context(), node, nodeapi.SessionRequest{}, nil)
			return err
		}, endless, "more than 1048576 bytes"},
		"lines before the answer": {facts, head, "header"},
	} {
		if err := c.ask(c.node); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What calls itself by more than a name is no node.
func TestNamesAreBounded(t *testing.T) {
	long := strings.Repeat("n", 65)
	for _, c := range []struct {
		body string
		node bool
	}{
		{`{"status":"healthy","container":"` + long[1:] + `","dbPath":"/d","sqlite":"3"}`, true},
		{`{"status":"healthy","container":"` + long + `","dbPath":"/d","sqlite":"3"}`, false},
		{`{"status":"healthy","container":"n","dbPath":"/` + strings.Repeat("d", 4096) + `","sqlite":"3"}`, false},
		{`{"status":"healthy","container":"n","dbPath":"/d","sqlite":"` + long + `"}`, false},
	} {
		a := &Answer{Status: http.StatusOK, Body: []byte(c.body)}
		if h := a.Health(); (h != nil) != c.node {
			t.Errorf("%.60s… is a node: %t", c.body, h != nil)
		}
	}
	for _, body := range []string{`{"code":"SQLITE_` + long + `"}`, `{"code":"SQLITE_BUSY","extended":"` + long + `"}`} {
		if r, err := understand(http.StatusServiceUnavailable, []byte(body)); err == nil || r.Code != "" {
			t.Errorf("a session's answer %.40s… is taken", body)
		}
	}
	if r, err := understand(503, []byte(`{"code":"SQLITE_BUSY","error":"`+strings.Repeat("e", 5000)+`"}`)); err != nil || len(r.Error) != maxReason {
		t.Errorf("a reason of %d bytes, %v", len(r.Error), err)
	}
	url := stand(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		json.NewEncoder(w).Encode(map[string]string{"container": "n", "code": "C", "error": strings.Repeat("日", 1000)})
	})
	if a, err := Look(t.Context(), url); err != nil || len(a.Reason) > maxReason || !strings.HasSuffix(a.Reason, "日") {
		t.Errorf("%v, a reason of %d bytes", err, len(a.Reason))
	}
	if _, err := Look(context.Background(), "http://u:s3cret@127.0.0.1:1"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v; want an error without the password", err)
	}
}

// Whatever a server answers, it is a node's or it is not.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"status":"healthy","container":"app-1","dbPath":"/d/x.db","sqlite":"3.54.1"}`))
	f.Add(503, []byte(`{"error":"database is locked","code":"SQLITE_BUSY"}`))
	f.Add(200, []byte("<html>\xff\x1b"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := &Answer{URL: "http://h/health", Status: status, Body: body}
		if h := a.Health(); h != nil && (h.Container == "" || len(h.Container) > maxName || !json.Valid(body)) {
			t.Errorf("%d %q is of %+v", status, body, h)
		}
		if err := a.Unlike(); len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
