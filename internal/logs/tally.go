package logs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Tally adds lines up. Its memory is bounded, whatever the lines are. The
// zero Tally is ready.
type Tally struct {
	logs       int
	cut        int64
	timedOut   int64
	untimed    int64
	codes      map[string]*CodeCount
	containers map[name]*ContainerCount
	called     map[string]string // what lines of a prefix or source call their container; "" where they disagree
	series     series
}

// A name is what lines are counted under: the container that they name
// themselves, or else their prefix or source.
type name struct {
	text string
	own  bool
}

// A CodeCount is what lines said of one code.
type CodeCount struct {
	Code    string    `json:"code"`
	Refusal bool      `json:"refusal"` // else it is an error
	Lines   int64     `json:"lines"`
	First   time.Time `json:"first,omitzero"` // by time, of the lines that have one
	Last    time.Time `json:"last,omitzero"`
	Example string    `json:"example"` // what the first of them to be read said
}

// A ContainerCount is what the lines of one container said.
type ContainerCount struct {
	Container string           `json:"container"`
	Lines     int64            `json:"lines"`
	Refusals  int64            `json:"refusals"`
	Errors    int64            `json:"errors"`
	Codes     map[string]int64 `json:"codes"`
}

// A Summary is what a Tally comes to; docs/logs.md documents its JSON.
type Summary struct {
	Logs          int              `json:"logs"`
	Lines         int64            `json:"lines"`
	Silent        int64            `json:"silent"` // lines that are neither refusal nor error
	Cut           int64            `json:"cut"`    // lines longer than MaxLine
	Refusals      int64            `json:"refusals"`
	TimedOut      int64            `json:"timed_out"` // refusals after a whole busy_timeout
	Errors        int64            `json:"errors"`
	First         time.Time        `json:"first,omitzero"` // of the refusals, by time
	Last          time.Time        `json:"last,omitzero"`
	Untimed       int64            `json:"untimed"`    // refusals that do not say when
	Codes         []CodeCount      `json:"codes"`      // refusals first, the most frequent first
	Containers    []ContainerCount `json:"containers"` // by name
	BucketSeconds int64            `json:"bucket_s"`
	Buckets       []Bucket         `json:"buckets"` // by time, those without refusals left out
}

// others counts the containers beyond maxNames.
const others = "(others)"

// Add counts a line. Source names the container where the line does not.
func (t *Tally) Add(l Line, source string) {
	if t.codes == nil {
		t.codes, t.containers, t.called = map[string]*CodeCount{}, map[name]*ContainerCount{}, map[string]string{}
	}
	c := t.container(&l, source)
	c.Lines++
	if l.Kind == Silent {
		return
	}
	// A code beyond maxNames counts under its primary code.
	key := l.Code
	if t.codes[key] == nil && len(t.codes) >= maxNames && key != Other {
		key = "SQLITE_" + primaryOf(key)
	}
	if t.codes[key] == nil {
		t.codes[key] = &CodeCount{Code: key, Refusal: l.Kind == Refusal, Example: l.Text}
	}
	code := t.codes[key]
	code.Lines++
	code.First, code.Last = span(code.First, code.Last, l.Time, l.Time)
	c.Codes[code.Code]++
	if l.Kind == Error {
		c.Errors++
		return
	}
	c.Refusals++
	if l.TimedOut {
		t.timedOut++
	}
	if l.Time.IsZero() {
		t.untimed++
	} else {
		t.series.add(l.Time)
	}
}

// container returns the count of what a line goes under: the container that it
// names, or else its prefix or source. It also notes how lines of that prefix or
// source call their container: the last words of a program that dies name none.
func (t *Tally) container(l *Line, source string) *ContainerCount {
	n := name{cmp.Or(l.Prefix, source), false}
	if l.Container != "" {
		switch called, known := t.called[n.text]; {
		case known && called != l.Container:
			t.called[n.text] = ""
		case !known && len(t.called) < maxNames:
			t.called[n.text] = l.Container
		}
		n = name{l.Container, true}
	}
	if t.containers[n] == nil && len(t.containers) >= maxNames {
		n = name{others, true}
	}
	if t.containers[n] == nil {
		t.containers[n] = &ContainerCount{Container: n.text, Codes: map[string]int64{}}
	}
	return t.containers[n]
}

// span returns the earlier of two first times and the later of two last ones.
// A zero time is none.
func span(first, last, otherFirst, otherLast time.Time) (time.Time, time.Time) {
	if first.IsZero() || !otherFirst.IsZero() && otherFirst.Before(first) {
		first = otherFirst
	}
	if otherLast.After(last) {
		last = otherLast
	}
	return first, last
}

// Summary returns what has been added up so far. It holds nothing of t.
func (t *Tally) Summary() Summary {
	s := Summary{
		Logs: t.logs, Cut: t.cut, TimedOut: t.timedOut, Untimed: t.untimed,
		Codes: []CodeCount{}, Containers: t.merged(), BucketSeconds: max(t.series.width, widths[0]), Buckets: []Bucket{},
	}
	for _, i := range slices.Sorted(maps.Keys(t.series.counts)) {
		s.Buckets = append(s.Buckets, Bucket{time.Unix(i*t.series.width, 0).UTC(), t.series.counts[i]})
	}
	for _, c := range t.codes {
		s.Codes = append(s.Codes, *c)
		if c.Refusal {
			s.First, s.Last = span(s.First, s.Last, c.First, c.Last)
		}
	}
	slices.SortFunc(s.Codes, func(a, b CodeCount) int {
		rank := map[bool]int{true: 0, false: 1} // refusals first
		return cmp.Or(rank[a.Refusal]-rank[b.Refusal], cmp.Compare(b.Lines, a.Lines), strings.Compare(a.Code, b.Code))
	})
	for _, c := range s.Containers {
		s.Lines += c.Lines
		s.Refusals += c.Refusals
		s.Errors += c.Errors
	}
	s.Silent = s.Lines - s.Refusals - s.Errors
	return s
}

// merged returns the containers by name, where lines that were only counted
// under a prefix or source go to the container that others of it name.
func (t *Tally) merged() []ContainerCount {
	all := map[string]*ContainerCount{}
	for n, c := range t.containers {
		container := n.text
		if !n.own {
			container = cmp.Or(t.called[n.text], n.text)
		}
		if all[container] == nil {
			all[container] = &ContainerCount{Container: container, Codes: map[string]int64{}}
		}
		sum := all[container]
		sum.Lines += c.Lines
		sum.Refusals += c.Refusals
		sum.Errors += c.Errors
		for code, n := range c.Codes {
			sum.Codes[code] += n
		}
	}
	list := make([]ContainerCount, 0, len(all))
	for _, container := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[container])
	}
	return list
}

// A Bucket is what happened in a stretch of time.
type Bucket struct {
	Time     time.Time `json:"time"` // when it begins, in UTC
	Refusals int64     `json:"refusals"`
}

// maxBuckets bounds a series: a day of seconds, and some.
const maxBuckets = 100_000

// widths of buckets in seconds, each a multiple of the one before it, so that
// buckets can be put together.
var widths = []int64{
	1, 2, 10, 30, 60, 2 * 60, 10 * 60, 30 * 60, hour, 2 * hour, 6 * hour, 12 * hour, day, 2 * day, 10 * day, 100 * day,
}

const (
	hour = 60 * 60
	day  = 24 * hour
)

// wider returns the width that comes after width.
func wider(width int64) int64 {
	if i := slices.Index(widths, width); i >= 0 && i+1 < len(widths) {
		return widths[i+1]
	}
	return 10 * width
}

// A series counts refusals over time. Its buckets are a second wide until
// there are too many of them.
type series struct {
	width  int64           // in seconds; 0 before the first
	counts map[int64]int64 // by time in seconds since 1970, divided by width
}

func (s *series) add(at time.Time) {
	if s.counts == nil {
		s.width, s.counts = widths[0], map[int64]int64{}
	}
	s.counts[at.Unix()/s.width]++
	for len(s.counts) > maxBuckets {
		next := wider(s.width)
		s.counts = widen(s.counts, next/s.width)
		s.width = next
	}
}

// widen puts factor buckets together to one.
func widen(counts map[int64]int64, factor int64) map[int64]int64 {
	wide := make(map[int64]int64)
	for i, n := range counts {
		wide[i/factor] += n
	}
	return wide
}

// Histogram returns the refusals over time in at most rows stretches of equal
// length, empty ones among them, and that length in seconds.
func (s *Summary) Histogram(rows int) (all []Bucket, width int64) {
	if len(s.Buckets) == 0 {
		return nil, s.BucketSeconds
	}
	first, last := s.Buckets[0].Time.Unix(), s.Buckets[len(s.Buckets)-1].Time.Unix()
	width = s.BucketSeconds
	for last/width-first/width >= int64(rows) {
		width = wider(width)
	}
	for i := first / width; i <= last/width; i++ {
		all = append(all, Bucket{Time: time.Unix(i*width, 0).UTC()})
	}
	for _, b := range s.Buckets {
		all[b.Time.Unix()/width-first/width].Refusals += b.Refusals
	}
	return all, width
}
