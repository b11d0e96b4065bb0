package catalogue

import (
	"fmt"
	"math"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// payment is the source's second scenario as SQLite plays it, and then a crowd of
// transfers with an auditor among them.
func payment(o Options) experiment.Experiment {
	timeout := pick[store.Milliseconds](o, 5000, 500) // the source's; two scenes wait it out
	x := experiment.Experiment{
		Name:     "payment",
		Question: "Do two payments at once deadlock until both fail, and is any money lost?",
		Claims:   paymentClaims,
		Figures:  []experiment.Figure{paymentsMade, wrongTotals, moneyOff},
		Plots: []experiment.Plot{experiment.LanesPlot(
			"The refused one keeps its transaction open, and the other's COMMIT waits: app-1 is A, app-2 is B",
			fmt.Sprintf("deferred/%d/DELETE/kept open", timeout),
		), figureBars("What an auditor finds among concurrent transfers", run.Axis{Label: "of the reads, of the money", Unit: "%"},
			func(arm *run.Evidence) bool { return arm.Trials[0].Setup.Scene == nil }, wrongTotals, moneyOff)},
		Abreast: 4, // two scenes wait out a busy_timeout; no claim is about how long anything else takes
		Takes:   pick(o, 6*time.Second, 1500*time.Millisecond),
	}
	for _, p := range payments {
		p.begin = run.Begin{Accounts: 2, Balance: 100}
		if p.timeout == 0 {
			p.timeout = timeout
		}
		p.expected.refuted += " money-is-wrong"
		x.Arms = append(x.Arms, p.arm())
	}
	x.Arms = append(x.Arms, transferArms(o)...)
	return x
}

var paymentClaims = []experiment.Claim{
	claim("wait-for-each-other", source(62, "複数のトランザクションが相互に待機"),
		"Two containers wait for each other: each has a statement under way that cannot go on before the other lets go.",
		played(waitForEachOther)),
	claim("both-time-out", source(679, "両方: SQLITE_BUSY タイムアウト"),
		"Both containers are refused with SQLITE_BUSY, each after its whole busy_timeout.",
		played(func(r *run.Recording) experiment.Judgement {
			a, b := hardest(r, containerA.node), hardest(r, containerB.node)
			return judged(ruled(a == nodeapi.CodeTimeout && b == nodeapi.CodeTimeout), fmt.Sprintf("A: %s; B: %s", a, b), "container A met %s, container B %s", a, b)
		})),
	claim("both-payments-fail", source(680, "両方の決済が失敗"),
		"In a rollback journal (DELETE) both payments fail: none is acknowledged and none is in the database.",
		played(bothFailed)),
	claim("both-fail-in-wal", source(680, "両方の決済が失敗"),
		"In WAL mode both payments fail: none is acknowledged and none is in the database.",
		played(bothFailed)),
	claim("waits-for-a-table", source(677, "決済履歴テーブルにアクセス待機"),
		"What a container waits for is a table: of two that use different tables neither is refused.",
		played(func(r *run.Recording) experiment.Judgement {
			return refusal(r, check.Refuted, func(run.StepEvent) bool { return true })
		})),
	claim("commit-waits-for-readers", sqlite("lockingv3.html"),
		"A COMMIT waits until no other container reads, whatever table that reads.",
		played(func(r *run.Recording) experiment.Judgement {
			return refusal(r, check.Holds, func(e run.StepEvent) bool { return e.Do == nodeapi.DoCommit })
		})),
	claim("no-remedy", source(64, "アプリケーションレベルでの対処が困難"),
		"What the application does about it (be patient, try again as a whole, or begin with the write lock) does not get both payments through.",
		played(func(r *run.Recording) experiment.Judgement { return ofPayments(r, paid(r) < 2) })),
	claim("money-is-wrong", source(641, "データの不整合"),
		"Balances and payments do not add up to what they began with and what was acknowledged.",
		experiment.Each(moneyIsWrong)),
	begunIsWon,
}

// The six steps of the source's second scenario.
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

// The payers. In one scene container B has a second connection, on which it writes.
var (
	payerA  = payer{containerA, workload.Account(0), 10}
	payerB  = payer{containerB, workload.Account(1), 20}
	readerB = payer{actor{"B1", containerB.node}, payerB.account, payerB.amount}
	writerB = payer{actor{"B2", containerB.node}, payerB.account, payerB.amount}
)

func (p payer) looks() run.Step  { return p.asks(nodeapi.DoReadBalance, p.account) }
func (p payer) debits() run.Step { return p.changes(nodeapi.DoSetBalance, p.account, -p.amount) }
func (p payer) records() run.Step {
	s := p.asks(nodeapi.DoRecordPayment, p.account)
	s.To, s.Value = "shop", p.amount
	return s
}

// audit is how container C looks at what has become of both payments.
func audit() []run.Step {
	c := containerC
	return line(bothFail, c.does(nodeapi.DoCountPayments), c.asks(nodeapi.DoReadBalance, payerA.account), c.asks(nodeapi.DoReadBalance, payerB.account))
}

// paymentsMeet is how both payments come to meet. SQLite has one write lock for all
// tables: A, who has it, waits for none of them, and B is refused its first write.
func paymentsMeet() []run.Step {
	return slices.Concat(
		line(aBegins, payerA.does(nodeapi.DoBeginDeferred), payerA.looks(), payerA.debits()),
		line(bBegins, payerB.does(nodeapi.DoBeginDeferred), payerB.looks()),
		line(aWaits, payerA.records()),
		line(bWaits, payerB.debits()),
	)
}

// B, refused, rolls back. Or it tries its statement again and keeps its transaction: in a rollback
// journal A's COMMIT then waits for B, as long as it may, and gives up; in WAL mode it does not.
var (
	letsGo = scene("B rolls back", paymentsMeet(),
		line(bothTimeOut, payerB.does(nodeapi.DoRollback), payerA.does(nodeapi.DoCommit)),
		audit())
	keepsOpen = line(bothTimeOut, apart(payerA.does(nodeapi.DoCommit)), later(payerB.debits())) // A's COMMIT is under way
)

// eachItsTable is the scenario with one table a container: B has changed balances, and A, which
// wants the payment history alone, waits for the write lock of the file
// (https://sqlite.org/lockingv3.html: one RESERVED lock, on the whole file).
var eachItsTable = scene("each writes a table of its own",
	line(aBegins, payerA.does(nodeapi.DoBeginDeferred)),
	line(bBegins, payerB.does(nodeapi.DoBeginDeferred), payerB.looks(), payerB.debits()),
	line(aWaits, payerA.records()),
	line(bWaits, payerB.looks()),
	line(bothTimeOut, payerA.does(nodeapi.DoRollback), payerB.does(nodeapi.DoCommit)),
	audit())

// readsAnother has A write the payment history, while B reads balances, until A has committed, in
// one attempt or in more.
func readsAnother(ends ...run.Step) *run.Scene {
	return scene("one writes a table, the other reads another",
		line(aBegins, payerA.does(nodeapi.DoBeginDeferred)),
		line(bBegins, payerB.does(nodeapi.DoBeginDeferred), payerB.looks()),
		line(aWaits, payerA.records()),
		line(bWaits, payerB.looks()),
		line(bothTimeOut, ends...),
		audit())
}

// payments play the scenario. Those that wait out a busy_timeout come first.
var payments = []play{
	{which: "kept open", transaction: store.Deferred, journal: store.Delete,
		expected: outlook{holds: "both-payments-fail", refuted: "wait-for-each-other both-time-out"},
		scene: scene("B keeps its transaction open", paymentsMeet(), keepsOpen,
			[]run.Step{payerA.does(nodeapi.DoRollback), payerB.does(nodeapi.DoRollback)}, audit())},
	// Container B reads on one connection, has not closed its cursor, and begins to write
	// on another. SQLite, which sees two strangers, lets both containers wait: B's second
	// connection for A's write lock, and A's COMMIT for B's first connection. B's last look
	// keeps A's ROLLBACK back until B has been refused as well.
	{which: "two connections", transaction: store.Immediate, journal: store.Delete,
		expected: outlook{holds: "wait-for-each-other both-time-out both-payments-fail", refuted: "begun-is-won"},
		scene: scene("B reads on one connection and writes on another",
			line(aBegins, payerA.does(nodeapi.DoBeginImmediate), payerA.looks(), payerA.debits()),
			line(bBegins, readerB.does(nodeapi.DoBeginDeferred), readerB.looks()),
			line(aWaits, payerA.records()),
			line(bWaits, apart(writerB.does(nodeapi.DoBeginImmediate))),
			line(bothTimeOut, apart(payerA.does(nodeapi.DoCommit)), writerB.looks(), payerA.does(nodeapi.DoRollback), readerB.does(nodeapi.DoRollback)),
			audit())},
	// In WAL mode no COMMIT waits for a reader, so A is done and B's second connection has its turn.
	{which: "two connections", transaction: store.Immediate, journal: store.WAL,
		expected: outlook{holds: "begun-is-won", refuted: "wait-for-each-other both-time-out both-fail-in-wal"},
		scene: scene("B reads on one connection and writes on another",
			line(aBegins, payerA.does(nodeapi.DoBeginImmediate), payerA.looks(), payerA.debits()),
			line(bBegins, readerB.does(nodeapi.DoBeginDeferred), readerB.looks()),
			line(aWaits, payerA.records()),
			line(bWaits, apart(writerB.does(nodeapi.DoBeginImmediate))),
			line(bothTimeOut, payerA.does(nodeapi.DoCommit), writerB.looks(), writerB.debits(), writerB.records(),
				writerB.does(nodeapi.DoCommit), readerB.does(nodeapi.DoRollback)),
			audit())},
	{which: "kept open", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{refuted: "wait-for-each-other both-time-out both-fail-in-wal"},
		scene:    scene("B keeps its transaction open", paymentsMeet(), keepsOpen, []run.Step{payerB.does(nodeapi.DoRollback)}, audit())},
	{which: "rolled back", transaction: store.Deferred, journal: store.Delete, scene: letsGo,
		expected: outlook{holds: "no-remedy", refuted: "wait-for-each-other both-time-out both-payments-fail"}},
	{which: "rolled back", transaction: store.Deferred, journal: store.WAL, scene: letsGo,
		expected: outlook{holds: "no-remedy", refuted: "wait-for-each-other both-time-out both-fail-in-wal"}},
	// B, refused, rolls back and pays when A is done.
	{which: "tried again", transaction: store.Deferred, journal: store.WAL,
		expected: outlook{refuted: "wait-for-each-other both-time-out both-fail-in-wal no-remedy"},
		scene: scene("B does it all again", paymentsMeet(),
			line(bothTimeOut, payerB.does(nodeapi.DoRollback), payerA.does(nodeapi.DoCommit),
				payerB.does(nodeapi.DoBeginDeferred), payerB.looks(), payerB.debits(), payerB.records(), payerB.does(nodeapi.DoCommit)),
			audit())},
	// Both take the write lock before they look, so B waits until A is done.
	{which: "in turn", transaction: store.Immediate, journal: store.Delete,
		expected: outlook{holds: "begun-is-won", refuted: "wait-for-each-other both-time-out both-payments-fail no-remedy"},
		scene: scene("B waits at BEGIN",
			line(aBegins, payerA.does(nodeapi.DoBeginImmediate), payerA.looks(), payerA.debits()),
			line(bBegins, apart(payerB.does(nodeapi.DoBeginImmediate))),
			line(aWaits, payerA.records(), payerA.does(nodeapi.DoCommit)),
			line(bWaits, payerB.looks(), payerB.debits(), payerB.records(), payerB.does(nodeapi.DoCommit)),
			audit())},
	{which: "two tables", transaction: store.Deferred, timeout: tablePatience, journal: store.Delete, scene: eachItsTable,
		expected: outlook{refuted: "waits-for-a-table wait-for-each-other"}},
	{which: "two tables", transaction: store.Deferred, timeout: tablePatience, journal: store.WAL, scene: eachItsTable,
		expected: outlook{refuted: "waits-for-a-table wait-for-each-other"}},
	{which: "another table is read", transaction: store.Deferred, timeout: tablePatience, journal: store.Delete,
		expected: outlook{holds: "commit-waits-for-readers", refuted: "waits-for-a-table"},
		scene:    readsAnother(payerA.does(nodeapi.DoCommit), payerB.does(nodeapi.DoRollback), payerA.does(nodeapi.DoCommit))},
	{which: "another table is read", transaction: store.Deferred, timeout: tablePatience, journal: store.WAL,
		expected: outlook{holds: "waits-for-a-table", refuted: "commit-waits-for-readers"},
		scene:    readsAnother(payerA.does(nodeapi.DoCommit), payerB.does(nodeapi.DoRollback))},
}

// tablePatience is a busy_timeout that can be told from no wait; nobody lets go before it is over.
const tablePatience store.Milliseconds = 500

// transferArms move money among few accounts, from many clients; one request in
// five adds all of it up.
func transferArms(o Options) (arms []experiment.Arm) {
	const accounts, clients = 10, 16
	for _, t := range []store.Transaction{store.Separate, store.Deferred, store.Immediate} {
		arm := single(string(t)+"/5000/WAL/transfers", outlook{}, run.Setup{
			Nodes: nodes, Discipline: quiet(t, 5000, store.WAL), Load: sequence(clients, pick(o, 320, 80)),
			Begin:    run.Begin{Accounts: accounts, Balance: 1000},
			Workload: workload.Mix{A: workload.Transfer{Accounts: accounts, Max: 100, Nodes: nodes}, B: workload.Total{Nodes: nodes}, Share: 20},
		})
		arm.Expect["money-is-wrong"] = expectThat(t == store.Separate)
		arms = append(arms, arm)
	}
	return arms
}

// Figures of payments.
var (
	paymentsMade = experiment.Figure{Name: "payments in the history", Of: func(r *run.Recording) (n float64, ok bool) {
		if r.Facts == nil {
			return 0, false
		}
		return float64(r.Facts.Payments), true
	}}
	wrongTotals = experiment.Figure{Name: "reads that find another sum", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
		b := r.Bank()
		return 100 * float64(b.Wrong) / float64(max(b.Totals, 1)), b.Totals > 0 && b.Initial.Valid
	}}
	moneyOff = experiment.Figure{Name: "money gone or made in the end", Unit: "%", Of: func(r *run.Recording) (percent float64, ok bool) {
		b := r.Bank()
		if !b.Initial.Valid || !b.Final.Valid || b.Initial.Int64 == 0 || r.Setup.Scene != nil {
			return 0, false
		}
		return 100 * math.Abs(float64(b.Final.Int64-b.Initial.Int64)) / float64(b.Initial.Int64), true
	}}
)

// bothFailed judges the claim that neither payment took effect.
func bothFailed(r *run.Recording) experiment.Judgement {
	return ofPayments(r, paid(r) == 0 && r.Facts.Payments == 0)
}

// refusal returns v where a step of the scene that of matches was refused, and the contrary where none was.
func refusal(r *run.Recording, v check.Verdict, of func(run.StepEvent) bool) experiment.Judgement {
	for _, e := range r.Steps {
		if of(e) && locked(e) {
			return judged(v, fmt.Sprintf("%s: %s after %s", e.Do, came(e), took(e)),
				"the %s of session %s was answered %s after %s", e.Do, e.Session, came(e), took(e))
		}
	}
	return judged(v.Not(), "nothing refused", "nothing that the claim is about was refused")
}

// hardest is the worst that a container met: a refusal after its whole
// busy_timeout, one at once, or none.
func hardest(r *run.Recording, node string) string {
	met := "no refusal"
	for _, e := range r.Steps {
		if e.Node == node && locked(e) && met != nodeapi.CodeTimeout {
			met = e.Code
		}
	}
	return met
}

// paid is how many of the payments are acknowledged.
func paid(r *run.Recording) (n int) {
	for _, e := range committed(r.Steps) {
		if e.Do == nodeapi.DoRecordPayment {
			n++
		}
	}
	return n
}

// ofPayments judges a claim that is true or false, and says what was paid.
func ofPayments(r *run.Recording, holds bool) experiment.Judgement {
	return judged(ruled(holds), fmt.Sprintf("%d of 2 payments succeed", paid(r)),
		"%d of 2 payments were acknowledged, and the history has %d", paid(r), r.Facts.Payments)
}

// waitForEachOther judges whether two containers ever had statements under way
// that waited for each other.
//
// Two statements that wait for each other overlap, and the one that is answered first is refused,
// after its whole busy_timeout: one that is granted was not waiting for the other, and one that is
// refused at once has not waited. The other waits too if it is under way for at least half of its
// busy_timeout, whether it is then refused as well or granted because the first has let go.
func waitForEachOther(r *run.Recording) experiment.Judgement {
	long := r.Setup.Discipline.BusyTimeout.Duration() / 2
	for i, e := range r.Steps {
		for _, f := range r.Steps[i+1:] {
			first, last := e, f
			if f.Answered < e.Answered {
				first, last = f, e
			}
			overlap := e.Sent < f.Answered && f.Sent < e.Answered
			if e.Node != f.Node && overlap && first.Code == nodeapi.CodeTimeout && last.Answered-last.Sent >= long {
				return judged(check.Holds, fmt.Sprintf("%s and %s", e.Do, f.Do), "the %s of session %s and the %s of session %s were both waiting, for %s",
					e.Do, e.Session, f.Do, f.Session, inMilliseconds(first.Answered-max(e.Sent, f.Sent)))
			}
		}
	}
	return judged(check.Refuted, "one waits at most", "no two statements of different containers were waiting at the same time")
}

// moneyIsWrong judges a load by package check, and a scene by comparing every balance and the
// payment history with the payments that were acknowledged.
func moneyIsWrong(r *run.Recording) experiment.Judgement {
	if r.Setup.Scene == nil {
		b := r.Bank()
		j := experiment.Judgement{Verdict: b.Verdict.Not(), Reason: b.Reason, Witness: b.Witnesses}
		if b.Initial.Valid && b.Final.Valid {
			j.Measured = fmt.Sprintf("%d of %d in the end, %d of %d reads wrong", b.Final.Int64, b.Initial.Int64, b.Wrong, b.Totals)
		}
		return j
	}
	if why := unplayed(r); why != "" {
		return experiment.Judgement{Reason: why}
	}
	want := map[string]int64{payerA.account: r.Setup.Begin.Balance, payerB.account: r.Setup.Begin.Balance}
	for _, e := range committed(r.Steps) {
		if e.Do == nodeapi.DoSetBalance {
			want[e.Name] += e.Value
		}
	}
	a, _ := r.FinalRead(payerA.account)
	b, _ := r.FinalRead(payerB.account)
	have := fmt.Sprintf("%d payments, balances %d and %d", r.Facts.Payments, a, b)
	return judged(ruled(int64(paid(r)) != r.Facts.Payments || a != want[payerA.account] || b != want[payerB.account]), have,
		"%d payments were acknowledged, and the database holds %s", paid(r), have)
}
