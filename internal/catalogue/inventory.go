package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// inventory is the seed's first scenario, step by step, and then many buyers at once.
func inventory(o Options) experiment.Experiment {
	takes := 5 * time.Second
	if o.Quick {
		takes = 1500 * time.Millisecond
	}
	return experiment.Experiment{
		Name:     "inventory",
		Question: "Two containers sell from one stock, and then a crowd buys: does the stock show what was sold?",
		Claims:   slices.Concat(saleClaims(), crowdClaims()),
		Arms:     slices.Concat(saleArms(), crowdArms(o)),
		Figures:  []experiment.Figure{piecesSold, piecesOversold, piecesLeft},
		Plots: []experiment.Plot{figureBars("Pieces sold, sold beyond the stock, and left",
			run.Axis{Label: "pieces"}, isCrowd, piecesSold, piecesOversold, piecesLeft)},
		Abreast: 3, // no claim is about how long anything takes
		Takes:   takes,
	}
}

// saleClaims are those on the scenario itself. Its title and its last line
// contradict each other; both are judged.
func saleClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "inventory-breaks-down",
		Text:   "In the end the stock does not show the sales that were acknowledged.",
		TextJA: "インベントリ管理の破綻",
		Source: seed(661),
		Check:  played(stockIsWrong),
	}, {
		ID:     "second-sale-refused",
		Text:   "Container B's sale, of a stock that container A has changed since B looked, is refused with SQLITE_BUSY.",
		TextJA: "5個販売処理 → SQLITE_BUSY（失敗）",
		Source: seed(667),
		Check:  played(secondSaleRefused),
	}, {
		ID:     "ends-in-order",
		Text:   "In the end both sales are acknowledged and the stock is 35: 50, less 10 and 5.",
		TextJA: "結果: 正常に処理完了",
		Source: seed(670),
		Check:  played(endsInOrder),
	}}
}

// crowdClaims are those on many buyers at once.
func crowdClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "oversold",
		Text:   "More pieces are acknowledged as sold than there were.",
		TextJA: "データの不整合",
		Source: seed(641),
		Check:  experiment.Each(oversold),
	}, {
		ID:     "sales-vanish",
		Text:   "Pieces that were acknowledged as sold are still in the stock afterwards.",
		TextJA: "データの不整合",
		Source: seed(641),
		Check:  experiment.Each(salesVanish),
	}, {
		ID:     "turned-away",
		Text:   "Buyers are refused the lock, and pieces that they wanted are left over.",
		TextJA: "トランザクションの失敗",
		Source: seed(640),
		Check:  experiment.Each(turnedAway),
	}}
}

// saleArms play the scenario in the ways in which it can go.
func saleArms() []experiment.Arm {
	orderly := func(refused run.Expectation) expects {
		return expects{
			"inventory-breaks-down": run.ExpectRefuted, "second-sale-refused": refused, "ends-in-order": run.ExpectHolds,
		}
	}
	lost := expects{
		"inventory-breaks-down": run.ExpectHolds, "second-sale-refused": run.ExpectRefuted, "ends-in-order": run.ExpectRefuted,
	}
	sale := func(which string, s *run.Scene, t store.Transaction, timeout store.Milliseconds, j store.Journal, e expects) experiment.Arm {
		setup := staged(s, t, timeout, j)
		setup.Begin = run.Begin{Item: item, Stock: stocked}
		return sceneArm(which, setup, e)
	}
	return []experiment.Arm{
		sale("scene", saleAsTold(), store.Deferred, 5000, store.WAL, orderly(run.ExpectHolds)),
		sale("scene", saleBesideReader(), store.Deferred, 5000, store.Delete, orderly(run.ExpectHolds)),
		sale("scene", saleInTurn(), store.Immediate, 5000, store.WAL, orderly(run.ExpectRefuted)),
		sale("scene", saleRefused(), store.Separate, 0, store.WAL, orderly(run.ExpectHolds)),
		sale("scene", saleWaited(), store.Separate, 5000, store.WAL, lost),
		sale("scene without a transaction", saleWithoutTransaction(), store.Separate, 5000, store.WAL, lost),
	}
}

// crowdArms have more buyers of one piece each than there are pieces. Each
// buyer finds a connection of his node's free, so that they meet in SQLite.
func crowdArms(o Options) []experiment.Arm {
	buyers, stock := 60, int64(40)
	if o.Quick {
		buyers, stock = 20, 12
	}
	crowd := func(name string, d store.Discipline, oversold, vanish, away run.Expectation) experiment.Arm {
		d.Pool = (buyers + nodes - 1) / nodes
		return experiment.Arm{
			Name: name + "/burst",
			Trials: experiment.Single(run.Setup{
				Nodes: nodes, Discipline: d, Load: burst(buyers),
				Begin:    run.Begin{Item: item, Stock: stock},
				Workload: workload.Purchase{Item: item, Quantity: 1, Nodes: nodes},
			}),
			Expect: expects{"oversold": oversold, "sales-vanish": vanish, "turned-away": away},
		}
	}
	const holds, refuted = run.ExpectHolds, run.ExpectRefuted
	arms := []experiment.Arm{
		crowd("red", store.Red(), refuted, run.Either, holds), // of the few that get through, some meet
		crowd("separate/5000/WAL", quiet(store.Separate, 5000, store.WAL), holds, holds, refuted),
		crowd("deferred/5000/WAL", quiet(store.Deferred, 5000, store.WAL), refuted, refuted, holds),
		crowd("immediate/5000/WAL", quiet(store.Immediate, 5000, store.WAL), refuted, refuted, refuted),
		crowd("green", store.Green(), refuted, refuted, refuted),
	}
	if !o.Quick {
		arms = append(arms, crowd("atomic/5000/WAL", quiet(store.Atomic, 5000, store.WAL), refuted, refuted, refuted))
	}
	return arms
}

func isCrowd(arm *run.Evidence) bool {
	return arm.Trials[0].Setup.Scene == nil
}

// sold is how many pieces a scene's containers were told they have sold.
func sold(r *run.Recording) int64 {
	var n int64
	for _, e := range committed(r.Steps) {
		if e.Do == api.DoSetStock {
			n -= e.Value
		}
	}
	return n
}

func stockIsWrong(r *run.Recording) experiment.Judgement {
	begun := r.Setup.Begin.Stock
	left, _ := r.FinalRead(item)
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("%d sold, %d left of %d", sold(r), left, begun),
		Reason: fmt.Sprintf("of %d pieces %d were acknowledged as sold, and %d are left", begun, sold(r), left),
	}
	if begun-sold(r) != left {
		j.Verdict = check.Holds
	}
	return j
}

func secondSaleRefused(r *run.Recording) experiment.Judgement {
	for _, e := range r.Steps {
		if e.Session == containerB.session && locked(e) {
			return experiment.Judgement{
				Verdict: check.Holds, Measured: fmt.Sprintf("%s after %s", came(e), took(e)),
				Reason: fmt.Sprintf("container B's %s was answered %s after %s", e.Do, came(e), took(e)),
			}
		}
	}
	return experiment.Judgement{Verdict: check.Refuted, Measured: "nothing refused", Reason: "nothing that container B asked for was refused"}
}

func endsInOrder(r *run.Recording) experiment.Judgement {
	j := stockIsWrong(r)
	j.Verdict = check.Refuted
	if left, _ := r.FinalRead(item); sold(r) == 15 && left == stocked-15 {
		j.Verdict = check.Holds
	}
	return j
}

// ofItem is what the checker says of a crowd's purchases.
func ofItem(r *run.Recording) check.Item {
	for _, i := range r.Stock().Items {
		if i.Key == item {
			return i
		}
	}
	return check.Item{Reason: "nobody bought anything"}
}

// counts is the judgement on a claim that some of the pieces met an end.
func counts(i check.Item, n check.Range, end string) experiment.Judgement {
	return experiment.Judgement{
		Verdict: n.Above(0), Measured: fmt.Sprintf("%s %s", n, end), Reason: i.Reason, Witness: i.Witnesses,
	}
}

func oversold(r *run.Recording) experiment.Judgement {
	i := ofItem(r)
	n := i.Oversold
	n.Max += int64(r.Unsent)
	j := counts(i, n, "oversold")
	if !i.Initial.Valid {
		j.Verdict = check.Inconclusive
	}
	return j
}

func salesVanish(r *run.Recording) experiment.Judgement {
	i := ofItem(r)
	n := i.Vanished
	n.Max += int64(r.Unsent)
	j := counts(i, n, "vanished")
	if !i.Initial.Valid || !i.Left.Valid {
		j.Verdict = check.Inconclusive
	}
	return j
}

func turnedAway(r *run.Recording) experiment.Judgement {
	i := ofItem(r)
	away := withCode(r, api.CodeBusy, api.CodeTimeout)
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%s turned away, %d left", away, i.Left.Int64),
		Reason:   fmt.Sprintf("%s buyers were refused the lock, and %d pieces are left", away, i.Left.Int64),
	}
	switch {
	case !i.Left.Valid:
		j.Reason = "nobody knows how many pieces are left"
	case i.Left.Int64 <= 0:
		j.Verdict = check.Refuted
	default:
		j.Verdict = away.Above(0)
	}
	return j
}

// Figures of a stock, of scenes and of crowds.
var (
	piecesSold = experiment.Figure{Name: "sold", Of: func(r *run.Recording) (float64, bool) {
		if r.Setup.Scene != nil {
			return float64(sold(r)), unplayed(r) == ""
		}
		return float64(ofItem(r).Sold.Min), r.Facts != nil
	}}
	piecesOversold = experiment.Figure{Name: "oversold", Of: func(r *run.Recording) (float64, bool) {
		n, known := piecesSold.Of(r)
		return max(0, n-float64(r.Setup.Begin.Stock)), known
	}}
	piecesLeft = experiment.Figure{Name: "left", Of: func(r *run.Recording) (float64, bool) {
		left, ok := r.FinalRead(item)
		return float64(left), ok
	}}
)

// The seven steps of the seed's first scenario, and how it ends.
const (
	fiftyInStock = "1. 在庫数: 50個"
	aLooks       = "2. Container A: 在庫確認 → 50個"
	bLooks       = "3. Container B: 在庫確認 → 50個"
	aSells       = "4. Container A: 10個販売処理 → 在庫40個に更新（成功）"
	bIsRefused   = "5. Container B: 5個販売処理 → SQLITE_BUSY（失敗）"
	bRetries     = "6. Container B: リトライ → 在庫確認 → 40個"
	bSells       = "7. Container B: 5個販売処理 → 在庫35個に更新（成功）"
	allIsWell    = "結果: 正常に処理完了"
)

// item is what is sold, stocked so many times at first.
const (
	item    = "item"
	stocked = 50
)

// looks is a look at the stock.
func (a actor) looks() run.Step { return a.asks(api.DoReadStock, item) }

// sells sets the stock to n less than what a has last read of it.
func (a actor) sells(n int64) run.Step { return a.changes(api.DoSetStock, item, -n) }

// saleAsTold is what the seed tells, to the letter: both look within a
// transaction, A commits, and B's snapshot is stale.
func saleAsTold() *run.Scene {
	a, b, c := containerA, containerB, containerC
	return scene("B's snapshot is stale",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.does(api.DoBeginDeferred), a.looks()),
		line(bLooks, b.does(api.DoBeginDeferred), b.looks()),
		line(aSells, a.sells(10), a.does(api.DoCommit)),
		line(bIsRefused, b.sells(5)),
		line(bRetries, b.does(api.DoRollback), b.does(api.DoBeginDeferred), b.looks()),
		line(bSells, b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleBesideReader is the same in a rollback journal: A cannot commit before B,
// which has read, lets go. A's look waits for its own COMMIT, so that B, when
// it retries, finds it done.
func saleBesideReader() *run.Scene {
	a, b, c := containerA, containerB, containerC
	return scene("A's COMMIT waits for B",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.does(api.DoBeginDeferred), a.looks()),
		line(bLooks, b.does(api.DoBeginDeferred), b.looks()),
		line(aSells, a.sells(10), apart(a.does(api.DoCommit))),
		line(bIsRefused, b.sells(5), b.does(api.DoRollback), a.looks()),
		line(bRetries, b.does(api.DoBeginDeferred), b.looks()),
		line(bSells, b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleInTurn: both take the write lock before they look, so B looks when A is done.
func saleInTurn() *run.Scene {
	a, b, c := containerA, containerB, containerC
	return scene("B waits at BEGIN before it looks",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.does(api.DoBeginImmediate), a.looks()),
		line(bLooks, apart(b.does(api.DoBeginImmediate))),
		line(aSells, a.sells(10), a.does(api.DoCommit)),
		line(bSells, b.looks(), b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleRefused: both look first, and only write in a transaction. B is not
// patient, is refused at BEGIN, and looks again.
func saleRefused() *run.Scene {
	a, b, c := containerA, containerB, containerC
	return scene("B looks first and is refused at BEGIN",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.looks()),
		line(bLooks, b.looks()),
		line(aSells, a.does(api.DoBeginImmediate), a.sells(10)),
		line(bIsRefused, b.does(api.DoBeginImmediate)),
		line(bRetries, a.does(api.DoCommit), b.looks()),
		line(bSells, b.does(api.DoBeginImmediate), b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleWaited: the same with patience. B waits until A is done, and then writes
// what it has made of its old look.
func saleWaited() *run.Scene {
	a, b, c := containerA, containerB, containerC
	return scene("B looks first and waits at BEGIN",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.looks()),
		line(bLooks, b.looks()),
		line(aSells, a.does(api.DoBeginImmediate), a.sells(10)),
		line(bIsRefused, apart(b.does(api.DoBeginImmediate)), a.does(api.DoCommit), b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleWithoutTransaction: nobody holds a lock for longer than a statement, so nobody is refused.
func saleWithoutTransaction() *run.Scene {
	a, b, c := containerA, containerB, containerC
	return scene("nobody begins a transaction",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.looks()),
		line(bLooks, b.looks()),
		line(aSells, a.sells(10)),
		line(bIsRefused, b.sells(5)),
		line(allIsWell, c.looks()),
	)
}
