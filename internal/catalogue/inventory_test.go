package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// sale is a recording of s that leaves so many in stock.
func sale(s *run.Scene, left int64, twists ...twist) *run.Recording {
	r := staging(s, 1000, twists...)
	r.Setup.Begin = run.Begin{Item: item, Stock: stocked}
	r.Ops = append(r.Ops, own(history.FinalRead, item, left, time.Second))
	return r
}

func TestSaleJudgements(t *testing.T) {
	x := inventory(Options{})
	asTold, alone := sceneOf(t, x, "deferred/5000/WAL/scene"), sceneOf(t, x, "without a transaction")
	stale := refused(8, "SQLITE_BUSY_SNAPSHOT", 0)
	for name, c := range map[string]struct {
		judge func(*run.Recording) experiment.Judgement
		of    *run.Recording
		want  check.Verdict
	}{
		"as told":                 {stockIsWrong, sale(asTold, 35, stale), check.Refuted},
		"one sale overwritten":    {stockIsWrong, sale(alone, 45), check.Holds},
		"the second gave up":      {stockIsWrong, sale(asTold, 40, stale, refused(12, "SQLITE_BUSY_SNAPSHOT", 0), refused(13, nodeapi.CodeBusy, 0)), check.Refuted},
		"sold, and not booked":    {stockIsWrong, sale(asTold, 50, stale), check.Holds},
		"in order":                {checkOf(t, inventoryClaims, "ends-in-order"), sale(asTold, 35, stale), check.Holds},
		"only one sale, in order": {checkOf(t, inventoryClaims, "ends-in-order"), sale(asTold, 40, stale, refused(13, nodeapi.CodeBusy, 0)), check.Refuted},
		"both sales, not both":    {checkOf(t, inventoryClaims, "ends-in-order"), sale(alone, 45), check.Refuted},
		"B refused":               {checkOf(t, inventoryClaims, "second-sale-refused"), sale(asTold, 35, stale), check.Holds},
		"B late, refused":         {checkOf(t, inventoryClaims, "second-sale-refused"), sale(asTold, 40, refused(8, nodeapi.CodeTimeout, time.Second)), check.Holds},
		"A refused":               {checkOf(t, inventoryClaims, "second-sale-refused"), sale(asTold, 40, refused(6, nodeapi.CodeBusy, 0)), check.Refuted},
	} {
		t.Run(name, func(t *testing.T) { wantVerdict(t, c.judge, c.of, c.want) })
	}
}

// bought is a purchase of one piece that was told how many are left.
func bought(left int64) history.Op {
	return history.Op{Func: history.Purchase, Key: item, Amount: 1, Value: history.Some(left), Outcome: history.OK, Invoked: 1, Returned: 2}
}

// unbought is one that was not done, or of which nobody knows.
func unbought(o history.Outcome, code string) history.Op {
	return history.Op{Func: history.Purchase, Key: item, Amount: 1, Outcome: o, Code: code, Invoked: 1, Returned: 2}
}

// buyers is a recording of purchases from a stock of two, which leaves so many.
func buyers(left int64, purchases ...history.Op) *run.Recording {
	own := func(f string, n int64, at time.Duration) history.Op {
		return history.Op{Process: -1, Func: f, Key: item, Value: history.Some(n), Outcome: history.OK, Invoked: at, Returned: at}
	}
	r := &run.Recording{Facts: &run.Facts{}}
	r.Ops = append(append(append(r.Ops, own(history.Reset, 2, 0)), purchases...), own(history.FinalRead, left, 3))
	for i := range r.Ops {
		r.Ops[i].Index = i
	}
	return r
}

func TestCrowdJudgements(t *testing.T) {
	busy, out := unbought(history.Failed, nodeapi.CodeBusy), unbought(history.Failed, nodeapi.CodeConflict)
	lost := unbought(history.Unknown, nodeapi.CodeClientTimeout)
	unread := buyers(0, bought(1))
	unread.Ops = unread.Ops[:2]
	for name, c := range map[string]struct {
		judge func(*run.Recording) experiment.Judgement
		of    *run.Recording
		want  check.Verdict
	}{
		"three of two":            {checkOf(t, inventoryClaims, "oversold"), buyers(0, bought(1), bought(0), bought(0)), check.Holds},
		"two of two":              {checkOf(t, inventoryClaims, "oversold"), buyers(0, bought(1), bought(0), out), check.Refuted},
		"perhaps a third":         {checkOf(t, inventoryClaims, "oversold"), buyers(0, bought(1), bought(0), lost), check.Inconclusive},
		"the same piece twice":    {checkOf(t, inventoryClaims, "sales-vanish"), buyers(1, bought(1), bought(1)), check.Holds},
		"all sold are gone":       {checkOf(t, inventoryClaims, "sales-vanish"), buyers(0, bought(1), bought(0)), check.Refuted},
		"the stock was not read":  {checkOf(t, inventoryClaims, "sales-vanish"), unread, check.Inconclusive},
		"refused, and some left":  {turnedAway, buyers(1, bought(1), busy), check.Holds},
		"refused, and none left":  {turnedAway, buyers(0, bought(1), bought(0), busy), check.Refuted},
		"sold out":                {turnedAway, buyers(0, bought(1), bought(0), out), check.Refuted},
		"nobody refused":          {turnedAway, buyers(1, bought(1)), check.Refuted},
		"perhaps refused":         {turnedAway, buyers(1, bought(1), lost), check.Inconclusive},
		"refused, left not known": {turnedAway, unread, check.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			if j := c.judge(c.of); j.Verdict != c.want {
				t.Errorf("%s (%s), want %s", j.Verdict, j.Reason, c.want)
			}
		})
	}
}

func TestPiecesOversold(t *testing.T) {
	r := buyers(0, bought(1), bought(0), bought(0))
	r.Setup.Begin.Stock = 2
	for f, want := range map[*experiment.Figure]float64{&piecesSold: 3, &piecesOversold: 1, &piecesLeft: 0} {
		if n, ok := f.Of(r); !ok || n != want {
			t.Errorf("%s: %g, %t; want %g", f.Name, n, ok, want)
		}
	}
	if n, ok := piecesSold.Of(sale(sceneOf(t, inventory(Options{}), "deferred/5000/WAL/scene"), 35, refused(8, "SQLITE_BUSY_SNAPSHOT", 0))); !ok || n != 15 {
		t.Errorf("a scene sold %g, %t; want 15", n, ok)
	}
}
