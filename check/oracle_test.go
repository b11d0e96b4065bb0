package check_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
)

// Every checker is compared with an oracle: a search through everything that can
// have happened, which shares no code with the checker. The test goes through all
// small histories, and then through larger ones drawn by chance: a few or, with
// CONTEND_LONG_ORACLE=1 in the environment, 150,000 for each checker.

// A model is a checker, the histories that it is tried on, and its oracle.
type model struct {
	name         string
	history      func(c choices, size int) []history.Op
	small, large int // sizes: of all histories, of those drawn by chance
	judge        func(ops []history.Op) (check.Verdict, string)
	oracle       func(ops []history.Op) truth
	// differs compares figures, and says what is wrong; may be nil.
	differs func(ops []history.Op, t truth) string
	// open are the exceptions that the checker's doc comment states: where it leaves
	// open what the oracle decides.
	open []string
}

var models = []model{counterModel, stockModel, setModel, durabilityModel, orderModel, bankModel}

// A truth is what an oracle found out about a history.
type truth struct {
	kept, broken bool // something can have happened in which the claim is true; in which it is not
	lost         check.Range
	unread       bool   // it takes more to pass: an acknowledged op, a value that was not read
	open         string // the exception under which the checker may leave it open
}

// saw adds something that can have happened, in which so much was lost.
func (t *truth) saw(lost int64) {
	if !t.kept && !t.broken {
		t.lost = check.Exactly(lost)
	}
	t.lost.Min, t.lost.Max = min(t.lost.Min, lost), max(t.lost.Max, lost)
	t.kept, t.broken = t.kept || lost == 0, t.broken || lost != 0
}

// possible reports whether anything can have happened at all.
func (t truth) possible() bool { return t.kept || t.broken }

// unjudged is the truth where a checker refuses to judge.
var unjudged = truth{kept: true, broken: true}

func (t truth) verdict() check.Verdict {
	switch {
	case !t.kept:
		return check.Refuted
	case t.broken || t.unread:
		return check.Inconclusive
	}
	return check.Holds
}

// Choices are what a history is made by. Both make one of n, 0 to n-1; to rarely 0 is
// what is usual, and chance mostly chooses it.
type choices struct{ of, rarely func(n int) int }

// value chooses none or one of the numbers from low to high.
func (c choices) value(low, high int64) history.Value {
	if n := int64(c.of(int(high-low)+2)) - 1; n >= 0 {
		return history.Some(low + n)
	}
	return history.Value{}
}

// exhaust calls f once for every way to choose.
func exhaust(f func(c choices)) {
	var path, width []int
	for {
		at := 0
		next := func(n int) int {
			if at == len(path) {
				path, width = append(path, 0), append(width, n)
			}
			at++
			return path[at-1]
		}
		f(choices{next, next})
		for len(path) > 0 && path[len(path)-1]+1 == width[len(path)-1] {
			path, width = path[:len(path)-1], width[:len(path)-1]
		}
		if len(path) == 0 {
			return
		}
		path[len(path)-1]++
	}
}

// timed gives ops one of five kinds of times: none, one after the other, all at the
// bounds of the load, the final reads before the load was over, and the resets after
// it had begun.
func timed(c choices, ops []history.Op) []history.Op {
	kind := c.rarely(5)
	for i := range ops {
		op := &ops[i]
		op.Index = i
		from, to := time.Duration(2*i+1), time.Duration(2*i+2)
		switch {
		case kind == 0:
			from, to = 0, 0
		case kind == 1:
		case op.Func == history.Reset:
			from, to = 1, time.Duration(1+kind/4)
		case op.Process == -1:
			from, to = time.Duration(5-kind/3), 5
		default:
			from, to = 1, 5
		}
		op.Intended, op.Invoked, op.Returned = from, from, to
	}
	return ops
}

// ends are what is known of the first and the last value of one key: the recorder's
// word, where no client's op contradicts it.
type ends struct {
	begin, end history.Value
	doubt      bool // a reset may have come in the midst of the ops
}

// endsOf reads the ends of key; touches says which ops change it.
func endsOf(ops []history.Op, key string, touches func(*history.Op) bool) (e ends) {
	for i := range ops {
		op := &ops[i]
		if op.Key != key || op.Outcome == history.Failed || op.Func != history.Reset && op.Func != history.FinalRead {
			continue
		}
		trusted := op.Outcome == history.OK && op.Value.Valid
		for j := range ops {
			o := &ops[j]
			switch {
			case !touches(o) || o.Outcome == history.Failed:
			case op.Func == history.Reset:
				trusted = trusted && j > i && o.Invoked >= op.Returned
			case o.Outcome == history.OK:
				trusted = trusted && j < i && o.Returned <= op.Invoked
			}
		}
		switch {
		case op.Func == history.Reset && trusted:
			e.begin = op.Value
		case op.Func == history.Reset:
			e.doubt = true
		case op.Outcome == history.OK && op.Value.Valid:
			e.end = history.Value{}
			if trusted {
				e.end = op.Value
			}
		}
	}
	return e
}

// compare holds one history against the oracle, and counts.
func (m *model) compare(t *testing.T, ops []history.Op, counts map[string]int) {
	t.Helper()
	got, reason := m.judge(ops)
	truth := m.oracle(ops)
	want := truth.verdict()
	complaint := ""
	switch {
	case got == want:
		if m.differs != nil && reason != "" {
			complaint = m.differs(ops, truth)
		}
	case got == check.Refuted && truth.kept:
		complaint = "an accusation that need not be true"
	case got == check.Holds:
		complaint = "a pass that need not be true"
	case truth.open == "":
		complaint = "left open"
	}
	if complaint != "" {
		t.Fatalf("%s: %s\n%s\njudged %v: %s\noracle: %v %+v", m.name, complaint, listed(ops), got, reason, want, truth)
	}
	counts[got.String()]++
	if got != want {
		counts[truth.open]++
	}
}

func listed(ops []history.Op) string {
	var text strings.Builder
	w := history.NewWriter(&text)
	for _, op := range ops {
		_ = w.Write(op)
	}
	_ = w.Flush()
	return text.String()
}

// No checker ever accuses wrongly, or passes what need not be true; and where the
// oracle is certain no checker leaves it open, but for what its doc comment states.
func TestCheckersAgreeWithOracles(t *testing.T) {
	drawn := 1_000
	if os.Getenv("CONTEND_LONG_ORACLE") != "" {
		drawn = 150_000
	}
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			counts, all := map[string]int{}, 0
			exhaust(func(c choices) {
				m.compare(t, m.history(c, m.small), counts)
				all++
			})
			rng := rand.New(rand.NewPCG(1, 2))
			rarely := func(n int) int { return rng.IntN(n) * (rng.IntN(4) / 3) }
			for range drawn {
				m.compare(t, m.history(choices{rng.IntN, rarely}, m.large), counts)
			}
			for _, verdict := range append([]string{"holds", "refuted", "inconclusive"}, m.open...) {
				if counts[verdict] == 0 {
					t.Errorf("no history was %s", verdict)
				}
			}
			for what := range counts {
				if verdict := new(check.Verdict); verdict.UnmarshalText([]byte(what)) != nil && !slices.Contains(m.open, what) {
					t.Errorf("left open without a word: %s", what)
				}
			}
			t.Logf("all %d of size %d, %d of size %d drawn: %v", all, m.small, drawn, m.large, counts)
		})
	}
}

// FuzzCheckersAgreeWithOracles lets each byte make one choice.
func FuzzCheckersAgreeWithOracles(f *testing.F) {
	for i := range models {
		f.Add(uint8(i), []byte{1, 2, 3, 4, 3, 2, 1, 0, 2, 4, 1})
	}
	f.Fuzz(func(t *testing.T, which uint8, bytes []byte) {
		m := models[int(which)%len(models)]
		next := func(n int) int {
			if len(bytes) == 0 {
				return 0
			}
			b := bytes[0]
			bytes = bytes[1:]
			return int(b) % n
		}
		m.compare(t, m.history(choices{next, next}, m.large), map[string]int{})
	})
}
