package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// A node's own lines.
const (
	nodeRefused  = `{"time":"2026-05-04T03:02:01.5Z","level":"WARN","msg":"refused","container":"app-1","path":"/api/increment","attempt":1,"code":"SQLITE_BUSY","extended":"SQLITE_BUSY_SNAPSHOT","op":"set counter","waited_ms":0.045,"timed_out":false,"unsure":false,"error":"database is locked (517) (SQLITE_BUSY_SNAPSHOT)"}`
	nodeTimedOut = `{"time":"2026-05-04T12:02:01+09:00","level":"WARN","msg":"refused","container":"app-1","code":"SQLITE_BUSY","extended":"SQLITE_BUSY","waited_ms":5001,"timed_out":true,"error":"database is locked (5) (SQLITE_BUSY)"}`
	nodeClosed   = `{"time":"2026-05-04T03:02:09Z","level":"INFO","msg":"database closed","container":"app-1","requests":27,"retries":0,"refusals":{"SQLITE_BUSY":25}}`
)

// summary is what lines come to, in a log called app-9.
func summary(t *testing.T, lines ...string) Summary {
	t.Helper()
	var tally Tally
	if err := tally.Read(strings.NewReader(strings.Join(lines, "\n")), "app-9"); err != nil {
		t.Fatal(err)
	}
	return tally.Summary()
}

func TestSummary(t *testing.T) {
	got := summary(t,
		"app-1  | 2026-05-04T03:02:03Z SQLITE_BUSY",
		"app-1  | 2026-05-04T03:02:01Z SQLITE_BUSY", // lines need not come in the order of time
		"app-2  | 2026-05-04T03:02:03.5Z SQLITE_BUSY_SNAPSHOT",
		"app-2  | 2026-05-04T03:02:09Z database disk image is malformed",
		"app-2  | database is locked SQLITE_TIMEOUT",
		"app-2  | listening",
		"an error",
	)
	first, last := at(t, "2026-05-04T03:02:01Z"), at(t, "2026-05-04T03:02:03.5Z")
	broken := at(t, "2026-05-04T03:02:09Z")
	want := Summary{
		Logs: 1, Lines: 7, Refusals: 4, TimedOut: 1, Errors: 2, First: first, Last: last, Untimed: 1,
		Codes: []CodeCount{
			{Code: "SQLITE_BUSY", Refusal: true, Failures: 3, First: first, Last: at(t, "2026-05-04T03:02:03Z"), Example: "SQLITE_BUSY"},
			{Code: "SQLITE_BUSY_SNAPSHOT", Refusal: true, Failures: 1, First: last, Last: last, Example: "SQLITE_BUSY_SNAPSHOT"},
			{Code: Other, Failures: 1, Example: "an error"},
			{Code: "SQLITE_CORRUPT", Failures: 1, First: broken, Last: broken, Example: "database disk image is malformed"},
		},
		Containers: []ContainerCount{
			{Container: "app-1", Lines: 2, Refusals: 2, Began: at(t, "2026-05-04T03:02:03Z"), Codes: map[string]int64{"SQLITE_BUSY": 2}},
			{Container: "app-2", Lines: 4, Refusals: 2, Errors: 1, Began: last, Codes: map[string]int64{"SQLITE_BUSY": 1, "SQLITE_BUSY_SNAPSHOT": 1, "SQLITE_CORRUPT": 1}},
			{Container: "app-9", Lines: 1, Errors: 1, Codes: map[string]int64{Other: 1}},
		},
		BucketSeconds: 1,
		Buckets:       []Bucket{{first, 1}, {at(t, "2026-05-04T03:02:03Z"), 2}},
		Perhaps:       []CodeCount{},
		Advice:        nil, // TestAdvice
	}
	got.Advice = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

// A program that dies prints lines without its name. They belong to the
// container that the other lines of its prefix, or of its file, name.
func TestContainersAreCalledAsTheyCallThemselves(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  map[string]int64 // lines by container
	}{
		{"one prefix", []string{"app-1_1  | panic: x", "app-1_1  | " + nodeRefused}, map[string]int64{"app-1": 2}},
		{"one file", []string{"panic: x", nodeRefused, nodeClosed}, map[string]int64{"app-1": 3}},
		{"a file of several", []string{"panic: x", nodeRefused, `{"container":"app-2"}`}, map[string]int64{"app-1": 1, "app-2": 1, "app-9": 1}},
		{"a prefix that another's name is", []string{"app-1  | x", `app-1  | {"container":"a"}`, "app-2  | " + nodeRefused}, map[string]int64{"a": 2, "app-1": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]int64{}
			for _, c := range summary(t, test.lines...).Containers {
				got[c.Container] = c.Lines
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
		})
	}
}

func TestReadBounds(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, test := range []struct {
		name, in                   string
		lines, cut, refusals, errs int64
	}{
		{"nothing", "", 0, 0, 0, 0},
		{"no end of line", "SQLITE_BUSY", 1, 0, 1, 0},
		{"empty lines", "\n\r\n\n", 3, 0, 0, 0},
		{"as long as can be", long[1:] + "\nSQLITE_BUSY", 2, 0, 1, 0},
		{"longer, and the code is in the rest", long + "SQLITE_BUSY\nSQLITE_BUSY\n", 2, 1, 1, 0},
		{"longer, and the code comes first", "panic " + long + long + long + "\n", 1, 1, 0, 1},
		{"long and without end", "SQLITE_BUSY" + long + long, 1, 1, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var tally Tally
			if err := tally.Read(iotest.HalfReader(strings.NewReader(test.in)), "x"); err != nil {
				t.Fatal(err)
			}
			s := tally.Summary()
			if s.Lines != test.lines || s.Cut != test.cut || s.Refusals != test.refusals || s.Errors != test.errs {
				t.Errorf("%d lines, %d cut, %d refusals, %d errors; want %d, %d, %d, %d",
					s.Lines, s.Cut, s.Refusals, s.Errors, test.lines, test.cut, test.refusals, test.errs)
			}
		})
	}
}

func TestReadErrorKeepsWhatCameBefore(t *testing.T) {
	broken := errors.New("the disk has gone")
	var tally Tally
	err := tally.Read(io.MultiReader(strings.NewReader("SQLITE_BUSY\nSQLITE_BUSY\n"), iotest.ErrReader(broken)), "x")
	if s := tally.Summary(); err != broken || s.Refusals != 2 {
		t.Errorf("%d refusals, error %v; want 2 and the reader's", s.Refusals, err)
	}
}

// Names that somebody makes up do not fill the memory, and every line is still counted.
func TestTallyIsBounded(t *testing.T) {
	var tally Tally
	const lines = 5 * maxNames
	for i := range lines {
		tally.add(fmt.Appendf(nil, `{"container":"c%d","code":"SQLITE_BUSY_SNAPSHOT"}`, i), "x")
		tally.add(fmt.Appendf(nil, "p%d  | SQLITE_IOERR_READ", i), "x")
	}
	s := tally.Summary()
	if len(s.Containers) > maxNames+1 || len(tally.called) > maxNames || len(tally.streams) > maxNames+1 {
		t.Errorf("%d containers and %d streams are told apart", len(s.Containers), len(tally.streams))
	}
	if s.Lines != 2*lines || s.Refusals != lines || s.Errors != lines {
		t.Errorf("%d lines, %d refusals, %d errors; want %d, half of them each", s.Lines, s.Refusals, s.Errors, 2*lines)
	}
}

// Buckets become wider where there are too many, and lose nothing.
func TestSeriesWidens(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s series
	const n = maxBuckets + maxBuckets/10
	want := map[int64]int64{}
	for range n {
		at := rng.Int64N(253_402_300_800) - 62_167_219_200 // from the year 0, up to the year 8029
		s.add(time.Unix(at, 0))
		want[at]++
	}
	if len(s.counts) > maxBuckets || s.width == 1 {
		t.Fatalf("%d buckets of %d s", len(s.counts), s.width)
	}
	once := series{width: 1, counts: want}
	if once.widen(s.width); !maps.Equal(once.counts, s.counts) || s.total() != n {
		t.Error("counted bit by bit is not what it is counted at once")
	}
}

func TestWidthsDivideEachOther(t *testing.T) {
	for width := int64(1); width < 1e12; width = wider(width) {
		if next := wider(width); next <= width || next%width != 0 {
			t.Errorf("%d s and then %d s", width, next)
		}
	}
}

func TestHistogram(t *testing.T) {
	zero := at(t, "2026-05-04T03:00:00Z")
	for _, test := range []struct {
		name  string
		at    []time.Duration
		rows  int
		width int64
		want  []int64
	}{
		{"nothing", nil, 5, 1, nil},
		{"one second", []time.Duration{0, time.Second - 1}, 5, 1, []int64{2}},
		{"a gap", []time.Duration{0, 3 * time.Second}, 5, 1, []int64{1, 0, 0, 1}},
		{"too many rows", []time.Duration{0, 9 * time.Second, 10 * time.Second, 49 * time.Second}, 5, 10, []int64{2, 1, 0, 0, 1}},
		{"a row more than fits", []time.Duration{0, 59 * time.Second, 60 * time.Second}, 6, 30, []int64{1, 1, 1}},
		{"centuries", []time.Duration{0, 280 * 365 * 24 * time.Hour}, 24, 864_000_000, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all series
			for _, d := range test.at {
				all.add(zero.Add(d))
			}
			var buckets []Bucket
			for _, i := range slices.Sorted(maps.Keys(all.counts)) {
				buckets = append(buckets, Bucket{time.Unix(i, 0).UTC(), all.counts[i]})
			}
			rows, width := Histogram(buckets, 1, test.rows)
			var got []int64
			total := int64(0)
			for _, row := range rows {
				got = append(got, row.Refusals)
				total += row.Refusals
			}
			if len(rows) > test.rows || width != test.width || total != int64(len(test.at)) {
				t.Errorf("%d rows of %d s with %d refusals, want at most %d of %d s with %d", len(rows), width, total, test.rows, test.width, len(test.at))
			}
			if diff := cmp.Diff(test.want, got); test.want != nil && diff != "" {
				t.Error("want -, got +\n" + diff)
			}
		})
	}
}

// Whatever a log is: nothing panics, what comes of it is safe to print and to put
// in JSON, the counts agree with each other, and a prefix or the ends of lines change none.
func FuzzTally(f *testing.F) {
	f.Add(nodeRefused + "\n" + nodeClosed + "\nSQLITE_BUSY\nan error\n\n")
	f.Add("app-1  | x\napp-1  | " + nodeTimedOut)
	logs, _ := filepath.Glob("testdata/cases/*.log")
	for _, path := range logs {
		log, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(log))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > MaxLine/2 {
			return // a line's rest would not be looked at
		}
		var tally, behind Tally
		if err := tally.Read(strings.NewReader(text), "x"); err != nil {
			t.Fatal(err)
		}
		s := tally.Summary()
		if _, err := json.Marshal(s); err != nil {
			t.Fatal(err)
		}
		refusals, errs, timed := int64(0), int64(0), s.Untimed
		codes, byContainer := map[string]int64{}, map[string]int64{}
		for _, c := range s.Codes {
			if codes[c.Code] = c.Failures; c.Refusal {
				refusals += c.Failures
			} else {
				errs += c.Failures
			}
		}
		lines := int64(0)
		for _, c := range s.Containers {
			lines += c.Lines
			for code, n := range c.Codes {
				byContainer[code] += n
			}
		}
		for _, b := range s.Buckets {
			timed += b.Refusals
		}
		if s.Refusals != refusals || s.Errors != errs || s.Lines != lines || timed != refusals || !maps.Equal(codes, byContainer) {
			t.Errorf("%q\ncontradicts itself: %+v", text, s)
		}
		texts := []string{}
		for _, c := range slices.Concat(s.Codes, s.Perhaps) {
			texts = append(texts, c.Code, c.Example)
		}
		for _, c := range s.Containers {
			texts = append(texts, c.Container)
		}
		for _, text := range texts {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > maxText {
				t.Errorf("unsafe: %q", text)
			}
		}
		// Behind a prefix: the same, but where lines have a prefix of their own.
		var prefixed strings.Builder
		for raw := range strings.Lines(text) {
			var l line
			var scratch []byte
			raw = strings.TrimRight(raw, "\r\n")
			if l.unwrap([]byte(raw), &scratch); len(l.prefix)+len(l.own) > 0 || strings.Contains(raw, "\x1b") {
				return
			}
			prefixed.WriteString("\x1b[36mapp-1_1  |\x1b[0m " + raw + "\r\n")
		}
		if err := behind.Read(strings.NewReader(prefixed.String()), "x"); err != nil {
			t.Fatal(err)
		}
		if p := behind.Summary(); p.Refusals != s.Refusals || p.Errors != s.Errors || p.Untimed != s.Untimed {
			t.Errorf("%q\n%d refusals and %d errors, behind a prefix %d and %d", text, s.Refusals, s.Errors, p.Refusals, p.Errors)
		}
	})
}
