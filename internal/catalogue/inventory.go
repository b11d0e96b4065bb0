package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// inventory is the source's first scenario, step by step, and then many buyers at once.
func inventory(o Options) experiment.Experiment {
	x := experiment.Experiment{
		Name:     "inventory",
		Question: "Two containers sell from one stock, and then a crowd buys: does the stock show what was sold?",
		Claims:   inventoryClaims,
		Figures:  []experiment.Figure{piecesSold, piecesOversold, piecesLeft},
		Plots: []experiment.Plot{partBars("Pieces sold, sold beyond the stock, and left", run.Axis{Label: "pieces"},
			func(arm *run.Evidence) bool { _, buys := arm.Trials[0].Setup.Workload.(workload.Purchase); return buys },
			part{soldInStock, run.AboutKept}, part{piecesOversold, run.AboutLost}, part{piecesLeft, ""})},
		Abreast: 3, // no claim is about how long anything takes
		Takes:   pick(o, 5*time.Second, 1500*time.Millisecond),
	}
	for _, sale := range sales {
		sale.begin = run.Begin{Item: item, Stock: stocked}
		x.Arms = append(x.Arms, sale.arm())
	}
	x.Arms = append(append(x.Arms, crowdArms(o)...), orderArms(o)...)
	return x
}

var inventoryClaims = []experiment.Claim{
	// Of the scenario itself. Its title and its last line contradict each other.
	claim("inventory-breaks-down", source(661, "インベントリ管理の破綻"),
		"In the end the stock does not show the sales that were acknowledged.",
		played(stockIsWrong)),
	claim("second-sale-refused", source(667, "5個販売処理 → SQLITE_BUSY（失敗）"),
		"Container B's sale, of a stock that container A has changed since B looked, is refused with SQLITE_BUSY.",
		played(func(r *run.Recording) experiment.Judgement {
			for _, e := range r.Steps {
				if e.Session == containerB.session && locked(e) {
					return judged(check.Holds, fmt.Sprintf("%s after %s", came(e), took(e)), "container B's %s was answered %s after %s", e.Do, came(e), took(e))
				}
			}
			return judged(check.Refuted, "nothing refused", "nothing that container B asked for was refused")
		})),
	claim("ends-in-order", source(670, "結果: 正常に処理完了"),
		"In the end both sales are acknowledged and the stock is 35: 50, less 10 and 5.",
		played(func(r *run.Recording) experiment.Judgement {
			j := stockIsWrong(r)
			left, _ := r.FinalRead(item)
			j.Verdict = ruled(sold(r) == 15 && left == stocked-15)
			return j
		})),
	// Of many buyers at once.
	claim("oversold", source(641, "データの不整合"),
		"More pieces are acknowledged as sold than there were.",
		experiment.Each(func(r *run.Recording) experiment.Judgement {
			i := ofItem(r)
			return pieces(r, i, i.Oversold, "oversold", i.Initial.Valid)
		})),
	claim("sales-vanish", source(641, "データの不整合"),
		"Pieces that were acknowledged as sold are still in the stock afterwards.",
		experiment.Each(func(r *run.Recording) experiment.Judgement {
			i := ofItem(r)
			return pieces(r, i, i.Vanished, "vanished", i.Initial.Valid && i.Left.Valid)
		})),
	synced(timed(claim("turned-away", source(640, "トランザクションの失敗"),
		"Buyers are refused the lock, and pieces that they wanted are left over.",
		experiment.Each(turnedAway)))),
	// Of orders, which write two tables: the stock and the order.
	claim("orders-disagree", source(641, "データの不整合"),
		"In the end the stock and the open orders are together not what the stock was at first.",
		experiment.Each(func(r *run.Recording) experiment.Judgement {
			found := r.Orders()
			j := experiment.Judgement{Verdict: found.Verdict.Not(), Measured: "nothing was ordered", Reason: found.Reason, Witness: found.Witnesses}
			for _, i := range found.Items {
				j.Measured = fmt.Sprintf("%d ordered, %d left of %d: %+d", i.Open, i.Left.Int64, i.Initial.Int64, i.Off)
			}
			return whole(r, j)
		})),
}

// item is what is sold, stocked so many times at first.
const (
	item    = "item"
	stocked = 50
)

// The seven steps of the source's first scenario, and how it ends.
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

// looks is a look at the stock.
func (a actor) looks() run.Step { return a.asks(nodeapi.DoReadStock, item) }

// stockScene is a scene between two looks of container C.
func stockScene(name string, lines ...[]run.Step) *run.Scene {
	return scene(name, line(fiftyInStock, containerC.looks()), slices.Concat(lines...), line(allIsWell, containerC.looks()))
}

// sells sets the stock to n less than what a has last read of it.
func (a actor) sells(n int64) run.Step { return a.changes(nodeapi.DoSetStock, item, -n) }

// Where both sales are in the stock in the end, and where one of them is lost.
var (
	inOrder     = outlook{holds: "ends-in-order second-sale-refused", refuted: "inventory-breaks-down"}
	inOrderLate = outlook{holds: "ends-in-order", refuted: "inventory-breaks-down second-sale-refused"}
	saleLost    = outlook{holds: "inventory-breaks-down", refuted: "second-sale-refused ends-in-order"}
)

// sales play the scenario in the ways in which it can go.
var sales = []play{
	// To the letter: both look within a transaction, A commits, and B's snapshot is stale.
	{"scene", store.Deferred, 5000, store.WAL, run.Begin{}, inOrder, stockScene("B's snapshot is stale",
		line(aLooks, containerA.does(nodeapi.DoBeginDeferred), containerA.looks()),
		line(bLooks, containerB.does(nodeapi.DoBeginDeferred), containerB.looks()),
		line(aSells, containerA.sells(10), containerA.does(nodeapi.DoCommit)),
		line(bIsRefused, containerB.sells(5)),
		line(bRetries, containerB.does(nodeapi.DoRollback), containerB.does(nodeapi.DoBeginDeferred), containerB.looks()),
		line(bSells, containerB.sells(5), containerB.does(nodeapi.DoCommit)),
	)},
	// The same in a rollback journal: A cannot commit before B, which has read, lets go.
	// A's look waits for its own COMMIT, so that the COMMIT is done when B retries.
	{"scene", store.Deferred, 5000, store.Delete, run.Begin{}, inOrder, stockScene("A's COMMIT waits for B",
		line(aLooks, containerA.does(nodeapi.DoBeginDeferred), containerA.looks()),
		line(bLooks, containerB.does(nodeapi.DoBeginDeferred), containerB.looks()),
		line(aSells, containerA.sells(10), apart(containerA.does(nodeapi.DoCommit))),
		line(bIsRefused, containerB.sells(5), containerB.does(nodeapi.DoRollback), containerA.looks()),
		line(bRetries, containerB.does(nodeapi.DoBeginDeferred), containerB.looks()),
		line(bSells, containerB.sells(5), containerB.does(nodeapi.DoCommit)),
	)},
	// Both take the write lock before they look, so B looks when A is done.
	{"scene", store.Immediate, 5000, store.WAL, run.Begin{}, inOrderLate, stockScene("B waits at BEGIN before it looks",
		line(aLooks, containerA.does(nodeapi.DoBeginImmediate), containerA.looks()),
		line(bLooks, apart(containerB.does(nodeapi.DoBeginImmediate))),
		line(aSells, containerA.sells(10), containerA.does(nodeapi.DoCommit)),
		line(bSells, containerB.looks(), containerB.sells(5), containerB.does(nodeapi.DoCommit)),
	)},
	// Both look first, and only write in a transaction. B is not patient, is refused at
	// BEGIN, and looks again.
	{"scene", store.Separate, 0, store.WAL, run.Begin{}, inOrder, stockScene("B looks first and is refused at BEGIN",
		line(aLooks, containerA.looks()),
		line(bLooks, containerB.looks()),
		line(aSells, containerA.does(nodeapi.DoBeginImmediate), containerA.sells(10)),
		line(bIsRefused, containerB.does(nodeapi.DoBeginImmediate)),
		line(bRetries, containerA.does(nodeapi.DoCommit), containerB.looks()),
		line(bSells, containerB.does(nodeapi.DoBeginImmediate), containerB.sells(5), containerB.does(nodeapi.DoCommit)),
	)},
	// The same with patience. B waits until A is done, and then writes what it has made
	// of its old look.
	{"scene", store.Separate, 5000, store.WAL, run.Begin{}, saleLost, stockScene("B looks first and waits at BEGIN",
		line(aLooks, containerA.looks()),
		line(bLooks, containerB.looks()),
		line(aSells, containerA.does(nodeapi.DoBeginImmediate), containerA.sells(10)),
		line(bIsRefused, apart(containerB.does(nodeapi.DoBeginImmediate)), containerA.does(nodeapi.DoCommit), containerB.sells(5), containerB.does(nodeapi.DoCommit)),
	)},
	// Nobody holds a lock for longer than a statement, so nobody is refused.
	{"scene without a transaction", store.Separate, 5000, store.WAL, run.Begin{}, saleLost, stockScene("nobody begins a transaction",
		line(aLooks, containerA.looks()),
		line(bLooks, containerB.looks()),
		line(aSells, containerA.sells(10)),
		line(bIsRefused, containerB.sells(5)),
	)},
}

// crowdArms have more buyers of one piece each than there are pieces. Each
// buyer finds a connection of his node's free, so that they meet in SQLite.
func crowdArms(o Options) []experiment.Arm {
	buyers := pick(o, 60, 20)
	crowd := func(name string, d store.Discipline, expected outlook) experiment.Arm {
		d.Pool = (buyers + nodes - 1) / nodes
		return single(name+"/burst", expected, run.Setup{
			Nodes: nodes, Discipline: d, Load: burst(buyers),
			Begin:    run.Begin{Item: item, Stock: pick[int64](o, 40, 12)},
			Workload: workload.Purchase{Item: item, Quantity: 1, Nodes: nodes},
		})
	}
	inOrder := outlook{refuted: "oversold sales-vanish turned-away"}
	arms := []experiment.Arm{
		// Of the few that get through some meet. How many get through is chance, and so is whether they buy more than there is.
		crowd("red", store.Red(), outlook{holds: "turned-away", either: "sales-vanish"}),
		crowd("separate/5000/WAL", quiet(store.Separate, 5000, store.WAL), outlook{holds: "oversold sales-vanish", refuted: "turned-away"}),
		crowd("deferred/5000/WAL", quiet(store.Deferred, 5000, store.WAL), outlook{holds: "turned-away", refuted: "oversold sales-vanish"}),
		crowd("immediate/5000/WAL", quiet(store.Immediate, 5000, store.WAL), inOrder),
		crowd("green", store.Green(), inOrder),
		crowd("atomic/5000/WAL", quiet(store.Atomic, 5000, store.WAL), inOrder),
	}
	return pick(o, arms, arms[:len(arms)-1])
}

// orderArms have a crowd order one piece each, and one in four cancel an order.
func orderArms(o Options) []experiment.Arm {
	clients := pick(o, 60, 24)
	arm := func(name string, d store.Discipline, expected outlook) experiment.Arm {
		d.Pool = (clients + nodes - 1) / nodes
		return single("orders/"+name, expected, run.Setup{
			Nodes: nodes, Discipline: d, Load: burst(clients),
			Begin: run.Begin{Item: item, Stock: int64(clients)},
			Workload: workload.Mix{
				A: workload.Reserve{Item: item, Quantity: 1, Nodes: nodes}, B: workload.Cancel{Orders: clients / 4, Nodes: nodes}, Share: 25,
			},
		})
	}
	return []experiment.Arm{
		arm("separate/5000/WAL", quiet(store.Separate, 5000, store.WAL), outlook{holds: "orders-disagree"}),
		arm("immediate/5000/WAL", quiet(store.Immediate, 5000, store.WAL), outlook{refuted: "orders-disagree"}),
	}
}

// sold is how many pieces a scene's containers know to be sold.
func sold(r *run.Recording) (n int64) {
	for _, e := range committed(r.Steps) {
		if e.Do == nodeapi.DoSetStock {
			n -= e.Value
		}
	}
	return n
}

func stockIsWrong(r *run.Recording) experiment.Judgement {
	begun := r.Setup.Begin.Stock
	left, _ := r.FinalRead(item)
	return judged(ruled(begun-sold(r) != left), fmt.Sprintf("%d sold, %d left of %d", sold(r), left, begun),
		"of %d pieces %d were acknowledged as sold, and %d are left", begun, sold(r), left)
}

// ofItem is what the checker found about a crowd's purchases.
func ofItem(r *run.Recording) check.Item {
	items := r.Stock().Items
	if i := slices.IndexFunc(items, func(i check.Item) bool { return i.Key == item }); i >= 0 {
		return items[i]
	}
	return check.Item{Reason: "nobody bought anything"}
}

// pieces judges a claim that some of the pieces met an end; known reports whether the
// stock was read that it takes to tell.
func pieces(r *run.Recording, i check.Item, n check.Range, end string, known bool) experiment.Judgement {
	n.Max += int64(r.Unsent)
	j := experiment.Judgement{Measured: fmt.Sprintf("%s %s", n, end), Reason: i.Reason, Witness: i.Witnesses}
	if known {
		j.Verdict = n.Above(0)
	}
	return j
}

func turnedAway(r *run.Recording) experiment.Judgement {
	left, away := ofItem(r).Left, withCode(r, nodeapi.CodeBusy, nodeapi.CodeTimeout)
	measured := fmt.Sprintf("%s turned away, %d left", away, left.Int64)
	if !left.Valid {
		return judged(check.Inconclusive, measured, "nobody knows how many pieces are left")
	}
	v := check.Refuted
	if left.Int64 > 0 {
		v = away.Above(0)
	}
	return judged(v, measured, "%s buyers were refused the lock, and %d pieces are left", away, left.Int64)
}

// Figures of a stock, of scenes and of crowds.
var (
	piecesSold = experiment.Figure{Name: "sold", Of: func(r *run.Recording) (n float64, ok bool) {
		if r.Setup.Scene != nil {
			return float64(sold(r)), unplayed(r) == ""
		}
		i := ofItem(r)
		return float64(i.Sold.Min), r.Facts != nil && i.Key == item
	}}
	piecesOversold = experiment.Figure{Name: "oversold", Of: func(r *run.Recording) (n float64, ok bool) {
		n, known := piecesSold.Of(r)
		return max(0, n-float64(r.Setup.Begin.Stock)), known
	}}
	soldInStock = experiment.Figure{Name: "sold", Of: func(r *run.Recording) (n float64, ok bool) {
		n, known := piecesSold.Of(r)
		return min(n, float64(r.Setup.Begin.Stock)), known
	}}
	piecesLeft = experiment.Figure{Name: "left", Of: func(r *run.Recording) (n float64, ok bool) {
		left, ok := r.FinalRead(item)
		return float64(left), ok
	}}
)
