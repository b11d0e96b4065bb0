package balance

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/units"
)

// Status is what clients asked under /api/ since the balancer started, and what became of it: the JSON of
// GET /status?format=json.
type Status struct {
	Tally
	Increments int64        `json:"increments_ok"` // of OK: increments, each of which the database must have
	PerSecond  int64        `json:"per_second"`    // requests that were answered in the last whole second
	P99        float64      `json:"p99_ms"`        // of those, from a request's first byte to its answer; 0 where there were none
	Nodes      []NodeStatus `json:"nodes"`
}

// NodeStatus is what became of the requests that a node got.
type NodeStatus struct {
	NodeHealth
	Tally
}

// A Tally counts requests by how they ended.
type Tally struct {
	Requests int64 `json:"requests"` // that were answered
	OK       int64 `json:"ok"`       // 2xx
	Refused  int64 `json:"refused"`  // 503: certainly without effect
	Other    int64 `json:"other"`    // every other status: a conflict, a mistake of the client's, an unknown end
}

func (t *Tally) add(status int) {
	t.Requests++
	switch {
	case status >= 200 && status < 300:
		t.OK++
	case status == http.StatusServiceUnavailable:
		t.Refused++
	default:
		t.Other++
	}
}

// A counter counts the answers of a balancer. Make it with newCounter.
type counter struct {
	mu         sync.Mutex
	all        Tally
	nodes      []Tally
	increments int64
	second     int64 // whose waits now has, in Unix time
	now, last  *hdrhistogram.Histogram
}

// The range of a wait, in µs, with two digits: 25 kB for each of two histograms.
const (
	shortestWait = 1
	longestWait  = int64(2 * time.Minute / time.Microsecond)
)

func newCounter(nodes int) *counter {
	return &counter{nodes: make([]Tally, nodes), now: hdrhistogram.New(shortestWait, longestWait, 2), last: hdrhistogram.New(shortestWait, longestWait, 2)}
}

// saw counts an answer under /api/, of node i or, where that is below 0, of none.
func (c *counter) saw(i int, path string, status int, waited time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(now)
	c.all.add(status)
	if i >= 0 {
		c.nodes[i].add(status)
	}
	if path == nodeapi.PathIncrement && status == http.StatusOK {
		c.increments++
	}
	// Clamped into its range, the histogram has no reason to refuse a value.
	_ = c.now.RecordValue(min(max(waited.Microseconds(), shortestWait), longestWait))
}

// turn begins another second where one is over. It needs mu.
func (c *counter) turn(now time.Time) {
	if second := now.Unix(); second != c.second {
		c.now, c.last = c.last, c.now
		c.now.Reset()
		if second != c.second+1 {
			c.last.Reset() // nothing was answered in the second before
		}
		c.second = second
	}
}

// status returns what c has counted, without the nodes' health.
func (c *counter) status(now time.Time) Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(now)
	s := Status{Tally: c.all, Increments: c.increments, PerSecond: c.last.TotalCount(), P99: float64(c.last.ValueAtPercentile(99)) / 1000}
	for _, t := range c.nodes {
		s.Nodes = append(s.Nodes, NodeStatus{Tally: t})
	}
	return s
}

// answerStatus answers GET /status: a page that loads itself again each second or, where that is asked for, JSON.
func (b *Balancer) answerStatus(x *exchange) answer {
	if a, no := x.onlyRead("status"); no {
		return a
	}
	s := b.counter.status(time.Now())
	_, h := b.health(x.arrived)
	for i := range s.Nodes {
		s.Nodes[i].NodeHealth = h.Nodes[i]
	}
	if x.request.URL.Query().Get("format") == "json" || strings.Contains(x.request.Header.Get("Accept"), "application/json") {
		return own(http.StatusOK, s)
	}
	page := []byte(s.page(h.Writer))
	return answer{status: http.StatusOK, fields: []byte("Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n" +
		"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"), length: int64(len(page)), body: page}
}

// page is s as HTML without a script.
func (s *Status) page(writer string) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>contend: status</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}th,td{padding:.2rem .9rem .2rem 0;text-align:right}th:first-child,td:nth-child(-n+2),th:nth-child(2){text-align:left}</style>
</head><body><h1>contend</h1>
`)
	fmt.Fprintf(&b, "<p>%s under /api/ since the start, %s/s in the last second, p99 %s.</p>\n", units.Plural(s.Requests, "request"), units.Count(s.PerSecond), units.Milliseconds(s.P99))
	b.WriteString("<table><tr><th>node</th><th>health</th><th>requests</th><th>ok</th><th>refused</th><th>other</th></tr>\n")
	row := func(name, health string, t Tally) {
		fmt.Fprintf(&b, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", html.EscapeString(name), health,
			units.Count(t.Requests), units.Count(t.OK), units.Count(t.Refused), units.Count(t.Other))
	}
	for _, n := range s.Nodes {
		health := n.Status
		if !n.InTurn {
			health += ", skipped"
		}
		if n.Name == writer {
			health += ", writes"
		}
		row(n.Name, health, n.Tally)
	}
	row("all", "", s.Tally)
	b.WriteString("</table>\n<p>refused: 503, certainly without effect. The same as JSON: /status?format=json</p></body></html>\n")
	return b.String()
}
