package check_test

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
)

func ExampleCounter() {
	const recorded = `{"op":"increment","key":"hits","node":"app-1","value":1,"outcome":"ok"}
{"op":"increment","key":"hits","node":"app-2","value":1,"outcome":"ok"}
{"op":"increment","key":"hits","node":"app-1","outcome":"failed","code":"SQLITE_BUSY"}
{"op":"final-read","key":"hits","value":1,"outcome":"ok"}
`
	r := history.NewReader(strings.NewReader(recorded), "history.jsonl")
	judged := check.Counter(r.Ops())
	if err := r.Err(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(judged.Verdict)
	fmt.Println(judged.Reason)
	for _, w := range judged.Counters[0].Witnesses {
		fmt.Printf("%s: op %d on %s, op %d on %s\n", w.Anomaly, w.Ops[0].Index, w.Ops[0].Node, w.Ops[1].Index, w.Ops[1].Node)
	}
	// Output:
	// refuted
	// "hits" lost 1 of 2 acknowledged increments: its final value is 1
	// P4 lost update: op 0 on app-1, op 1 on app-2
}

// ops reads a history written short: "+5" is an acknowledged increment told 5,
// "+" one without a value, "?" an unknown and "-" a failed one, "=5" a reset
// and "!5" a final read. Each returns before the next is sent.
func ops(short string) []history.Op {
	var ops []history.Op
	for i, word := range strings.Fields(short) {
		op := history.Op{Index: i, Func: history.Increment, Key: "k", Outcome: history.OK,
			Intended: time.Duration(2 * i), Invoked: time.Duration(2 * i), Returned: time.Duration(2*i + 1)}
		switch word[0] {
		case '?':
			op.Outcome = history.Unknown
		case '-':
			op.Outcome = history.Failed
		case '=':
			op.Func = history.Reset
		case '!':
			op.Func = history.FinalRead
		}
		var n int64
		if _, err := fmt.Sscan(word[1:], &n); err == nil {
			op.Value = history.Some(n)
		}
		ops = append(ops, op)
	}
	return ops
}

var counterCases = []struct {
	name, ops   string
	verdict     check.Verdict
	lost        check.Range
	unexplained int64
	reason      string
}{
	{"all there", "=0 +1 +2 +3 !3", check.Holds, check.Exactly(0), 0,
		`"k" has all of its 3 acknowledged increments: its final value is 3`},
	{"all there, from 10 on", "=10 +11 +12 !12", check.Holds, check.Exactly(0), 0,
		`"k" has all of its 2 acknowledged increments: it began at 10 and its final value is 12`},
	{"the last of two resets counts", "=10 =0 +1 !1", check.Holds, check.Exactly(0), 0, ""},
	{"the last of two final reads counts", "=0 !0 +1 !1", check.Holds, check.Exactly(0), 0, ""},
	{"all there, and the unknown one too", "=0 +1 ? !2", check.Holds, check.Exactly(0), 0, ""},
	{"an unknown one that the values rule out", "=0 +1 +2 ? !2", check.Inconclusive, check.Range{Min: 0, Max: 1}, 0,
		`"k" lost 0–1 of 2 acknowledged increments: its final value 2 does not tell which unknown ones (1) took effect`},
	{"no values", "=0 + + !2", check.Holds, check.Exactly(0), 0, ""},
	{"no values, one lost", "=0 + + !1", check.Refuted, check.Exactly(1), 0,
		`"k" lost 1 of 2 acknowledged increments: its final value is 1`},
	{"one value twice", "=0 +1 +1 +2 !2", check.Refuted, check.Exactly(1), 0, ""},
	{"one value twice, final value never read", "=0 +1 +1 +2", check.Refuted, check.Range{Min: 1, Max: 3}, 0,
		`"k" lost at least 1 of 3 acknowledged increments, whatever its final value: the values that they returned prove it`},
	{"unknown ones fill the gap, not the loss", "=0 +1 +1 +1 ? ? !3", check.Refuted, check.Range{Min: 2, Max: 2}, 0, ""},
	{"the final value is older than an answer", "=0 +1 +2 +3 !2", check.Refuted, check.Exactly(1), 0, ""},
	{"nothing left", "=0 +1 +2 !0", check.Refuted, check.Exactly(2), 0, ""},
	{"nothing acknowledged", "=0 - - ? !0", check.Inconclusive, check.Exactly(0), 0,
		`no increment of "k" was acknowledged, so none could be lost (2 failed, 1 unknown)`},
	{"never read", "=0 +1 +2", check.Inconclusive, check.Range{Min: 0, Max: 2}, 0, `the final value of "k" was not read`},
	{"the final read failed", "=0 +1 !", check.Inconclusive, check.Range{Min: 0, Max: 1}, 0, ""},
	{"read too early", "=0 +1 !1 +2", check.Inconclusive, check.Range{Min: 0, Max: 2}, 0,
		`the final value of "k" was read before its last acknowledged increment had returned`},
	{"a failed one took effect", "=0 +1 - +3 !3", check.Refuted, check.Range{Min: 0, Max: 2}, 1,
		`no acknowledged or unknown increment made at least 1 of the steps of "k" from 0 to 3`},
	{"a failed one took effect, and one was lost", "=0 +1 - +1 !2", check.Refuted, check.Range{Min: 1, Max: 2}, 1, ""},
	{"one that was told too much, never read", "=0 +5", check.Refuted, check.Range{Min: 0, Max: 1}, 4, ""},
	{"the final value is below the first", "=5 - !4", check.Refuted, check.Exactly(0), 0,
		`the final value 4 of "k" is below 5, where it began`},
	{"told less than it began at", "=5 +3 !6", check.Refuted, check.Range{Min: 1, Max: 1}, 1, ""},
	{"no reset, began at 0", "+1 +2 !2", check.Holds, check.Exactly(0), 0, ""},
	{"no reset, lost wherever it began", "+1 +1 !1", check.Refuted, check.Exactly(1), 0, ""},
	{"no reset, began elsewhere", "+11 +12 !12", check.Inconclusive, check.Range{Min: 0, Max: 2}, 10,
		`no acknowledged or unknown increment made at least 10 of the steps of "k" from 0 to 12, unless it did not begin at 0: no reset was recorded`},
	{"no reset, began below 0", "+-2 +-1 !-1", check.Inconclusive, check.Range{Min: 0, Max: 2}, 0,
		`"k" cannot be judged: its values show that it did not begin at 0, and no reset was recorded`},
	{"reset in the midst", "=0 +1 =0 +1 !1", check.Inconclusive, check.Range{Min: 0, Max: 2}, 0,
		`"k" cannot be judged: it was reset after increments had begun`},
	{"reset to nothing", "= +1 !1", check.Inconclusive, check.Range{Min: 0, Max: 1}, 0,
		`"k" cannot be judged: a reset has no value`},
	{"as far as numbers go", "=-9223372036854775808 +9223372036854775807 !9223372036854775807", check.Refuted,
		check.Range{Min: 0, Max: 1}, math.MaxInt64 - 1, ""},
}

func TestCounter(t *testing.T) {
	for _, c := range counterCases {
		t.Run(c.name, func(t *testing.T) {
			got := check.Counter(slices.Values(ops(c.ops)))
			one := got.Counters[0]
			if got.Verdict != c.verdict || one.Verdict != c.verdict || one.Lost != c.lost || one.Unexplained != c.unexplained {
				t.Errorf("%v, lost %v, unexplained %d; want %v, %v, %d: %s",
					got.Verdict, one.Lost, one.Unexplained, c.verdict, c.lost, c.unexplained, got.Reason)
			}
			if c.reason != "" && got.Reason != c.reason {
				t.Errorf("reason\n%s, want\n%s", got.Reason, c.reason)
			}
		})
	}
}

func TestCounterSpoiltByTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(ops []history.Op) // of "=0 +1 !1"
		want   check.Verdict
	}{
		{"as it is", func([]history.Op) {}, check.Holds},
		{"an increment overlaps the reset", func(ops []history.Op) { ops[0].Returned = ops[1].Invoked + 1 }, check.Inconclusive},
		{"the final read overlaps an increment", func(ops []history.Op) { ops[1].Returned = ops[2].Invoked + 1 }, check.Inconclusive},
		{"the reset is unknown", func(ops []history.Op) { ops[0].Outcome = history.Unknown }, check.Inconclusive},
		{"the reset failed", func(ops []history.Op) { ops[0].Outcome = history.Failed }, check.Holds},
		{"the final read is unknown", func(ops []history.Op) { ops[2].Outcome = history.Unknown }, check.Inconclusive},
	} {
		ops := ops("=0 +1 !1")
		c.change(ops)
		if got := check.Counter(slices.Values(ops)); got.Verdict != c.want {
			t.Errorf("%s: %v, want %v: %s", c.name, got.Verdict, c.want, got.Reason)
		}
	}
}

func TestCounterWitnesses(t *testing.T) {
	type witness struct {
		anomaly, reason string
		ops             []int
	}
	for _, c := range []struct {
		name, ops string
		want      []witness
	}{
		{"none", "=0 +1 +2 !2", nil},
		{"the three smallest of four pairs", "=0 +4 +3 +2 +1 +1 +3 +2 +4 +4 !4", []witness{
			{"P4 lost update", `two acknowledged increments of "k" both returned 1`, []int{4, 5}},
			{"P4 lost update", `two acknowledged increments of "k" both returned 2`, []int{3, 7}},
			{"P4 lost update", `two acknowledged increments of "k" both returned 3`, []int{2, 6}},
		}},
		{"one value, many times", "=0 +1 +1 +1 !1", []witness{
			{"P4 lost update", `3 acknowledged increments of "k" returned 1; these are the first two`, []int{1, 2}},
		}},
		{"above the final value", "=0 +1 +2 !1", []witness{
			{"lost write", `an acknowledged increment of "k" returned 2, and the final value is 1`, []int{2, 3}},
		}},
		{"a step from nowhere", "=0 - !1", []witness{
			{"unexplained increment", `no acknowledged or unknown increment made at least 1 of the steps of "k" from 0 to 1`, []int{2}},
		}},
		{"below the initial value", "=5 +3 !4", []witness{
			{"impossible value", `an acknowledged increment of "k" returned 3, and it began at 5`, []int{1}},
			{"impossible value", `the final value 4 of "k" is below 5, where it began`, []int{2}},
		}},
		{"above the final value, and below the initial one", "=5 +3 !2", []witness{
			{"lost write", `an acknowledged increment of "k" returned 3, and the final value is 2`, []int{1, 2}},
			{"impossible value", `an acknowledged increment of "k" returned 3, and it began at 5`, []int{1}},
			{"impossible value", `the final value 2 of "k" is below 5, where it began`, []int{2}},
		}},
		{"none where nothing can be said", "=0 +1 =0 +1 !1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []witness
			recorded := ops(c.ops)
			for _, w := range check.Counter(slices.Values(recorded)).Counters[0].Witnesses {
				var indices []int
				for _, op := range w.Ops {
					indices = append(indices, op.Index)
					if op != recorded[op.Index] {
						t.Errorf("witness %+v differs from the op %+v", op, recorded[op.Index])
					}
				}
				got = append(got, witness{w.Anomaly, w.Reason, indices})
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(witness{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestCounterSeveralKeys(t *testing.T) {
	with := func(key, short string) []history.Op {
		ops := ops(short)
		for i := range ops {
			ops[i].Key = key
		}
		return ops
	}
	good, bad, open, idle := with("good", "=0 +1 !1"), with("bad", "=0 +1 +1 !1"), with("open", "=0 +1"), with("idle", "=0 - !0")
	for _, c := range []struct {
		name   string
		ops    []history.Op
		want   check.Verdict
		reason string
	}{
		{"no op", nil, check.Inconclusive, "the history has no increment"},
		{"ops of other kinds", []history.Op{{Func: history.Write, Key: "k", Outcome: history.OK}}, check.Inconclusive, "the history has no increment"},
		{"an idle counter decides nothing", slices.Concat(good, idle), check.Holds, "all 1 acknowledged increments of 2 counters are in their final values"},
		{"idle counters only", slices.Concat(idle, with("idle too", "-")), check.Inconclusive,
			`2 of 2 counters are inconclusive; the first: no increment of "idle" was acknowledged, so none could be lost (1 failed, 0 unknown)`},
		{"one open", slices.Concat(good, open), check.Inconclusive, `1 of 2 counters are inconclusive; the first: the final value of "open" was not read`},
		{"one refuted", slices.Concat(good, open, bad), check.Refuted, `1 of 3 counters are refuted; the first: "bad" lost 1 of 2 acknowledged increments: its final value is 1`},
	} {
		got := check.Counter(slices.Values(c.ops))
		if got.Verdict != c.want || got.Reason != c.reason {
			t.Errorf("%s: %v, want %v\n%s", c.name, got.Verdict, c.want, got.Reason)
		}
		if !slices.IsSortedFunc(got.Counters, func(a, b check.Tally) int { return strings.Compare(a.Key, b.Key) }) {
			t.Errorf("%s: counters are not sorted", c.name)
		}
	}
}

func TestCountersJSON(t *testing.T) {
	text, err := json.Marshal(check.Counter(slices.Values(ops("=0 +1 +1 !1"))))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"verdict":"refuted","reason":"\"k\" lost 1 of 2 acknowledged increments: its final value is 1",` +
		`"counters":[{"key":"k","acknowledged":2,"failed":0,"unknown":0,"initial":0,"initial_known":true,"final":1,` +
		`"lost":{"min":1,"max":1},"duplicates":1,"unexplained":0,"verdict":"refuted",` +
		`"reason":"\"k\" lost 1 of 2 acknowledged increments: its final value is 1",` +
		`"witnesses":[{"anomaly":"P4 lost update","reason":"two acknowledged increments of \"k\" both returned 1",` +
		`"ops":[{"index":1,"process":0,"op":"increment","key":"k","value":1,"intended":2,"invoked":2,"returned":3,"outcome":"ok"},` +
		`{"index":2,"process":0,"op":"increment","key":"k","value":1,"intended":4,"invoked":4,"returned":5,"outcome":"ok"}]}]}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A million increments must not need a million ops' memory.
func TestCounterMemory(t *testing.T) {
	const n = 200_000
	stream := func(yield func(history.Op) bool) {
		for i := range n {
			if !yield(history.Op{Index: i, Func: history.Increment, Key: "k", Node: "app-1", Value: history.Some(int64(i + 1)), Outcome: history.OK}) {
				return
			}
		}
		yield(history.Op{Func: history.FinalRead, Key: "k", Value: history.Some(n), Outcome: history.OK})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := check.Counter(stream)
	runtime.ReadMemStats(&after)
	if got.Verdict != check.Holds {
		t.Fatal(got.Reason)
	}
	if perOp := (after.TotalAlloc - before.TotalAlloc) / n; perOp > 100 {
		t.Errorf("allocates %d bytes an op, want at most 100", perOp)
	}
}

func BenchmarkCounter(b *testing.B) {
	var million []history.Op
	for i := range 1_000_000 {
		million = append(million, history.Op{Index: i, Func: history.Increment, Key: "k", Node: "app-1", Value: history.Some(int64(i ^ 1)), Outcome: history.OK})
	}
	for b.Loop() {
		check.Counter(slices.Values(million))
	}
}
