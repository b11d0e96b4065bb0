package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/workload"
)

// pay is a recording of s, with a busy_timeout of 100 ms, after which the
// database holds so many payments and these balances.
func pay(s *run.Scene, payments, one, two int64, twists ...twist) *run.Recording {
	r := staging(s, 100, twists...)
	r.Setup.Begin = run.Begin{Accounts: 2, Balance: 100}
	r.Facts.Payments = payments
	r.Ops = append(r.Ops, own(history.FinalRead, payerA.account, one, time.Second), own(history.FinalRead, payerB.account, two, time.Second))
	return r
}

func TestPaymentJudgements(t *testing.T) {
	const all = 100 * time.Millisecond
	x := payment(Options{})
	kept, inTurn, two := sceneOf(t, x, "DELETE/kept open"), sceneOf(t, x, "in turn"), sceneOf(t, x, "two connections")
	atOnce := refused(7, nodeapi.CodeBusy, 0)
	both := pay(two, 0, 100, 100, refused(7, nodeapi.CodeTimeout, all), refused(8, nodeapi.CodeTimeout, all))
	one := pay(kept, 0, 100, 100, atOnce, refused(8, nodeapi.CodeTimeout, all), refused(9, nodeapi.CodeBusy, 0))
	done := pay(inTurn, 2, 90, 80, slow(4, 3*time.Millisecond))
	for name, c := range map[string]struct {
		judge func(*run.Recording) experiment.Judgement
		of    *run.Recording
		want  check.Verdict
	}{
		"both wait for each other":    {waitForEachOther, both, check.Holds},
		"the first to give up frees":  {waitForEachOther, pay(two, 1, 90, 100, refused(7, nodeapi.CodeTimeout, all), slow(8, all)), check.Holds},
		"one waits for an idle one":   {waitForEachOther, one, check.Refuted},
		"one waits its turn":          {waitForEachOther, done, check.Refuted},
		"one after the other waits":   {waitForEachOther, pay(letsGo, 0, 100, 100, refused(7, nodeapi.CodeTimeout, 0), refused(9, nodeapi.CodeTimeout, 0)), check.Refuted},
		"a wait beside a quick one":   {waitForEachOther, pay(two, 1, 90, 100, refused(7, nodeapi.CodeTimeout, 2*time.Millisecond)), check.Refuted},
		"both time out":               {checkOf(t, paymentClaims, "both-time-out"), both, check.Holds},
		"one refused at once":         {checkOf(t, paymentClaims, "both-time-out"), one, check.Refuted},
		"nobody refused":              {checkOf(t, paymentClaims, "both-time-out"), done, check.Refuted},
		"both fail":                   {checkOf(t, paymentClaims, "both-payments-fail"), both, check.Holds},
		"one succeeds":                {checkOf(t, paymentClaims, "both-payments-fail"), pay(letsGo, 1, 90, 100, atOnce), check.Refuted},
		"told so, and there":          {checkOf(t, paymentClaims, "both-payments-fail"), pay(two, 1, 90, 100, refused(7, nodeapi.CodeTimeout, all), refused(8, nodeapi.CodeTimeout, all)), check.Refuted},
		"one only":                    {checkOf(t, paymentClaims, "no-remedy"), pay(letsGo, 1, 90, 100, atOnce), check.Holds},
		"both paid":                   {checkOf(t, paymentClaims, "no-remedy"), done, check.Refuted},
		"books in order":              {moneyIsWrong, done, check.Refuted},
		"none paid, books in order":   {moneyIsWrong, both, check.Refuted},
		"half a payment":              {moneyIsWrong, pay(inTurn, 2, 90, 100), check.Holds},
		"a payment without a balance": {moneyIsWrong, pay(letsGo, 2, 90, 100, atOnce), check.Holds},
	} {
		t.Run(name, func(t *testing.T) { wantVerdict(t, c.judge, c.of, c.want) })
	}
}

// transfers are a recording of one transfer of 5 out of 10 and 10, a total, and
// the balances in the end.
func transfers(outcome history.Outcome, total, one, two int64) *run.Recording {
	a, b := workload.Account(0), workload.Account(1)
	op := func(process int, f, key string, n int64, at time.Duration) history.Op {
		return history.Op{Process: process, Func: f, Key: key, Value: history.Some(n), Outcome: history.OK, Invoked: at, Returned: at}
	}
	move := op(0, history.Transfer, a, 0, 1)
	move.To, move.Amount, move.Value, move.Outcome = b, 5, history.Value{}, outcome
	r := &run.Recording{Facts: &run.Facts{}, Ops: []history.Op{
		op(-1, history.Reset, a, 10, 0), op(-1, history.Reset, b, 10, 0), move, op(1, history.Total, "balances", total, 2),
		op(-1, history.FinalRead, a, one, 3), op(-1, history.FinalRead, b, two, 3),
	}}
	for i := range r.Ops {
		r.Ops[i].Index = i
	}
	return r
}

func TestMoneyOfTransfers(t *testing.T) {
	for name, c := range map[string]struct {
		of   *run.Recording
		want check.Verdict
	}{
		"all there":             {transfers(history.OK, 20, 5, 15), check.Refuted},
		"gone in between":       {transfers(history.OK, 15, 5, 15), check.Holds},
		"gone in the end":       {transfers(history.OK, 20, 5, 10), check.Holds},
		"nothing but a refusal": {transfers(history.Failed, 20, 10, 10), check.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			if j := moneyIsWrong(c.of); j.Verdict != c.want || j.Reason == "" {
				t.Errorf("%s (%s), want %s", j.Verdict, j.Reason, c.want)
			}
		})
	}
	r := transfers(history.OK, 15, 5, 5)
	for f, want := range map[*experiment.Figure]float64{&wrongTotals: 100, &moneyOff: 50} {
		if n, ok := f.Of(r); !ok || n != want {
			t.Errorf("%s: %g, %t; want %g", f.Name, n, ok, want)
		}
	}
}
