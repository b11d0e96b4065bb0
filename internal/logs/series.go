package logs

import (
	"maps"
	"slices"
	"time"
)

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

// buckets returns those that are not empty, in the order of time.
func (s *series) buckets() []Bucket {
	all := make([]Bucket, 0, len(s.counts))
	for _, i := range slices.Sorted(maps.Keys(s.counts)) {
		all = append(all, Bucket{time.Unix(i*s.width, 0).UTC(), s.counts[i]})
	}
	return all
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
