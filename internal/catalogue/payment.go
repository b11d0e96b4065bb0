package catalogue

import (
	"fmt"
	"math"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// payment is the seed's second scenario as SQLite plays it, and then a crowd of
// transfers with an auditor among them.
func payment(o Options) experiment.Experiment {
	takes := 6 * time.Second
	if o.Quick {
		takes = 1500 * time.Millisecond
	}
	return experiment.Experiment{
		Name:     "payment",
		Question: "Do two payments at once deadlock until both fail, and is any money lost?",
		Claims:   slices.Concat(deadlockClaims(), []experiment.Claim{moneyClaim, begunIsWon}),
		Arms:     slices.Concat(deadlockArms(o), transferArms(o)),
		Figures:  []experiment.Figure{paymentsMade, wrongTotals, moneyOff},
		Plots: []experiment.Plot{experiment.LanesPlot(
			"The refused one keeps its transaction open, and the other's COMMIT waits: app-1 is A, app-2 is B",
			fmt.Sprintf("deferred/%d/DELETE/kept open", scenePatience(o)),
		), figureBars("What an auditor finds among concurrent transfers",
			run.Axis{Label: "of the reads, of the money", Unit: "%"}, isCrowd, wrongTotals, moneyOff)},
		Abreast: 4, // two scenes wait out a busy_timeout; no claim is about how long anything else takes
		Takes:   takes,
	}
}

// deadlockClaims are those on the scenario and on deadlocks.
func deadlockClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "wait-for-each-other",
		Text:   "Two containers wait for each other: each has a statement under way that cannot go on before the other lets go.",
		TextJA: "複数のトランザクションが相互に待機",
		Source: seed(62),
		Check:  played(waitForEachOther),
	}, {
		ID:     "both-time-out",
		Text:   "Both containers are refused with SQLITE_BUSY, each after its whole busy_timeout.",
		TextJA: "両方: SQLITE_BUSY タイムアウト",
		Source: seed(679),
		Check:  played(bothTimedOut),
	}, {
		ID:     "both-payments-fail",
		Text:   "Both payments fail: none is acknowledged and none is in the database.",
		TextJA: "両方の決済が失敗",
		Source: seed(680),
		Check:  played(bothFailed),
	}, {
		ID:     "no-remedy",
		Text:   "What the application does about it (be patient, try again as a whole, or begin with the write lock) does not get both payments through.",
		TextJA: "アプリケーションレベルでの対処が困難",
		Source: seed(64),
		Check:  played(notBothPaid),
	}}
}

var moneyClaim = experiment.Claim{
	ID:     "money-is-wrong",
	Text:   "Balances and payments do not add up to what they began with and what was acknowledged.",
	TextJA: "データの不整合",
	Source: seed(641),
	Check:  experiment.Each(moneyIsWrong),
}

// scenePatience is the busy_timeout of the scenes in which one is waited out: the seed's.
func scenePatience(o Options) store.Milliseconds {
	if o.Quick {
		return 500
	}
	return 5000
}

// deadlockArms play the scenario. Those that wait out a busy_timeout come first.
func deadlockArms(o Options) []experiment.Arm {
	patience := scenePatience(o)
	arm := func(which string, s *run.Scene, t store.Transaction, j store.Journal, e expects) experiment.Arm {
		setup := staged(s, t, patience, j)
		setup.Begin = run.Begin{Accounts: 2, Balance: 100}
		e["money-is-wrong"] = run.ExpectRefuted
		return sceneArm(which, setup, e)
	}
	const holds, refuted = run.ExpectHolds, run.ExpectRefuted
	return []experiment.Arm{
		arm("kept open", keepsOpen(true), store.Deferred, store.Delete, expects{
			"wait-for-each-other": refuted, "both-time-out": refuted, "both-payments-fail": holds,
		}),
		arm("two connections", twoConnections(), store.Immediate, store.Delete, expects{
			"wait-for-each-other": holds, "both-time-out": holds, "both-payments-fail": holds, "begun-is-won": refuted,
		}),
		arm("kept open", keepsOpen(false), store.Deferred, store.WAL, expects{
			"wait-for-each-other": refuted, "both-time-out": refuted, "both-payments-fail": refuted,
		}),
		arm("rolled back", letsGo(), store.Deferred, store.Delete, expects{
			"wait-for-each-other": refuted, "both-time-out": refuted, "both-payments-fail": refuted, "no-remedy": holds,
		}),
		arm("rolled back", letsGo(), store.Deferred, store.WAL, expects{
			"wait-for-each-other": refuted, "both-time-out": refuted, "both-payments-fail": refuted, "no-remedy": holds,
		}),
		arm("tried again", retriesWhole(), store.Deferred, store.WAL, expects{
			"wait-for-each-other": refuted, "both-time-out": refuted, "both-payments-fail": refuted, "no-remedy": refuted,
		}),
		arm("in turn", paysInTurn(), store.Immediate, store.Delete, expects{
			"wait-for-each-other": refuted, "both-time-out": refuted, "both-payments-fail": refuted, "no-remedy": refuted,
			"begun-is-won": holds,
		}),
	}
}

// transferArms move money among few accounts, from many clients; one request in
// five adds all of it up.
func transferArms(o Options) []experiment.Arm {
	const accounts, clients = 10, 16
	requests := 320
	if o.Quick {
		requests = 80
	}
	arm := func(t store.Transaction, e run.Expectation) experiment.Arm {
		return experiment.Arm{
			Name: string(t) + "/5000/WAL/transfers",
			Trials: experiment.Single(run.Setup{
				Nodes: nodes, Discipline: quiet(t, 5000, store.WAL), Load: sequence(clients, requests),
				Begin: run.Begin{Accounts: accounts, Balance: 1000},
				Workload: workload.Mix{
					A: workload.Transfer{Accounts: accounts, Max: 100, Nodes: nodes},
					B: workload.Total{Nodes: nodes}, Share: 20,
				},
			}),
			Expect: expects{"money-is-wrong": e},
		}
	}
	return []experiment.Arm{
		arm(store.Separate, run.ExpectHolds),
		arm(store.Deferred, run.ExpectRefuted),
		arm(store.Immediate, run.ExpectRefuted),
	}
}

// Figures of payments.
var (
	paymentsMade = experiment.Figure{Name: "payments in the history", Of: func(r *run.Recording) (float64, bool) {
		if r.Facts == nil {
			return 0, false
		}
		return float64(r.Facts.Payments), true
	}}
	wrongTotals = experiment.Figure{Name: "reads that find another sum", Unit: "%", Of: func(r *run.Recording) (float64, bool) {
		b := r.Bank()
		if b.Totals == 0 || !b.Initial.Valid {
			return 0, false
		}
		return 100 * float64(b.Wrong) / float64(b.Totals), true
	}}
	moneyOff = experiment.Figure{Name: "money gone or made in the end", Unit: "%", Of: func(r *run.Recording) (float64, bool) {
		b := r.Bank()
		if !b.Initial.Valid || !b.Final.Valid || b.Initial.Int64 == 0 || r.Setup.Scene != nil {
			return 0, false
		}
		return 100 * math.Abs(float64(b.Final.Int64-b.Initial.Int64)) / float64(b.Initial.Int64), true
	}}
)

// The six steps of the seed's second scenario.
const (
	aBegins     = "1. Container A: ユーザー1の残高更新開始"
	bBegins     = "2. Container B: ユーザー2の残高更新開始"
	aWaits      = "3. Container A: 決済履歴テーブルにアクセス待機"
	bWaits      = "4. Container B: 残高テーブルにアクセス待機"
	bothTimeOut = "5. 両方: SQLITE_BUSY タイムアウト"
	bothFail    = "6. 結果: 両方の決済が失敗"
)

// A payer is a container that pays for its user: the balance becomes less, and
// the payment history gets a row.
type payer struct {
	actor
	account string
	amount  int64
}

var (
	payerA = payer{containerA, workload.Account(0), 10}
	payerB = payer{containerB, workload.Account(1), 20}
)

func (p payer) looks() run.Step { return p.asks(api.DoReadBalance, p.account) }
func (p payer) debits() run.Step {
	return p.changes(api.DoSetBalance, p.account, -p.amount)
}

func (p payer) records() run.Step {
	s := p.asks(api.DoRecordPayment, p.account)
	s.To, s.Value = "shop", p.amount
	return s
}

// audit is how container C looks at what has become of both payments.
func audit() []run.Step {
	c := containerC
	return line(bothFail, c.does(api.DoCountPayments), c.asks(api.DoReadBalance, payerA.account), c.asks(api.DoReadBalance, payerB.account))
}

// paymentsMeet is how both payments come to meet. SQLite has one write lock for all
// tables: A, who has it, waits for none of them, and B is refused its first write.
func paymentsMeet() []run.Step {
	a, b := payerA, payerB
	return scene("",
		line(aBegins, a.does(api.DoBeginDeferred), a.looks(), a.debits()),
		line(bBegins, b.does(api.DoBeginDeferred), b.looks()),
		line(aWaits, a.records()),
		line(bWaits, b.debits()),
	).Steps
}

// letsGo: B, refused, rolls back.
func letsGo() *run.Scene {
	return scene("B rolls back", paymentsMeet(),
		line(bothTimeOut, payerB.does(api.DoRollback), payerA.does(api.DoCommit)),
		audit(),
	)
}

// retriesWhole: B, refused, rolls back and pays when A is done.
func retriesWhole() *run.Scene {
	b := payerB
	return scene("B does it all again", paymentsMeet(),
		line(bothTimeOut, b.does(api.DoRollback), payerA.does(api.DoCommit),
			b.does(api.DoBeginDeferred), b.looks(), b.debits(), b.records(), b.does(api.DoCommit)),
		audit(),
	)
}

// keepsOpen: B, refused, tries its statement again and keeps its transaction.
// In a rollback journal A's COMMIT then waits for B, as long as it may, and
// gives up; in WAL mode it does not.
func keepsOpen(aGivesUp bool) *run.Scene {
	a, b := payerA, payerB
	again := b.debits()
	again.After = 100 * time.Millisecond // A's COMMIT is under way
	end := []run.Step{b.does(api.DoRollback)}
	if aGivesUp {
		end = []run.Step{a.does(api.DoRollback), b.does(api.DoRollback)}
	}
	return scene("B keeps its transaction open", paymentsMeet(),
		line(bothTimeOut, apart(a.does(api.DoCommit)), again), end,
		audit(),
	)
}

// paysInTurn: both take the write lock before they look, so B waits until A is done.
func paysInTurn() *run.Scene {
	a, b := payerA, payerB
	return scene("B waits at BEGIN",
		line(aBegins, a.does(api.DoBeginImmediate), a.looks(), a.debits()),
		line(bBegins, apart(b.does(api.DoBeginImmediate))),
		line(aWaits, a.records(), a.does(api.DoCommit)),
		line(bWaits, b.looks(), b.debits(), b.records(), b.does(api.DoCommit)),
		audit(),
	)
}

// twoConnections: container B reads on one connection, has not closed its
// cursor, and begins to write on another. SQLite, which sees two strangers,
// lets both containers wait: B's second connection for A's write lock, and A's
// COMMIT for B's first connection.
//
// B's last look keeps A's ROLLBACK back until B has been refused as well.
func twoConnections() *run.Scene {
	a := payerA
	reader, writer := payerB, payerB
	reader.session, writer.session = "B1", "B2"
	return scene("B reads on one connection and writes on another",
		line(aBegins, a.does(api.DoBeginImmediate), a.looks(), a.debits()),
		line(bBegins, reader.does(api.DoBeginDeferred), reader.looks()),
		line(aWaits, a.records()),
		line(bWaits, apart(writer.does(api.DoBeginImmediate))),
		line(bothTimeOut, apart(a.does(api.DoCommit)), writer.looks(), a.does(api.DoRollback), reader.does(api.DoRollback)),
		audit(),
	)
}

// bothTimedOut judges whether each container was refused something after its
// whole busy_timeout.
func bothTimedOut(r *run.Recording) experiment.Judgement {
	a, b := hardest(r, containerA.node), hardest(r, containerB.node)
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("A: %s; B: %s", a, b),
		Reason: fmt.Sprintf("container A met %s, container B %s", a, b),
	}
	if a == api.CodeTimeout && b == api.CodeTimeout {
		j.Verdict = check.Holds
	}
	return j
}

// hardest is the worst that a container met: a refusal after its whole
// busy_timeout, one at once, or none.
func hardest(r *run.Recording, node string) string {
	met := "no refusal"
	for _, e := range r.Steps {
		switch {
		case e.Node != node || !locked(e):
		case e.Code == api.CodeTimeout:
			return e.Code
		default:
			met = e.Code
		}
	}
	return met
}

// paid is how many of the payments are acknowledged.
func paid(r *run.Recording) int {
	n := 0
	for _, e := range committed(r.Steps) {
		if e.Do == api.DoRecordPayment {
			n++
		}
	}
	return n
}

func bothFailed(r *run.Recording) experiment.Judgement {
	j := paidJudgement(r)
	if paid(r) == 0 && r.Facts.Payments == 0 {
		j.Verdict = check.Holds
	}
	return j
}

func notBothPaid(r *run.Recording) experiment.Judgement {
	j := paidJudgement(r)
	if paid(r) < 2 {
		j.Verdict = check.Holds
	}
	return j
}

// paidJudgement refutes, and says what was paid.
func paidJudgement(r *run.Recording) experiment.Judgement {
	return experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("%d of 2 payments succeed", paid(r)),
		Reason: fmt.Sprintf("%d of 2 payments were acknowledged, and the history has %d", paid(r), r.Facts.Payments),
	}
}

// waitForEachOther judges whether two containers ever had statements under way
// that waited for each other.
//
// Two statements that wait for each other overlap, and the one that is answered
// first is refused, after its whole busy_timeout: one that is granted was not
// waiting for the other, and one that is refused at once has not waited. The
// other waits too if it is under way for long, whether it is then refused as
// well or granted because the first has let go.
func waitForEachOther(r *run.Recording) experiment.Judgement {
	for i, e := range r.Steps {
		for _, f := range r.Steps[i+1:] {
			first, last := e, f
			if f.Answered < e.Answered {
				first, last = f, e
			}
			if e.Node != f.Node && overlap(e, f) && first.Code == api.CodeTimeout && waitsLong(r, last) {
				return experiment.Judgement{
					Verdict: check.Holds, Measured: fmt.Sprintf("%s and %s", e.Do, f.Do),
					Reason: fmt.Sprintf("the %s of session %s and the %s of session %s were both waiting, for %s",
						e.Do, e.Session, f.Do, f.Session, inMilliseconds(first.Answered-max(e.Sent, f.Sent))),
				}
			}
		}
	}
	return experiment.Judgement{
		Verdict: check.Refuted, Measured: "one waits at most",
		Reason: "no two statements of different containers were waiting at the same time",
	}
}

// overlap reports whether e and f were under way at the same time.
func overlap(e, f run.StepEvent) bool { return e.Sent < f.Answered && f.Sent < e.Answered }

// waitsLong reports whether e was under way for at least half of busy_timeout.
func waitsLong(r *run.Recording, e run.StepEvent) bool {
	return e.Answered-e.Sent >= r.Setup.Discipline.BusyTimeout.Duration()/2
}

// moneyIsWrong judges a scene by what its containers were told, and a load by
// package check.
func moneyIsWrong(r *run.Recording) experiment.Judgement {
	if r.Setup.Scene != nil {
		return booksAreWrong(r)
	}
	b := r.Bank()
	j := experiment.Judgement{Reason: b.Reason, Witness: b.Witnesses}
	switch b.Verdict {
	case check.Holds:
		j.Verdict = check.Refuted
	case check.Refuted:
		j.Verdict = check.Holds
	}
	if b.Initial.Valid && b.Final.Valid {
		j.Measured = fmt.Sprintf("%d of %d in the end, %d of %d reads wrong", b.Final.Int64, b.Initial.Int64, b.Wrong, b.Totals)
	}
	return j
}

// booksAreWrong compares every balance and the history with the payments that
// were acknowledged.
func booksAreWrong(r *run.Recording) experiment.Judgement {
	if why := unplayed(r); why != "" {
		return experiment.Judgement{Reason: why}
	}
	want := map[string]int64{}
	for _, p := range []payer{payerA, payerB} {
		want[p.account] = r.Setup.Begin.Balance
	}
	for _, e := range committed(r.Steps) {
		if e.Do == api.DoSetBalance {
			want[e.Name] += e.Value
		}
	}
	balance := func(p payer) int64 { n, _ := r.FinalRead(p.account); return n }
	said := fmt.Sprintf("%d payments, balances %d and %d", r.Facts.Payments, balance(payerA), balance(payerB))
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: said,
		Reason: fmt.Sprintf("%d payments were acknowledged, and the database holds %s", paid(r), said),
	}
	wrong := func(p payer) bool { return balance(p) != want[p.account] }
	if int64(paid(r)) != r.Facts.Payments || slices.ContainsFunc([]payer{payerA, payerB}, wrong) {
		j.Verdict = check.Holds
	}
	return j
}
