package node

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

func TestWALResetBugIsToldOf(t *testing.T) {
	for _, c := range []struct {
		engine  string
		journal store.Journal
		told    bool
	}{
		{"3.51.2", store.WAL, true},
		{"3.51.2", store.Delete, false},
		{"3.51.3", store.WAL, false},
		{"3.50.6", store.WAL, true},
		{"3.50.7", store.WAL, false},
		{"unknown", store.WAL, false},
	} {
		t.Run(c.engine+" "+string(c.journal), func(t *testing.T) {
			s := serve(t, quick(func(d *store.Discipline) { d.Journal = c.journal }), func(n *Node) {
				n.cfg.SQLite = c.engine
				n.on = newOpened(n.cfg, n.on.db, "", n.cfg.Discipline)
				n.metrics.describe(n.cfg, n.on)
			})
			tellsOfBug(t, s, c.told)
			if warned := len(warnings(s)) > 0; warned != c.told {
				t.Errorf("at start: warned is %t, want %t", warned, c.told)
			}
			// It hangs on the mode, which the lab can change.
			for _, mode := range []store.Journal{store.WAL, store.Truncate} {
				asks(t, s.url, nodeapi.PathClose, `{}`, 200)
				before := len(warnings(s))
				asks(t, s.url, nodeapi.PathOpen, openingBody(t, "", quick(func(d *store.Discipline) { d.Journal = mode })), 200)
				fixed, known := store.WALResetFixed(c.engine)
				want := known && !fixed && mode == store.WAL
				if warned := len(warnings(s)) > before; warned != want {
					t.Errorf("opened in %s: warned is %t, want %t", mode, warned, want)
				}
				tellsOfBug(t, s, want)
			}
		})
	}
}

func warnings(s *server) (lines []string) {
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"level":"WARN","msg":"this SQLite has the WAL-reset bug`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// tellsOfBug compares log and metrics with what they have to tell.
func tellsOfBug(t *testing.T, s *server, want bool) {
	t.Helper()
	var m MetricsResponse
	must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathMetrics, "").body), &m))
	gauge := map[bool]string{false: "\ncontend_wal_reset_bug 0\n", true: "\ncontend_wal_reset_bug 1\n"}[want]
	page := send(t, "GET", s.url+"/metrics?format=prometheus", "").body
	if m.WALResetBug != want || !strings.Contains(page, gauge) {
		t.Errorf("the field is %t, want %t, and %q on\n%s", m.WALResetBug, want, gauge, page)
	}
	lines := warnings(s)
	if want && len(lines) == 0 {
		t.Errorf("no warning in\n%s", s.log)
	}
	for _, line := range lines {
		for _, part := range []string{m.SQLite, "3.51.3, 3.50.7, 3.44.6", "https://sqlite.org/wal.html#walresetbug", "acknowledged writes"} {
			if !strings.Contains(line, part) {
				t.Errorf("no %s in %s", part, line)
			}
		}
	}
}
