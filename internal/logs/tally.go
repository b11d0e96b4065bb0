package logs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Tally adds lines up. Its memory is bounded, whatever the lines are: by some
// kilobytes for each of maxNames containers, and by maxBuckets. The zero Tally is ready.
type Tally struct {
	logs     int
	lines    int64
	cut      int64
	timedOut int64
	untimed  int64
	zoneless int64
	codes    map[code]*CodeCount
	perhaps  map[code]*CodeCount
	streams  map[string]*stream
	counts   map[name]*ContainerCount
	called   map[string]string // what lines of a prefix or source call their container; "" where they disagree
	dated    series
	undated  series // of times without a year or a date

	line           line // the one that is being read, and room for what is read of it
	scratch, plain []byte
	matches        []match
}

// A name is what lines are counted under: the container that they name
// themselves, or else their prefix or source.
type name struct {
	text string
	own  bool
}

// A CodeCount is what was said of one code.
type CodeCount struct {
	Code     string    `json:"code"`
	Refusal  bool      `json:"refusal"` // else it is an error
	Failures int64     `json:"failures"`
	First    time.Time `json:"first,omitzero"` // by time, of those that have one with a date
	Last     time.Time `json:"last,omitzero"`
	Example  string    `json:"example"` // what the first of them to be read said
}

// A ContainerCount is what the lines of one container said.
type ContainerCount struct {
	Container string           `json:"container"`
	Lines     int64            `json:"lines"`
	Refusals  int64            `json:"refusals"`
	Errors    int64            `json:"errors"`
	Began     time.Time        `json:"began,omitzero"` // time of its first line, where it has one with a date
	Codes     map[string]int64 `json:"codes"`
}

// A Summary is what a Tally comes to; docs/logs.md documents its JSON.
type Summary struct {
	Logs          int              `json:"logs"`
	Lines         int64            `json:"lines"`
	Cut           int64            `json:"cut"` // lines longer than MaxLine
	Refusals      int64            `json:"refusals"`
	TimedOut      int64            `json:"timed_out"` // refusals after a whole busy_timeout
	Errors        int64            `json:"errors"`
	Perhaps       []CodeCount      `json:"perhaps"`        // words that cannot decide; in no other number
	First         time.Time        `json:"first,omitzero"` // of the refusals, by time
	Last          time.Time        `json:"last,omitzero"`
	Untimed       int64            `json:"untimed"`    // refusals that do not say when
	Undated       int64            `json:"undated"`    // those whose time has no year or no date
	Zoneless      int64            `json:"zoneless"`   // those whose time has no zone: read as UTC
	Codes         []CodeCount      `json:"codes"`      // refusals first, the most frequent first
	Containers    []ContainerCount `json:"containers"` // by name
	BucketSeconds int64            `json:"bucket_s"`
	Buckets       []Bucket         `json:"buckets"` // by time, those without refusals left out
	Advice        []Advice         `json:"advice"`
}

// others counts the containers beyond maxNames.
const others = "(others)"

// count adds a line to the stream that it belongs to.
func (t *Tally) count(l *line, said *telling, source string) {
	if t.streams == nil {
		t.codes, t.perhaps, t.counts, t.called = map[code]*CodeCount{}, map[code]*CodeCount{}, map[name]*ContainerCount{}, map[string]string{}
		t.streams = map[string]*stream{}
	}
	t.lines++
	key := l.prefix[:min(len(l.prefix), 2*maxName)]
	s := t.streams[string(key)]
	if len(key) == 0 {
		s = t.streams[source]
	}
	if s == nil {
		s = t.newStream(cmp.Or(string(key), source))
	}
	c := t.container(s, l.own)
	if c.Lines++; c.Lines == 1 && l.at.lacks >= noZone {
		c.Began = l.at.at
	}
	s.read(l, said, func(r *record) { t.record(s, r) })
}

// newStream returns the stream of a key that has none yet.
func (t *Tally) newStream(key string) *stream {
	if len(t.streams) >= maxNames {
		key = others
	}
	if t.streams[key] == nil {
		t.streams[key] = &stream{name: harmless(key, maxName)}
	}
	return t.streams[key]
}

// container returns the count of what a line of a stream goes under: the container that it
// names itself, or else the stream's name. It also notes how lines of a stream
// call their container: the last words of a program that dies name none.
func (t *Tally) container(s *stream, own []byte) *ContainerCount {
	if len(own) == 0 && s.counts != nil {
		return s.counts
	}
	n := name{s.name, false}
	if len(own) > 0 {
		n = name{harmless(string(own[:min(len(own), 2*maxName)]), maxName), true}
		switch called, known := t.called[s.name]; {
		case known && called != n.text:
			t.called[s.name] = ""
		case !known:
			t.called[s.name] = n.text
		}
	}
	if t.counts[n] == nil && len(t.counts) >= maxNames {
		n = name{others, true}
	}
	if t.counts[n] == nil {
		t.counts[n] = &ContainerCount{Container: n.text, Codes: map[string]int64{}}
	}
	if len(own) == 0 {
		s.counts = t.counts[n]
	}
	return t.counts[n]
}

// record counts a record that is over.
func (t *Tally) record(s *stream, r *record) {
	into, c := t.codes, r.code
	if !r.failed {
		into, c = t.perhaps, r.perhaps
	}
	if into[c] == nil {
		into[c] = &CodeCount{Code: c.String(), Refusal: c.refusal(), Example: harmless(r.text, maxText)}
	}
	count := into[c]
	count.Failures++
	if r.stamp.lacks >= noZone {
		count.First, count.Last = span(count.First, count.Last, r.stamp.at, r.stamp.at)
	}
	if !r.failed {
		return
	}
	container := t.container(s, []byte(r.own))
	container.Codes[count.Code]++
	if !c.refusal() {
		container.Errors++
		return
	}
	container.Refusals++
	if r.timedOut {
		t.timedOut++
	}
	switch r.stamp.lacks {
	case noTime:
		t.untimed++
	case noDate, noYear:
		t.undated.add(r.stamp.at)
	case noZone:
		t.zoneless++
		fallthrough
	default:
		t.dated.add(r.stamp.at)
	}
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

// Summary returns what has been added up so far. It holds nothing of t. A record
// that further lines may yet belong to is over with it.
func (t *Tally) Summary() Summary {
	for _, key := range slices.Sorted(maps.Keys(t.streams)) {
		s := t.streams[key]
		s.flush(func(r *record) { t.record(s, r) })
	}
	s := Summary{
		Logs: t.logs, Lines: t.lines, Cut: t.cut, TimedOut: t.timedOut, Untimed: t.untimed, Zoneless: t.zoneless, Undated: t.undated.total(),
		Codes: sorted(t.codes), Perhaps: sorted(t.perhaps), Containers: t.merged(),
		BucketSeconds: max(t.dated.width, t.undated.width, widths[0]), Buckets: []Bucket{},
	}
	for _, all := range []*series{&t.undated, &t.dated} {
		all.widen(s.BucketSeconds)
		for _, i := range slices.Sorted(maps.Keys(all.counts)) {
			begin := max(i*all.width, yearZero) // JSON has no year before it
			s.Buckets = append(s.Buckets, Bucket{time.Unix(begin, 0).UTC(), all.counts[i]})
		}
	}
	for _, c := range s.Codes {
		if c.Refusal {
			s.First, s.Last = span(s.First, s.Last, c.First, c.Last)
		}
	}
	for _, c := range s.Containers {
		s.Refusals += c.Refusals
		s.Errors += c.Errors
	}
	s.Advice = advise(&s)
	return s
}

// sorted returns the counts: refusals first, the most frequent first.
func sorted(counts map[code]*CodeCount) []CodeCount {
	list := []CodeCount{}
	for _, c := range counts {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b CodeCount) int {
		rank := map[bool]int{true: 0, false: 1}
		return cmp.Or(rank[a.Refusal]-rank[b.Refusal], cmp.Compare(b.Failures, a.Failures), strings.Compare(a.Code, b.Code))
	})
	return list
}

// merged returns the containers by name, where lines that were only counted
// under a prefix or source go to the container that others of it name.
func (t *Tally) merged() []ContainerCount {
	all := map[string]*ContainerCount{}
	for n, c := range t.counts {
		container := n.text
		if !n.own {
			container = cmp.Or(t.called[n.text], n.text)
		}
		if all[container] == nil {
			all[container] = &ContainerCount{Container: container, Codes: map[string]int64{}}
		}
		sum := all[container]
		sum.Began, _ = span(sum.Began, time.Time{}, c.Began, time.Time{})
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

// yearZero is when the year 0 begins, in seconds since 1970.
const yearZero = -62_167_219_200

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
	s.counts[floor(at.Unix(), s.width)]++
	for len(s.counts) > maxBuckets {
		s.widen(wider(s.width))
	}
}

// floor divides downward: times without a year come before 1970.
func floor(seconds, width int64) int64 {
	i := seconds / width
	if seconds < 0 && i*width != seconds {
		i--
	}
	return i
}

// widen puts buckets together until they are width seconds wide.
func (s *series) widen(width int64) {
	if s.width == 0 || s.width >= width {
		return
	}
	wide := make(map[int64]int64)
	for i, n := range s.counts {
		wide[floor(i*s.width, width)] += n
	}
	s.width, s.counts = width, wide
}

func (s *series) total() (n int64) {
	for _, count := range s.counts {
		n += count
	}
	return n
}

// DatedBuckets returns the buckets whose times have a date; those without
// one stand before them, in the year 0.
func (s *Summary) DatedBuckets() (dated, undated []Bucket) {
	i := 0
	for i < len(s.Buckets) && s.Buckets[i].Time.Year() < 1 {
		i++
	}
	return s.Buckets[i:], s.Buckets[:i]
}

// Histogram returns buckets in at most rows stretches of equal length, empty
// ones among them, and that length in seconds, of width or more.
func Histogram(buckets []Bucket, width int64, rows int) (all []Bucket, wide int64) {
	if len(buckets) == 0 {
		return nil, width
	}
	first, last := buckets[0].Time.Unix(), buckets[len(buckets)-1].Time.Unix()
	for floor(last, width)-floor(first, width) >= int64(rows) {
		width = wider(width)
	}
	begin := floor(first, width)
	for i := begin; i <= floor(last, width); i++ {
		all = append(all, Bucket{Time: time.Unix(i*width, 0).UTC()})
	}
	for _, b := range buckets {
		all[floor(b.Time.Unix(), width)-begin].Refusals += b.Refusals
	}
	return all, width
}
