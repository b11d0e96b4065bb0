package check_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/contend/check"
	"example.com/contend/history"
)

// A history may serve several checkers: none takes the keys of another for its own. Bank
// cannot tell which other keys are accounts, and refuses.
func TestOneHistoryServesSeveral(t *testing.T) {
	order := orderHistory(10, 6, []history.Op{ordered(4, 1, "")}, reserved(4, 1))
	with := func(key string, ops []history.Op) []history.Op {
		for i := range ops {
			ops[i].Key = key
		}
		return ops
	}
	all := slices.Concat(with("hits", ops("=0 +1 +2 !2")), with("lamp", stockOps("=50 10>40 !40")), order,
		bankOps("a=100 b=100 a>b:10 T200 a!90 b!110"), rowOps("+x x !1"))
	final := func(op history.Op) bool { return strings.HasPrefix(op.Func, "final-") }
	ends := slices.DeleteFunc(slices.Clone(all), func(op history.Op) bool { return !final(op) })
	all = append(slices.DeleteFunc(all, final), ends...) // what was read in the end comes last
	for i := range all {
		all[i].Index, all[i].Intended, all[i].Invoked, all[i].Returned = i, 0, 0, 0
	}
	for name, got := range map[string]check.Verdict{
		"counter": check.Counter(slices.Values(all)).Verdict,
		"stock":   check.Stock(slices.Values(all)).Verdict,
		"orders":  check.Order(slices.Values(all)).Verdict,
		"set":     check.Set(slices.Values(all)).Verdict,
	} {
		if got != check.Holds {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := check.Bank(slices.Values(all)); got.Verdict != check.Inconclusive {
		t.Errorf("bank: %v", got.Verdict)
	}
	// A key of both cannot be judged: its final stock is the work of both.
	both := slices.Concat(with("cup", stockOps("=10 1>9")), order[1:])
	for name, got := range map[string]check.Verdict{
		"stock":  check.Stock(slices.Values(both)).Verdict,
		"orders": check.Order(slices.Values(both)).Verdict,
	} {
		if got != check.Inconclusive {
			t.Errorf("%s of a key of both: %v", name, got)
		}
	}
}
