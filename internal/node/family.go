package node

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// A family is one metric by name, with all its series. It has a set of its own:
// the library knows no help texts, and TYPE only for the whole process at once.
type family struct {
	name, kind, help string
	set              *metrics.Set
}

// write appends f to w in Prometheus' text format, 0.0.4, see
// https://prometheus.io/docs/instrumenting/exposition_formats/. A family
// without series is left out.
func (f *family) write(w *bytes.Buffer) {
	var series bytes.Buffer
	f.set.WritePrometheus(&series)
	if series.Len() > 0 {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		_, _ = series.WriteTo(w) // a buffer takes everything
	}
}

// series returns the full name of the series with these labels, each a name and
// a value.
func (f *family) series(labels ...string) string {
	pairs := make([]string, 0, len(labels)/2)
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escape(labels[i+1])+`"`)
	}
	return f.name + "{" + strings.Join(pairs, ",") + "}"
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// escape makes any string a label's value, which is UTF-8.
func escape(value string) string {
	return labelEscapes.Replace(strings.ToValidUTF8(value, "\uFFFD"))
}

// A vec finds the series of a family by what they differ in. A series is
// named and registered when it is first needed, and only looked up after:
// every request asks.
type vec[K comparable, S any] struct {
	create func(K) S

	mu    sync.RWMutex
	known map[K]S // guarded by mu
}

func newVec[K comparable, S any](create func(K) S) *vec[K, S] {
	return &vec[K, S]{create: create, known: make(map[K]S)}
}

func (v *vec[K, S]) of(key K) S {
	v.mu.RLock()
	s, ok := v.known[key]
	v.mu.RUnlock()
	if ok {
		return s
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok = v.known[key]; !ok { // another request may have been here first
		s = v.create(key)
		v.known[key] = s
	}
	return s
}

// each calls visit with every series.
func (v *vec[K, S]) each(visit func(K, S)) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for key, s := range v.known {
		visit(key, s)
	}
}
