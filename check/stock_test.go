package check_test

import (
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

func ExampleStock() {
	const recorded = `{"process":-1,"op":"reset","key":"lamp","value":50,"outcome":"ok"}
{"op":"purchase","key":"lamp","amount":10,"node":"app-1","value":40,"outcome":"ok"}
{"op":"purchase","key":"lamp","amount":5,"node":"app-2","value":45,"outcome":"ok"}
{"process":-1,"op":"final-read","key":"lamp","value":45,"outcome":"ok"}
`
	judged := check.Stock(history.NewReader(strings.NewReader(recorded), "history.jsonl").Ops())
	fmt.Println(judged.Verdict)
	fmt.Println(judged.Reason)
	fmt.Println(judged.Items[0].Witnesses[0].Reason)
	// Output:
	// refuted
	// of 15 pieces of "lamp" sold, 10 vanished: there were 50, and 45 are left
	// two acknowledged purchases sold one piece twice: one of 10 left 40 of "lamp", and one of 5 left 45
}

// stockOps reads a history written short: "3>47" is an acknowledged purchase of
// 3 told that 47 are left, "3>" one that was not told, "3?" an unknown and "3-"
// a refused one, "=50" a reset and "!47" a final read. Each returns before the
// next is sent.
func stockOps(short string) []history.Op {
	var ops []history.Op
	for i, word := range strings.Fields(short) {
		op := history.Op{Index: i, Func: history.Purchase, Key: "k", Outcome: history.OK,
			Intended: time.Duration(2 * i), Invoked: time.Duration(2 * i), Returned: time.Duration(2*i + 1)}
		value := ""
		switch word[0] {
		case '=':
			op.Func, value = history.Reset, word[1:]
		case '!':
			op.Func, value = history.FinalRead, word[1:]
		default:
			_, _ = fmt.Sscan(word, &op.Amount)
			_, value, _ = strings.Cut(word, ">")
			switch word[len(word)-1] {
			case '?':
				op.Outcome = history.Unknown
			case '-':
				op.Outcome, op.Status, op.Code = history.Failed, 409, "SOLD_OUT"
			}
		}
		if _, err := fmt.Sscan(value, &op.Value.Int64); err == nil {
			op.Value.Valid = true
		}
		ops = append(ops, op)
	}
	return ops
}

var stockCases = []struct {
	name, ops            string
	verdict              check.Verdict
	sold, over, vanished check.Range
	twice, unexplained   int64
	reason               string
}{
	{"all there", "=50 10>40 5>35 !35", check.Holds, check.Exactly(15), check.Exactly(0), check.Exactly(0), 0, 0,
		`sold 15 of 50 "k", and 35 are left`},
	{"sold out, and one refused", "=3 1>2 2>0 1- !0", check.Holds, check.Exactly(3), check.Exactly(0), check.Exactly(0), 0, 0, ""},
	{"nobody was told", "=50 10> 5> !35", check.Holds, check.Exactly(15), check.Exactly(0), check.Exactly(0), 0, 0, ""},
	{"the unknown one too", "=50 10>40 5? !35", check.Holds, check.Range{Min: 10, Max: 15}, check.Exactly(0), check.Exactly(0), 0, 0,
		`sold 15 of 50 "k", 5 of them by unknown purchases, and 35 are left`},
	{"the unknown one perhaps", "=50 10>40 10? !40", check.Inconclusive, check.Range{Min: 10, Max: 20}, check.Exactly(0), check.Range{Min: 0, Max: 10}, 0, 0,
		`of 10 pieces of "k" sold, 0–10 vanished: the 40 left do not tell which unknown purchases (1) took effect`},
	{"overwritten", "=50 10>40 5>45 !45", check.Refuted, check.Exactly(15), check.Exactly(0), check.Exactly(10), 5, 0,
		`of 15 pieces of "k" sold, 10 vanished: there were 50, and 45 are left`},
	{"overwritten, and nobody was told", "=50 10> 5> !45", check.Refuted, check.Exactly(15), check.Exactly(0), check.Exactly(10), 0, 0, ""},
	{"overwritten, not read", "=50 10>40 5>45", check.Refuted, check.Exactly(15), check.Exactly(0), check.Range{Min: 5, Max: 15}, 5, 0,
		`of 15 pieces of "k" sold, at least 5 vanished, whatever is left: the stocks that purchases returned prove it`},
	{"overwritten, and the unknown one fills the gap", "=50 1>49 1>49 1? !48", check.Refuted, check.Range{Min: 2, Max: 3}, check.Exactly(0), check.Exactly(1), 1, 0, ""},
	{"overwritten, initial stock not known", "1>9 1>9 !9", check.Refuted, check.Exactly(2), check.Exactly(0), check.Range{Min: 1, Max: 2}, 1, 0, ""},
	{"of three that overlap the two that do not are in the chain", "=9 3>6 3>4 4>2 !2", check.Refuted, check.Exactly(10), check.Range{Min: 1, Max: 1}, check.Exactly(3), 3, 0, ""},
	{"oversold", "=50 30> 31> !19", check.Refuted, check.Exactly(61), check.Exactly(11), check.Exactly(30), 0, 0,
		`sold 61 of 50 "k", and 19 are left`},
	{"oversold, not read", "=50 30> 31>", check.Refuted, check.Exactly(61), check.Exactly(11), check.Range{Min: 0, Max: 61}, 0, 0, `sold 61 of 50 "k"`},
	{"oversold, if the unknown one took effect", "=50 40>10 20?", check.Inconclusive, check.Range{Min: 40, Max: 60}, check.Range{Min: 0, Max: 10}, check.Range{Min: 0, Max: 40}, 0, 0, ""},
	{"a refused one took effect", "=50 10>40 5- !35", check.Refuted, check.Exactly(10), check.Exactly(0), check.Range{Min: 0, Max: 10}, 0, 5,
		`no acknowledged or unknown purchase took at least 5 of the pieces of "k" from 50 down to 35`},
	{"more in the end", "=50 10> !60", check.Refuted, check.Exactly(10), check.Exactly(0), check.Exactly(10), 0, 0, ""},
	{"more in the end, nothing sold", "=50 10- !60", check.Refuted, check.Exactly(0), check.Exactly(0), check.Exactly(0), 0, 0,
		`there were 50 "k", and 60 are left`},
	{"below zero", "=5 3? 3? !-1", check.Refuted, check.Range{Min: 0, Max: 6}, check.Range{Min: 0, Max: 1}, check.Exactly(0), 0, 0, `the stock of "k" fell to -1`},
	{"told below zero", "=5 5? 1>-1", check.Refuted, check.Range{Min: 1, Max: 6}, check.Range{Min: 0, Max: 1}, check.Range{Min: 0, Max: 1}, 0, 0, `the stock of "k" fell to -1`},
	{"told more than there was", "=5 1>7 !4", check.Refuted, check.Exactly(1), check.Exactly(0), check.Exactly(1), 0, 1, ""},
	{"nothing acknowledged", "=5 1- 2? !5", check.Inconclusive, check.Range{Min: 0, Max: 2}, check.Exactly(0), check.Exactly(0), 0, 0,
		`no purchase of "k" was acknowledged, so none could vanish (1 refused, 1 unknown)`},
	{"no reset", "10>40 !40", check.Inconclusive, check.Exactly(10), check.Exactly(0), check.Range{Min: 0, Max: 10}, 0, 0,
		`the initial stock of "k" is not known: no reset was recorded`},
	{"not read", "=50 10>40", check.Inconclusive, check.Exactly(10), check.Exactly(0), check.Range{Min: 0, Max: 10}, 0, 0, `the final stock of "k" was not read`},
	{"read too early", "=50 10>40 !40 1>39", check.Inconclusive, check.Exactly(11), check.Exactly(0), check.Range{Min: 0, Max: 11}, 0, 0,
		`the final stock of "k" was read before its last acknowledged purchase had returned`},
	{"reset in the midst", "=50 10>40 =50 !50", check.Inconclusive, check.Exactly(0), check.Exactly(0), check.Exactly(0), 0, 0,
		`"k" cannot be judged: it was reset after purchases had begun`},
	{"a purchase of nothing", "=50 0>50 !50", check.Inconclusive, check.Exactly(0), check.Exactly(0), check.Exactly(0), 0, 0,
		`"k" cannot be judged: a purchase has the amount 0`},
	{"a purchase of less than nothing", "=50 -1>51 !51", check.Inconclusive, check.Exactly(0), check.Exactly(0), check.Exactly(0), 0, 0, ""},
	{"more than numbers can count", "=50 9223372036854775807> 9223372036854775807> !50", check.Inconclusive, check.Exactly(0), check.Exactly(0), check.Exactly(0), 0, 0,
		`"k" cannot be judged: the number of pieces sold exceeds 64 bits`},
	{"told more than numbers can count", "=5 1>9223372036854775807 !4", check.Inconclusive, check.Exactly(0), check.Exactly(0), check.Exactly(0), 0, 0, ""},
	{"as far as numbers go", "=9223372036854775807 1>9223372036854775806 9>-9223372036854775808 !-9223372036854775808", check.Refuted,
		check.Exactly(10), check.Exactly(0), check.Range{Min: 0, Max: 10}, 0, math.MaxInt64 - 10, ""},
}

func TestStock(t *testing.T) {
	for _, c := range stockCases {
		t.Run(c.name, func(t *testing.T) {
			got := check.Stock(slices.Values(stockOps(c.ops)))
			i := got.Items[0]
			if got.Verdict != c.verdict || c.reason != "" && got.Reason != c.reason {
				t.Errorf("%v: %s\nwant %v: %s", got.Verdict, got.Reason, c.verdict, c.reason)
			}
			if i.Sold != c.sold || i.Oversold != c.over || i.Vanished != c.vanished || i.SoldTwice != c.twice || i.Unexplained != c.unexplained {
				t.Errorf("sold %v, over %v, vanished %v, twice %d, unexplained %d; want %v, %v, %v, %d, %d", i.Sold, i.Oversold,
					i.Vanished, i.SoldTwice, i.Unexplained, c.sold, c.over, c.vanished, c.twice, c.unexplained)
			}
		})
	}
}

func TestStockWitnesses(t *testing.T) {
	for _, c := range []struct {
		name, ops string
		want      []seen
	}{
		{"none", "=50 10>40 !40", nil},
		{"the three lowest of four pairs", "=9 1>8 1>8 1>7 1>7 1>6 1>6 1>5 1>5 !5", []seen{
			{"P4 lost update", []int{7, 8}}, {"P4 lost update", []int{5, 6}}, {"P4 lost update", []int{3, 4}}}},
		{"one piece twice", "=50 10>40 5>45 !45", []seen{{"P4 lost update", []int{1, 2}}, {"lost write", []int{1, 3}}}},
		{"below zero", "=5 5? 1>-1 !-1", []seen{{"stock below zero", []int{2}}, {"stock below zero", []int{3}}}},
		{"told more than there was", "=5 1>7 !4", []seen{{"impossible value", []int{1}}, {"unexplained purchase", []int{2}}}},
		{"more in the end", "=50 10- !60", []seen{{"impossible value", []int{2}}}},
	} {
		recorded := stockOps(c.ops)
		got := seenIn(t, check.Stock(slices.Values(recorded)).Items[0].Witnesses, recorded)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(seen{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestStockSeveralItems(t *testing.T) {
	with := func(key, short string) []history.Op {
		ops := stockOps(short)
		for i := range ops {
			ops[i].Key = key
		}
		return ops
	}
	good, bad, open, idle := with("good", "=5 1>4 !4"), with("bad", "=1 1> 1>"), with("open", "=5 1>4"), with("idle", "=5 !5")
	for _, c := range []struct {
		name   string
		ops    []history.Op
		want   check.Verdict
		reason string
	}{
		{"no op", nil, check.Inconclusive, "the history has no purchase"},
		{"an idle item decides nothing", slices.Concat(good, idle), check.Holds, "all 1 acknowledged purchases of 2 items are in their final stocks"},
		{"one open", slices.Concat(good, open), check.Inconclusive, `1 of 2 items are inconclusive; the first: the final stock of "open" was not read`},
		{"one refuted", slices.Concat(good, open, bad), check.Refuted, `1 of 3 items are refuted; the first: sold 2 of 1 "bad"`},
	} {
		got := check.Stock(slices.Values(c.ops))
		if got.Verdict != c.want || got.Reason != c.reason {
			t.Errorf("%s: %v, want %v\n%s", c.name, got.Verdict, c.want, got.Reason)
		}
	}
}

func TestStockMemory(t *testing.T) {
	const n = 200_000
	stream := func(yield func(history.Op) bool) {
		yield(history.Op{Func: history.Reset, Key: "k", Value: history.Some(n), Outcome: history.OK})
		for i := range n {
			if !yield(history.Op{Index: i, Func: history.Purchase, Key: "k", Node: "app-1", Amount: 1, Value: history.Some(int64(n - i - 1)), Outcome: history.OK}) {
				return
			}
		}
		yield(history.Op{Func: history.FinalRead, Key: "k", Value: history.Some(0), Outcome: history.OK})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := check.Stock(stream)
	runtime.ReadMemStats(&after)
	if got.Verdict != check.Holds {
		t.Fatal(got.Reason)
	}
	if perOp := (after.TotalAlloc - before.TotalAlloc) / n; perOp > 100 {
		t.Errorf("allocates %d bytes an op, want at most 100", perOp)
	}
}
