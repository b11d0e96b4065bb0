package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/quiet"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
)

func init() { quiet.Over() } // the metrics library has been initialized

// seconds are buckets from half a millisecond to half a minute: from an
// undisturbed write to every retry spent.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// Metrics counts what a node does. The same counters feed both forms of
// GET /metrics.
type Metrics struct {
	families []*family
	requests *vec[outcome, *metrics.Counter]
	latency  *vec[string, *metrics.PrometheusHistogram] // by path
	attempts *metrics.PrometheusHistogram
	refusals *vec[string, *metrics.Counter] // by extended result code
	retries  *metrics.Counter
	lockWait *metrics.PrometheusHistogram
	inFlight *metrics.Gauge
	info     *family
	walReset *metrics.Gauge
}

// An outcome is how a request to a path ended.
type outcome struct {
	path   string
	status int // of HTTP
}

// NewMetrics returns metrics that have counted nothing. It exists apart from
// [New] because the store is opened before there is a node, and reports its lock
// waits to [Metrics.LockWait].
func NewMetrics() *Metrics {
	m := new(Metrics)
	requests := m.family("contend_requests_total", "counter", "Answered requests by path and HTTP status.")
	m.requests = newVec(func(o outcome) *metrics.Counter {
		return requests.set.NewCounter(requests.series("path", o.path, "status", strconv.Itoa(o.status)))
	})
	latency := m.family("contend_request_duration_seconds", "histogram", "From a request's arrival to its answer.")
	m.latency = newVec(func(path string) *metrics.PrometheusHistogram {
		return latency.set.NewPrometheusHistogramExt(latency.series("path", path), seconds)
	})
	attempts := m.family("contend_attempts", "histogram", "Attempts made for one request, the first included.")
	m.attempts = attempts.set.NewPrometheusHistogramExt(attempts.name, []float64{1, 2, 3, 4, 6, 11, 101})
	refusals := m.family("contend_refusals_total", "counter", "Attempts refused a lock or a snapshot, by SQLite's extended result code, or the SQLSTATE.")
	m.refusals = newVec(func(extended string) *metrics.Counter {
		return refusals.set.NewCounter(refusals.series("extended", extended))
	})
	retries := m.family("contend_retries_total", "counter", "Attempts made after a refused one.")
	m.retries = retries.set.NewCounter(retries.name)
	lockWait := m.family("contend_lock_wait_seconds", "histogram",
		"Time of the statement that takes the write lock, its own work included, granted or refused.")
	m.lockWait = lockWait.set.NewPrometheusHistogramExt(lockWait.name, seconds)
	inFlight := m.family("contend_in_flight_requests", "gauge", "Requests being worked on.")
	m.inFlight = inFlight.set.NewGauge(inFlight.name, nil)
	m.info = m.family("contend_build_info", "gauge", "Always 1; the labels say what runs, and how.")
	walReset := m.family("contend_wal_reset_bug", "gauge",
		"1 where the database is in WAL mode and SQLite is older than the fix of https://sqlite.org/wal.html#walresetbug.")
	m.walReset = walReset.set.NewGauge(walReset.name, nil)
	return m
}

// family adds a family to GET /metrics. The help text is one line.
func (m *Metrics) family(name, kind, help string) *family {
	f := &family{name: name, kind: kind, help: help, set: metrics.NewSet()}
	m.families = append(m.families, f)
	return f
}

// LockWait counts how long an attempt took to get the write lock, or to be refused it.
func (m *Metrics) LockWait(d time.Duration) { m.lockWait.Update(d.Seconds()) }

// describe sets what does not change while o is open.
func (m *Metrics) describe(cfg Config, o *opened) {
	m.info.set.UnregisterAllMetrics()
	m.info.set.GetOrCreateGauge(m.info.series(
		"container", cfg.Name, "go", runtime.Version(), "sqlite", cfg.SQLite,
		"driver", o.discipline.Driver, "journal", string(o.discipline.Journal),
		"synchronous", string(o.discipline.Synchronous), "transaction", string(o.discipline.Transaction),
	), func() float64 { return 1 })
	m.walReset.Set(0)
	if o.walResetBug {
		m.walReset.Set(1)
	}
}

func (m *Metrics) answered(path string, status, attempts int, took time.Duration) {
	m.requests.of(outcome{path, status}).Inc()
	m.latency.of(path).Update(took.Seconds())
	if attempts > 0 {
		m.attempts.Update(float64(attempts))
	}
}

// refused counts an attempt that was refused with this extended result code.
func (m *Metrics) refused(extended string) { m.refusals.of(extended).Inc() }

// MetricsResponse is the JSON form of GET /metrics: the source's, and what it
// takes to understand a node in trouble.
type MetricsResponse struct {
	Container  string           `json:"container"`
	Database   DatabaseFigures  `json:"database"`
	Uptime     float64          `json:"uptime"`   // seconds
	Requests   int64            `json:"requests"` // answered, whatever the status
	Refusals   map[string]int64 `json:"refusals"` // attempts by extended result code
	Retries    int64            `json:"retries"`
	Discipline store.Discipline `json:"discipline"`
	SQLite     string           `json:"sqlite"` // version

	// WALResetBug is true where the database is in WAL mode and SQLite is older
	// than the fix of https://sqlite.org/wal.html#walresetbug.
	WALResetBug bool `json:"wal_reset_bug"`
}

// DatabaseFigures are the source's.
type DatabaseFigures struct {
	TotalRecords  int64 `json:"total_records"`
	TotalCounters int64 `json:"total_counters"`
}

func (n *Node) metricsPage(x *exchange) (any, error) {
	var r struct {
		Format string `json:"format" want:"0..256,optional"`
	}
	if err := decodeQuery(x.query, &r); err != nil {
		return nil, err
	}
	switch {
	case r.Format == "prometheus", r.Format == "" && wantsPrometheus(x.r.Header.Get("Accept")):
		var page bytes.Buffer
		for _, f := range n.metrics.families {
			f.write(&page)
		}
		x.w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = page.WriteTo(x.w) // a client that has gone is the client's business
		return nil, nil
	case r.Format != "json" && r.Format != "":
		return nil, &invalid{"format", "must be json or prometheus"}
	case x.on == nil:
		return nil, n.absence()
	}
	ctx, cancel := context.WithTimeout(x.ctx, probeWait)
	defer cancel()
	stats, err := x.on.db.Stats(ctx)
	m := MetricsResponse{
		Container: n.cfg.Name, Uptime: time.Since(n.started).Seconds(),
		Database:   DatabaseFigures{TotalRecords: stats.Records, TotalCounters: stats.Counters},
		Discipline: x.on.discipline, SQLite: n.cfg.SQLite, WALResetBug: x.on.walResetBug,
	}
	m.Requests, m.Retries, m.Refusals = n.metrics.tally()
	return m, err
}

// wantsPrometheus reports whether an Accept header is one that a Prometheus
// server sends: it names the version of a text format. Whichever it names first,
// it reads the one that is sent.
func wantsPrometheus(accept string) bool {
	return strings.Contains(accept, "application/openmetrics-text") ||
		strings.Contains(accept, "text/plain") && strings.Contains(accept, "version=")
}

// health asks the database a real question. A refused lock is an answer: the
// node reached the file and has to wait its turn, as every healthy node of
// a busy cluster is. To call that ill health would have the node taken out of
// service for the contention that it is there to show. A read works on a full disk too, so
// there it is what writes have ended in that counts, until there is space again.
func (n *Node) health(x *exchange) (any, error) {
	h := nodeapi.HealthResponse{
		Status: "healthy", Container: n.cfg.Name, SQLite: n.cfg.SQLite, Engine: n.cfg.Engine, Lab: n.cfg.Lab,
	}
	h.DBPath, _ = n.lastPath()
	err := errors.New(nodeapi.ClosedByLab)
	if x.on != nil {
		ctx, cancel := context.WithTimeout(x.ctx, probeWait)
		defer cancel()
		if err = x.on.db.Check(ctx); err == nil {
			err = x.on.fullDisk()
		}
	}
	if err != nil {
		h.Error = err.Error()
		if e, ok := errors.AsType[*store.Error](err); !ok || !e.Refused {
			h.Status, x.status = "unhealthy", http.StatusServiceUnavailable
		}
	}
	return h, nil
}

// codeFull is how SQLite calls a disk without space (https://sqlite.org/rescode.html#full).
const codeFull = "SQLITE_FULL"

// spaceAgain is how many bytes must be free for writes to count as possible again after some have
// failed: more than a request can write.
const spaceAgain = 1 << 20

// fullDisk returns an error while the database's disk is full and writes have failed for it.
func (o *opened) fullDisk() error {
	if !o.full.Load() {
		return nil
	}
	if free, known := proc.Space(filepath.Dir(o.path)); known && free < spaceAgain {
		return fmt.Errorf("%s: writes fail: the disk has %s bytes free", codeFull, units.Count(int64(free)))
	}
	o.full.Store(false)
	return nil
}

// tally sums up the counters: requests answered, retries, and refusals by
// extended result code.
func (m *Metrics) tally() (requests, retries int64, refusals map[string]int64) {
	m.requests.each(func(_ outcome, c *metrics.Counter) { requests += int64(c.Get()) })
	refusals = make(map[string]int64)
	m.refusals.each(func(extended string, c *metrics.Counter) { refusals[extended] = int64(c.Get()) })
	return requests, int64(m.retries.Get()), refusals
}
