package catalogue

import (
	"fmt"
	"math"
	"slices"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/script"
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
			experiment.Axis{Label: "of the reads, of the money", Unit: "%"}, isCrowd, wrongTotals, moneyOff)},
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
	arm := func(which string, s *script.Script, t store.Transaction, j store.Journal, e expects) experiment.Arm {
		setup := staged(s, t, patience, j)
		setup.Begin = experiment.Begin{Accounts: 2, Balance: 100}
		e["money-is-wrong"] = experiment.ExpectRefuted
		return sceneArm(which, setup, e)
	}
	const holds, refuted = experiment.ExpectHolds, experiment.ExpectRefuted
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
		requests = 160
	}
	arm := func(t store.Transaction, e experiment.Expectation) experiment.Arm {
		return experiment.Arm{
			Name: string(t) + "/5000/WAL/transfers",
			Trials: experiment.Single(experiment.Setup{
				Nodes: nodes, Discipline: quiet(t, 5000, store.WAL), Load: sequence(clients, requests),
				Begin: experiment.Begin{Accounts: accounts, Balance: 1000},
				Workload: workload.Mix{
					A: workload.Transfer{Accounts: accounts, Max: 100, Nodes: nodes},
					B: workload.Total{Nodes: nodes}, Share: 20,
				},
			}),
			Expect: expects{"money-is-wrong": e},
		}
	}
	return []experiment.Arm{
		arm(store.Separate, experiment.ExpectHolds),
		arm(store.Deferred, experiment.ExpectRefuted),
		arm(store.Immediate, experiment.ExpectRefuted),
	}
}

// Figures of payments.
var (
	paymentsMade = experiment.Figure{Name: "payments in the history", Of: func(r *experiment.Recording) (float64, bool) {
		if r.Facts == nil {
			return 0, false
		}
		return float64(r.Facts.Payments), true
	}}
	wrongTotals = experiment.Figure{Name: "reads that find another sum", Unit: "%", Of: func(r *experiment.Recording) (float64, bool) {
		b := r.Bank()
		if b.Totals == 0 || !b.Initial.Valid {
			return 0, false
		}
		return 100 * float64(b.Wrong) / float64(b.Totals), true
	}}
	moneyOff = experiment.Figure{Name: "money gone or made in the end", Unit: "%", Of: func(r *experiment.Recording) (float64, bool) {
		b := r.Bank()
		if !b.Initial.Valid || !b.Final.Valid || b.Initial.Int64 == 0 || r.Setup.Script != nil {
			return 0, false
		}
		return 100 * math.Abs(float64(b.Final.Int64-b.Initial.Int64)) / float64(b.Initial.Int64), true
	}}
)
