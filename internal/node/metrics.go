package node

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// seconds are buckets from half a millisecond to half a minute: from an
// undisturbed write to every retry spent.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// Metrics counts what a node does. The same counters feed both forms of
// GET /metrics.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec   // by path and HTTP status
	latency  *prometheus.HistogramVec // by path
	attempts prometheus.Histogram
	refusals *prometheus.CounterVec // by extended result code
	retries  prometheus.Counter
	lockWait prometheus.Histogram
	inFlight prometheus.Gauge
	info     *prometheus.GaugeVec
	walReset prometheus.Gauge
}

// NewMetrics returns metrics that have counted nothing. It exists apart from
// [New] because the store is opened before there is a node, and reports its lock
// waits to [Metrics.LockWait].
func NewMetrics() *Metrics {
	registry := prometheus.NewRegistry()
	of := promauto.With(registry)
	return &Metrics{
		registry: registry,
		requests: of.NewCounterVec(prometheus.CounterOpts{Name: "contend_requests_total",
			Help: "Answered requests by path and HTTP status."}, []string{"path", "status"}),
		latency: of.NewHistogramVec(prometheus.HistogramOpts{Name: "contend_request_duration_seconds", Buckets: seconds,
			Help: "From a request's arrival to its answer."}, []string{"path"}),
		attempts: of.NewHistogram(prometheus.HistogramOpts{Name: "contend_attempts", Buckets: []float64{1, 2, 3, 4, 6, 11, 101},
			Help: "Attempts made for one request, the first included."}),
		refusals: of.NewCounterVec(prometheus.CounterOpts{Name: "contend_refusals_total",
			Help: "Attempts refused a lock or a snapshot, by SQLite's extended result code, or the SQLSTATE."}, []string{"extended"}),
		retries: of.NewCounter(prometheus.CounterOpts{Name: "contend_retries_total",
			Help: "Attempts made after a refused one."}),
		lockWait: of.NewHistogram(prometheus.HistogramOpts{Name: "contend_lock_wait_seconds", Buckets: seconds,
			Help: "Time of the statement that takes the write lock, its own work included, granted or refused."}),
		inFlight: of.NewGauge(prometheus.GaugeOpts{Name: "contend_in_flight_requests",
			Help: "Requests being worked on."}),
		info: of.NewGaugeVec(prometheus.GaugeOpts{Name: "contend_build_info",
			Help: "Always 1; the labels say what runs, and how."}, []string{"container", "go", "sqlite", "driver", "journal", "synchronous", "transaction"}),
		walReset: of.NewGauge(prometheus.GaugeOpts{Name: "contend_wal_reset_bug",
			Help: "1 where the database is in WAL mode and SQLite is older than the fix of https://sqlite.org/wal.html#walresetbug."}),
	}
}

// LockWait counts how long an attempt took to get the write lock, or to be refused it.
func (m *Metrics) LockWait(d time.Duration) { m.lockWait.Observe(d.Seconds()) }

// describe sets what does not change while o is open.
func (m *Metrics) describe(cfg Config, o *opened) {
	m.info.Reset()
	d := o.discipline
	m.info.WithLabelValues(strings.ToValidUTF8(cfg.Name, "\uFFFD"), runtime.Version(), cfg.SQLite,
		d.Driver, string(d.Journal), string(d.Synchronous), string(d.Transaction)).Set(1)
	m.walReset.Set(0)
	if o.walResetBug {
		m.walReset.Set(1)
	}
}

// statuses are the numbers of HTTP as text: every request needs one.
var statuses = func() (text [600]string) {
	for n := range text {
		text[n] = strconv.Itoa(n)
	}
	return text
}()

func (m *Metrics) answered(path string, status, attempts int, took time.Duration) {
	m.requests.WithLabelValues(path, statuses[status]).Inc()
	m.latency.WithLabelValues(path).Observe(took.Seconds())
	if attempts > 0 {
		m.attempts.Observe(float64(attempts))
	}
}

// refused counts an attempt that was refused with this extended result code.
func (m *Metrics) refused(extended string) { m.refusals.WithLabelValues(extended).Inc() }

// MetricsResponse is the JSON form of GET /metrics: the seed's, and what it
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

// DatabaseFigures are the seed's.
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
		promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(x.w, x.r)
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
// service for the contention that it is there to show.
func (n *Node) health(x *exchange) (any, error) {
	h := nodeapi.HealthResponse{
		Status: "healthy", Container: n.cfg.Name, SQLite: n.cfg.SQLite, Engine: n.cfg.Engine, Lab: n.cfg.Lab,
	}
	h.DBPath, _ = n.lastPath()
	err := errors.New(nodeapi.ClosedByLab)
	if x.on != nil {
		ctx, cancel := context.WithTimeout(x.ctx, probeWait)
		defer cancel()
		err = x.on.db.Check(ctx)
	}
	if err != nil {
		h.Error = err.Error()
		if e, ok := errors.AsType[*store.Error](err); !ok || !e.Refused {
			h.Status, x.status = "unhealthy", http.StatusServiceUnavailable
		}
	}
	return h, nil
}

// tally sums up the counters: requests answered, retries, and refusals by
// extended result code.
func (m *Metrics) tally() (requests, retries int64, refusals map[string]int64) {
	refusals = map[string]int64{}
	families, _ := m.registry.Gather() // an error is one of two families with the same name
	for _, family := range families {
		for _, series := range family.GetMetric() {
			n := int64(series.GetCounter().GetValue())
			switch family.GetName() {
			case "contend_requests_total":
				requests += n
			case "contend_retries_total":
				retries = n
			case "contend_refusals_total":
				refusals[series.GetLabel()[0].GetValue()] = n
			}
		}
	}
	return requests, retries, refusals
}
