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

func (l *Line) name(source string) name {
	if l.Container != "" {
		return name{l.Container, true}
	}
	return name{cmp.Or(l.Prefix, source), false}
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

// others is the name under which containers are counted that are too many to
// be told apart.
const others = "(others)"

// Add counts a line. Source names the container where the line does not.
func (t *Tally) Add(l Line, source string) {
	if t.codes == nil {
		t.codes, t.containers, t.called = map[string]*CodeCount{}, map[name]*ContainerCount{}, map[string]string{}
	}
	t.learn(cmp.Or(l.Prefix, source), l.Container)
	c := t.container(l.name(source))
	c.Lines++
	if l.Kind == Silent {
		return
	}
	code := t.code(l)
	code.add(l)
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

// learn notes that a line of the given prefix or source calls its container
// so. A program's dying words have no such name, only the prefix.
func (t *Tally) learn(where, container string) {
	if container == "" {
		return
	}
	known, ok := t.called[where]
	switch {
	case ok && known != container:
		t.called[where] = ""
	case !ok && len(t.called) < maxNames:
		t.called[where] = container
	}
}

func (t *Tally) container(n name) *ContainerCount {
	if t.containers[n] == nil && len(t.containers) >= maxNames {
		n = name{others, true}
	}
	c := t.containers[n]
	if c == nil {
		c = &ContainerCount{Container: n.text, Codes: map[string]int64{}}
		t.containers[n] = c
	}
	return c
}

func (t *Tally) code(l Line) *CodeCount {
	code := l.Code
	if t.codes[code] == nil && len(t.codes) >= maxNames && code != Other {
		code = "SQLITE_" + primaryOf(code)
	}
	c := t.codes[code]
	if c == nil {
		c = &CodeCount{Code: code, Refusal: l.Kind == Refusal, Example: l.Text}
		t.codes[code] = c
	}
	return c
}

func (c *CodeCount) add(l Line) {
	c.Lines++
	c.First, c.Last = span(c.First, c.Last, l.Time, l.Time)
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
		Codes: []CodeCount{}, Containers: t.merged(), BucketSeconds: max(t.series.width, widths[0]), Buckets: t.series.buckets(),
	}
	for _, c := range t.codes {
		s.Codes = append(s.Codes, *c)
		if c.Refusal {
			s.First, s.Last = span(s.First, s.Last, c.First, c.Last)
		}
	}
	slices.SortFunc(s.Codes, compareCodes)
	for _, c := range s.Containers {
		s.Lines += c.Lines
		s.Refusals += c.Refusals
		s.Errors += c.Errors
	}
	s.Silent = s.Lines - s.Refusals - s.Errors
	return s
}

func compareCodes(a, b CodeCount) int {
	switch {
	case a.Refusal && !b.Refusal:
		return -1
	case b.Refusal && !a.Refusal:
		return 1
	}
	return cmp.Or(cmp.Compare(b.Lines, a.Lines), strings.Compare(a.Code, b.Code))
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
		all[container].add(c)
	}
	list := make([]ContainerCount, 0, len(all))
	for _, container := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[container])
	}
	return list
}

func (c *ContainerCount) add(other *ContainerCount) {
	c.Lines += other.Lines
	c.Refusals += other.Refusals
	c.Errors += other.Errors
	for code, n := range other.Codes {
		c.Codes[code] += n
	}
}
