package node

import (
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/nodeapi"
)

// A sample is one line of the text format: a series and its value.
type sample struct {
	name, labels string
	value        float64
}

// The grammar of the text format, as strict as Prometheus' own reader:
// https://prometheus.io/docs/instrumenting/exposition_formats/.
var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_]\w*="(?:[^"\\]|\\["\\n])*"(?:,[a-zA-Z_]\w*="(?:[^"\\]|\\["\\n])*")*\})? (\S+)$`)
	leLabel    = regexp.MustCompile(`,?le="([^"]*)"`)
)

// readText reads a page of the text format, or says what is wrong with it: a
// family has its HELP and TYPE before it and its lines together, no series
// comes twice, and a histogram's buckets grow up to its count.
func readText(page string) (samples []sample, kinds map[string]string, err error) {
	kinds = map[string]string{}
	seen := map[string]bool{}
	family, kind := "", ""
	lines := strings.Split(page, "\n")
	if lines[len(lines)-1] != "" {
		return nil, nil, fmt.Errorf("no line break at the end")
	}
	for i, line := range lines[:len(lines)-1] {
		if help := helpLine.FindStringSubmatch(line); help != nil {
			family, kind = help[1], ""
			if _, twice := kinds[family]; twice {
				return nil, nil, fmt.Errorf("line %d: %s has begun before", i+1, family)
			}
			continue
		}
		if typed := typeLine.FindStringSubmatch(line); typed != nil && typed[1] == family && kind == "" {
			kind = typed[2]
			kinds[family] = kind
			continue
		}
		s, err := readSample(line)
		base := s.name
		if kind == "histogram" {
			base = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(s.name, "")
		}
		if err != nil || kind == "" || base != family || seen[s.name+s.labels] {
			return nil, nil, fmt.Errorf("line %d: %q, in family %q of type %q: %v", i+1, line, family, kind, err)
		}
		seen[s.name+s.labels] = true
		samples = append(samples, s)
	}
	return samples, kinds, checkBuckets(samples)
}

func readSample(line string) (s sample, err error) {
	parts := sampleLine.FindStringSubmatch(line)
	if parts == nil {
		return s, fmt.Errorf("no sample")
	}
	s.name, s.labels = parts[1], parts[2]
	s.value, err = strconv.ParseFloat(parts[3], 64)
	return s, err
}

// checkBuckets holds each histogram's buckets to the order of their bounds, to
// growing counts, and the last to +Inf and the count.
func checkBuckets(samples []sample) error {
	bound, count := -1.0, -1.0
	for _, s := range samples {
		le := leLabel.FindStringSubmatch(s.labels)
		switch {
		case strings.HasSuffix(s.name, "_bucket") && le != nil:
			next, err := strconv.ParseFloat(le[1], 64)
			if err != nil || next <= bound || s.value < count {
				return fmt.Errorf("bucket %s %v after %v with %v", s.labels, s.value, bound, count)
			}
			bound, count = next, s.value
		case strings.HasSuffix(s.name, "_count"):
			if s.value != count || !math.IsInf(bound, 1) {
				return fmt.Errorf("%s%s is %v after a bucket to %v with %v", s.name, s.labels, s.value, bound, count)
			}
			bound, count = -1, -1
		}
	}
	return nil
}

// Names, labels, types and buckets are what dashboards are made of: they stay.
func TestMetricsText(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) {
		n.cfg.Name = "a \"quoted\" \\ name\nof two lines, \xff"
		n.metrics.describe(n.cfg, n.on)
	})
	send(t, "POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
	send(t, "GET", s.url+"/made/up", "")
	got := send(t, "GET", s.url+"/metrics?format=prometheus", "")
	if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", kind)
	}
	samples, kinds, err := readText(got.body)
	if err != nil {
		t.Fatalf("%v in\n%s", err, got.body)
	}
	wantKinds := map[string]string{
		"contend_requests_total": "counter", "contend_request_duration_seconds": "histogram", "contend_attempts": "histogram",
		"contend_retries_total": "counter", "contend_lock_wait_seconds": "histogram", "contend_in_flight_requests": "gauge",
		"contend_build_info": "gauge", "contend_wal_reset_bug": "gauge", // and no refusals yet
	}
	if fmt.Sprint(kinds) != fmt.Sprint(wantKinds) {
		t.Errorf("families %v, want %v", kinds, wantKinds)
	}
	values := map[string]float64{}
	for _, s := range samples {
		values[s.name+s.labels] = s.value
	}
	for series, want := range map[string]float64{
		`contend_requests_total{path="other",status="404"}`:                                           1,
		`contend_request_duration_seconds_bucket{path="/api/increment",le="+Inf"}`:                    1,
		`contend_request_duration_seconds_bucket{path="/api/increment",le="30"}`:                      1,
		`contend_attempts_bucket{le="1"}`:                                                             1,
		`contend_attempts_sum`:                                                                        1,
		`contend_retries_total`:                                                                       0,
		"contend_build_info" + buildLabels(got.body, `a \"quoted\" \\ name\nof two lines, `+"\uFFFD"): 1,
	} {
		if value, ok := values[series]; !ok || value != want {
			t.Errorf("%s is %v (there: %t), want %v", series, value, ok, want)
		}
	}
	if _, ok := values[`contend_lock_wait_seconds_bucket{le="0.0005"}`]; !ok {
		t.Errorf("no bucket of half a millisecond in\n%s", got.body)
	}
}

// buildLabels returns the labels of contend_build_info, if the container's name is this one.
func buildLabels(page, container string) string {
	_, rest, _ := strings.Cut(page, "\ncontend_build_info")
	labels, _, _ := strings.Cut(rest, "} ")
	if !strings.HasPrefix(labels, `{container="`+container+`",go="`) {
		return ": no such container"
	}
	return labels + "}"
}

// The reader would tell: each page is wrong in one way.
func TestTextReaderCatches(t *testing.T) {
	const head = "# HELP a b\n# TYPE a counter\n"
	const histogram = "# HELP a b\n# TYPE a histogram\n"
	for name, page := range map[string]string{
		"no line break":         head + "a 1",
		"no type":               "# HELP a b\na 1\n",
		"no help text":          "# HELP a\n# TYPE a counter\na 1\n",
		"another family":        head + "b 1\n",
		"a series twice":        head + "a 1\na 1\n",
		"a family twice":        head + "a 1\n" + head + "a{b=\"c\"} 1\n",
		"a quote not escaped":   head + "a{b=\"\"\"} 1\n",
		"a stray backslash":     head + "a{b=\"\\d\"} 1\n",
		"no number":             head + "a one\n",
		"buckets that shrink":   histogram + "a_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
		"bounds out of order":   histogram + "a_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
		"no bucket of the rest": histogram + "a_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
	} {
		if _, _, err := readText(page); err == nil {
			t.Errorf("%s: nothing seen in\n%s", name, page)
		}
	}
	if _, _, err := readText(head + "a 1\n"); err != nil {
		t.Errorf("a right page: %v", err)
	}
}

// Both forms read the same counters, whoever counts at the same time.
func TestMetricsCountTogether(t *testing.T) {
	m := NewMetrics()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				m.answered(nodeapi.PathWrite, 200+i%3, 1, time.Millisecond)
				m.refused("SQLITE_BUSY")
				m.retries.Inc()
			}
		})
	}
	all.Wait()
	if requests, retries, refusals := m.tally(); requests != 800 || retries != 800 || refusals["SQLITE_BUSY"] != 800 || len(refusals) != 1 {
		t.Errorf("%d requests, %d retries, refusals %v; want 800 of each", requests, retries, refusals)
	}
}

// Once they are known, series are found without work for the collector.
func TestCountingAllocatesNothing(t *testing.T) {
	m := NewMetrics()
	if n := testing.AllocsPerRun(100, func() { m.answered(nodeapi.PathWrite, 503, 2, time.Millisecond) }); n > 0 {
		t.Errorf("%v allocations for each request", n)
	}
}

// A metrics library that logs while it is initialized would be heard by every
// verb, see package quiet.
func TestStartIsQuiet(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, name := range []string{"example.com/contend/internal/quiet", "github.com/VictoriaMetrics/metrics", "example.com/contend/internal/node"} {
		at := strings.Index(stderr.String(), "init "+name+" @")
		if at < last {
			t.Errorf("%s is initialized at %d, want after %d, of\n%s", name, at, last, &stderr)
		}
		last = at
	}
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "init ") && !strings.HasPrefix(line, "testing: ") {
			t.Errorf("stderr says %s", line)
		}
	}
	if log.Writer() != os.Stderr {
		t.Error("the standard logger is still silent")
	}
}
