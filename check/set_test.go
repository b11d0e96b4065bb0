package check_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
)

func ExampleSet() {
	const recorded = `{"op":"write","key":"a","node":"app-1","value":1,"outcome":"ok"}
{"op":"write","key":"b","node":"app-2","value":2,"outcome":"ok"}
{"op":"write","key":"c","node":"app-1","outcome":"unknown","code":"CLIENT_TIMEOUT"}
{"process":-1,"op":"final-row","key":"a","value":1,"outcome":"ok"}
{"process":-1,"op":"final-row","key":"c","value":2,"outcome":"ok"}
{"process":-1,"op":"final-read","key":"data","value":2,"outcome":"ok"}
`
	judged := check.Set(history.NewReader(strings.NewReader(recorded), "history.jsonl").Ops())
	fmt.Println(judged.Verdict)
	fmt.Println(judged.Reason)
	fmt.Println("committed, and nobody was told:", judged.Recovered)
	// Output:
	// refuted
	// lost 1 of 2 acknowledged writes: they are not among the rows found at the end (2)
	// committed, and nobody was told: 1
}

// rowOps reads a history written short: "+x" is an acknowledged write tagged x,
// "?x" an unknown and "-x" a failed one, "x" a row found, "!3" the closing read,
// "#app-1" a crash and "~3" a count after it. Each returns before the next.
func rowOps(short string) []history.Op {
	var ops []history.Op
	for i, word := range strings.Fields(short) {
		op := history.Op{Index: i, Func: history.Write, Key: word[1:], Outcome: history.OK,
			Intended: time.Duration(2 * i), Invoked: time.Duration(2 * i), Returned: time.Duration(2*i + 1)}
		switch word[0] {
		case '+':
		case '?':
			op.Outcome = history.Unknown
		case '-':
			op.Outcome, op.Code, op.Status = history.Failed, "SQLITE_BUSY", 503
		case '#':
			op.Func = history.Crash
		case '!', '~':
			op.Func, op.Key = history.FinalRead, "data"
			if word[0] == '~' {
				op.Func = history.Recovered
			}
			var n int64
			if _, err := fmt.Sscan(word[1:], &n); err == nil {
				op.Value = history.Some(n)
			}
		default:
			op.Func, op.Key, op.Value = history.FinalRow, word, history.Some(int64(i))
		}
		ops = append(ops, op)
	}
	return ops
}

func TestSet(t *testing.T) {
	for _, c := range []struct {
		name, ops string
		verdict   check.Verdict
		lost      check.Range
		reason    string
	}{
		{"all there", "+a +b a b !2", check.Holds, check.Exactly(0), "the rows of all 2 acknowledged writes are there, once each"},
		{"an unknown one too", "+a ?b ?c a b !2", check.Holds, check.Exactly(0),
			"the rows of all 1 acknowledged writes are there, once each; so are 1 of 2 that ended unknown"},
		{"an unknown one not", "+a ?b a !1", check.Holds, check.Exactly(0), ""},
		{"a failed one not", "+a -b a !1", check.Holds, check.Exactly(0), ""},
		{"one lost", "+a +b a !1", check.Refuted, check.Exactly(1),
			"lost 1 of 2 acknowledged writes: they are not among the rows found at the end (1)"},
		{"no row at all", "+a +b !0", check.Refuted, check.Exactly(2), ""},
		{"not read", "+a +b", check.Inconclusive, check.Range{Min: 0, Max: 2},
			"no final read counted the rows: 0 were recorded, and there may be more"},
		{"read in part", "+a +b a", check.Inconclusive, check.Range{Min: 0, Max: 1}, ""},
		{"a failed one is there", "+a -b a b !2", check.Refuted, check.Exactly(0), "rows were found of writes that had failed: 1"},
		{"a failed one is there, read in part", "+a -b b", check.Refuted, check.Range{Min: 0, Max: 1}, ""},
		{"one twice", "+a a a !2", check.Refuted, check.Exactly(0), "rows were found more often than they were written: 1"},
		{"an unknown one twice", "+a ?b b a b !3", check.Refuted, check.Exactly(0), ""},
		{"a row from nowhere", "+a a x !2", check.Refuted, check.Exactly(0), "rows were found that nobody wrote: 1"},
		{"everything at once", "+a +b -c b b c x !4", check.Refuted, check.Exactly(1),
			"lost 1 of 2 acknowledged writes: they are not among the rows found at the end (4), and rows were found of writes that had failed: 1, " +
				"and rows were found more often than they were written: 1, and rows were found that nobody wrote: 1"},
		{"the count says more", "+a +b a !2", check.Inconclusive, check.Range{Min: 0, Max: 1},
			"the history cannot be judged: the final read counted 2 rows, and 1 were recorded"},
		{"the count says less", "+a a a !1", check.Inconclusive, check.Exactly(0), ""},
		{"two readings", "+a a !1 a !1", check.Inconclusive, check.Exactly(0),
			"the history cannot be judged: rows were recorded after the final read"},
		{"counted twice", "+a a !1 !1", check.Holds, check.Exactly(0), ""},
		{"the count has no number", "+a a !", check.Inconclusive, check.Exactly(0), ""},
		{"written after the reading", "+a a !1 +b", check.Inconclusive, check.Range{Min: 0, Max: 1},
			"the final rows were read before the last acknowledged write had returned"},
		{"written among the rows", "+a a +b !1", check.Inconclusive, check.Range{Min: 0, Max: 1}, ""},
		{"nothing acknowledged", "?a -b a !1", check.Inconclusive, check.Exactly(0),
			"no write was acknowledged, so none could be lost (1 failed, 1 unknown)"},
		{"nothing", "", check.Inconclusive, check.Exactly(0), ""},
		{"two writes of one tag, both there", "+a +a a a !2", check.Holds, check.Exactly(0), ""},
		{"two writes of one tag, one there", "+a +a a !1", check.Refuted, check.Exactly(1), ""},
		{"two writes of one tag, one unknown", "+a ?a a !1", check.Inconclusive, check.Range{Min: 0, Max: 1},
			"lost 0–1 of 1 acknowledged writes: several share a tag, and the rows do not tell whose they are"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check.Set(slices.Values(rowOps(c.ops)))
			if got.Verdict != c.verdict || got.Lost != c.lost || c.reason != "" && got.Reason != c.reason {
				t.Errorf("%v, lost %v: %s\nwant %v, %v: %s", got.Verdict, got.Lost, got.Reason, c.verdict, c.lost, c.reason)
			}
			if (got.Verdict == check.Refuted) != (len(got.Witnesses) > 0) {
				t.Errorf("%v with %d witnesses", got.Verdict, len(got.Witnesses))
			}
		})
	}
}

func TestSetSpoiltByTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(ops []history.Op) // of "+a +b a !1", which is refuted
		want   check.Verdict
	}{
		{"as it is", func([]history.Op) {}, check.Refuted},
		{"a row was read too early", func(ops []history.Op) { ops[1].Returned = ops[2].Invoked + 1 }, check.Inconclusive},
		{"the count was read too early", func(ops []history.Op) { ops[1].Returned = ops[3].Invoked + 1 }, check.Inconclusive},
		{"the count is unknown", func(ops []history.Op) { ops[3].Outcome = history.Unknown }, check.Inconclusive},
		{"the row is of something else", func(ops []history.Op) { ops[3].Key = "hits" }, check.Inconclusive},
	} {
		ops := rowOps("+a +b a !1")
		c.change(ops)
		if got := check.Set(slices.Values(ops)); got.Verdict != c.want {
			t.Errorf("%s: %v, want %v: %s", c.name, got.Verdict, c.want, got.Reason)
		}
	}
}

// A seen witness is its anomaly and the indices of its ops.
type seen struct {
	anomaly string
	ops     []int
}

// seenIn returns what witnesses show, and complains where their ops differ from
// those recorded.
func seenIn(t *testing.T, witnesses []check.Witness, recorded []history.Op) []seen {
	t.Helper()
	var all []seen
	for _, w := range witnesses {
		s := seen{anomaly: w.Anomaly}
		for _, op := range w.Ops {
			s.ops = append(s.ops, op.Index)
			if op != recorded[op.Index] {
				t.Errorf("witness %+v differs from the op %+v", op, recorded[op.Index])
			}
		}
		all = append(all, s)
	}
	return all
}

func TestSetWitnesses(t *testing.T) {
	recorded := rowOps("+a +b -c +d +e +f b b c x a c !6")
	want := []seen{
		{"lost write", []int{3, 12}}, {"lost write", []int{4, 12}}, {"lost write", []int{5, 12}},
		{"duplicated row", []int{1, 7}}, {"resurrected write", []int{2, 8}}, {"unexpected row", []int{9}},
		{"duplicated row", []int{2, 11}},
	}
	got := seenIn(t, check.Set(slices.Values(recorded)).Witnesses, recorded)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A write and its row must not need the memory of two ops.
func TestSetMemory(t *testing.T) {
	const n = 100_000
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf("%d-%016x", i%4, i)
	}
	stream := func(yield func(history.Op) bool) {
		for _, function := range []string{history.Write, history.FinalRow} {
			for i := range n {
				op := history.Op{Index: i, Func: function, Key: tags[i], Node: "app-1", Value: history.Some(int64(i + 1)), Outcome: history.OK}
				if !yield(op) {
					return
				}
			}
		}
		yield(history.Op{Func: history.FinalRead, Key: "data", Value: history.Some(n), Outcome: history.OK})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := check.Set(stream)
	runtime.ReadMemStats(&after)
	if got.Verdict != check.Holds {
		t.Fatal(got.Reason)
	}
	perOp := (after.TotalAlloc - before.TotalAlloc) / (2 * n)
	if perOp > 200 {
		t.Errorf("allocates %d bytes an op, want at most 200", perOp)
	}
}
