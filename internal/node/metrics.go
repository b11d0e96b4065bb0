package node

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// seconds are buckets from half a millisecond to half a minute: from an
// undisturbed write to every retry spent.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30}

// Metrics counts what a node does. The one registry feeds both forms of
// GET /metrics.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	attempts prometheus.Histogram
	refusals *prometheus.CounterVec
	retries  prometheus.Counter
	lockWait prometheus.Histogram
	inFlight prometheus.Gauge
	info     *prometheus.GaugeVec
	walReset prometheus.Gauge
}

// NewMetrics returns metrics that have counted nothing. It exists apart from
// [New] because the store is opened before there is a node, and tells its lock
// waits to [Metrics.LockWait].
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contend_requests_total", Help: "Answered requests by path and HTTP status.",
		}, []string{"path", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "contend_request_duration_seconds", Help: "From a request's arrival to its answer.", Buckets: seconds,
		}, []string{"path"}),
		attempts: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "contend_attempts", Help: "Attempts made for one request, the first included.",
			Buckets: []float64{1, 2, 3, 4, 6, 11, 101},
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contend_refusals_total", Help: "Attempts refused a lock or a snapshot, by SQLite's extended result code.",
		}, []string{"extended"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "contend_retries_total", Help: "Attempts made after a refused one.",
		}),
		lockWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "contend_lock_wait_seconds",
			Help: "Time of the statement that takes the write lock, its own work included, granted or refused.", Buckets: seconds,
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contend_in_flight_requests", Help: "Requests being worked on.",
		}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "contend_build_info", Help: "Always 1; the labels say what runs, and how.",
		}, []string{"container", "go", "sqlite", "driver", "journal", "synchronous", "transaction"}),
		walReset: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contend_wal_reset_bug",
			Help: "1 where the database is in WAL mode and SQLite is older than the fix of https://sqlite.org/wal.html#walresetbug.",
		}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.attempts, m.refusals, m.retries, m.lockWait, m.inFlight, m.info, m.walReset)
	return m
}

// LockWait takes down how long an attempt took to get the write lock, or to be refused it.
func (m *Metrics) LockWait(d time.Duration) { m.lockWait.Observe(d.Seconds()) }

// describe takes down what does not change while o is open.
func (m *Metrics) describe(cfg Config, o *opened) {
	m.info.Reset()
	m.info.With(prometheus.Labels{
		"container": cfg.Name, "go": runtime.Version(), "sqlite": cfg.Engine,
		"driver": o.discipline.Driver, "journal": string(o.discipline.Journal),
		"synchronous": string(o.discipline.Synchronous), "transaction": string(o.discipline.Transaction),
	}).Set(1)
	m.walReset.Set(0)
	if o.walResetBug {
		m.walReset.Set(1)
	}
}

func (m *Metrics) answered(path string, status, attempts int, took time.Duration) {
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(path).Observe(took.Seconds())
	if attempts > 0 {
		m.attempts.Observe(float64(attempts))
	}
}

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

func (n *Node) metricsPage(x *exchange) answer {
	format := "json"
	if wantsPrometheus(x.r.Header.Get("Accept")) {
		format = "prometheus"
	}
	f := text("format", &format, maxName)
	f.optional = true
	err := decodeQuery(x.query, f)
	if err == nil && format != "json" && format != "prometheus" {
		err = &invalid{"format", "must be json or prometheus"}
	}
	if err != nil {
		return failure(err, 0)
	}
	if format == "prometheus" {
		options := promhttp.HandlerOpts{EnableOpenMetrics: true, DisableCompression: true}
		promhttp.HandlerFor(n.metrics.registry, options).ServeHTTP(x.w, x.r)
		return answer{status: http.StatusOK}
	}
	if x.on == nil {
		return n.absence()
	}
	return n.metricsJSON(x)
}

// wantsPrometheus reports whether an Accept header is one that a Prometheus
// server sends: it names the version of the text format it wants.
func wantsPrometheus(accept string) bool {
	return strings.Contains(accept, "application/openmetrics-text") ||
		strings.Contains(accept, "text/plain") && strings.Contains(accept, "version=")
}

func (n *Node) metricsJSON(x *exchange) answer {
	ctx, cancel := context.WithTimeout(x.ctx, probeWait)
	defer cancel()
	stats, err := x.on.db.Stats(ctx)
	if err != nil {
		return failure(err, 0)
	}
	m := MetricsResponse{
		Container: n.cfg.Name, Uptime: time.Since(n.started).Seconds(),
		Database:   DatabaseFigures{TotalRecords: stats.Records, TotalCounters: stats.Counters},
		Discipline: x.on.discipline, SQLite: n.cfg.Engine, WALResetBug: x.on.walResetBug,
	}
	m.Requests, m.Retries, m.Refusals = n.metrics.tally()
	return ok(0, m)
}

// health asks the database a real question. A refused lock is an answer: the
// node reached the file and was told to wait its turn, as every healthy node of
// a busy cluster is. To call that ill health would have the node taken out of
// service for the contention that it is there to show.
func (n *Node) health(x *exchange) answer {
	h := api.HealthResponse{
		Status: "healthy", Container: n.cfg.Name, SQLite: n.cfg.Engine, Lab: n.cfg.Lab,
	}
	h.DBPath, _ = n.lastPath()
	if x.on == nil {
		h.Status, h.Error = "unhealthy", api.ClosedByLab
		return answer{status: http.StatusServiceUnavailable, body: h}
	}
	ctx, cancel := context.WithTimeout(x.ctx, probeWait)
	defer cancel()
	err := x.on.db.Check(ctx)
	if err == nil {
		return ok(0, h)
	}
	h.Error = err.Error()
	if isRefusal(err) {
		return ok(0, h)
	}
	h.Status = "unhealthy"
	return answer{status: http.StatusServiceUnavailable, body: h}
}

// tally sums up the counters: requests answered, retries, and refusals by
// extended result code.
func (m *Metrics) tally() (requests, retries int64, refusals map[string]int64) {
	refusals = make(map[string]int64)
	families, err := m.registry.Gather()
	if err != nil {
		return 0, 0, refusals // only two collectors at odds could do this
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			count := int64(metric.GetCounter().GetValue())
			switch family.GetName() {
			case "contend_requests_total":
				requests += count
			case "contend_retries_total":
				retries += count
			case "contend_refusals_total":
				refusals[metric.GetLabel()[0].GetValue()] += count
			}
		}
	}
	return requests, retries, refusals
}
