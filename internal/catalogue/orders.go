package catalogue

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// ordersClaim is about an operation that writes two tables: the stock and the order.
func ordersClaim() experiment.Claim {
	return claim("orders-disagree", source(641, "データの不整合"),
		"In the end the stock and the open orders are together not what the stock was at first.",
		experiment.Each(ordersDisagree))
}

// orderArms have a crowd order one piece each, and one in four cancel an order.
func orderArms(o Options) []experiment.Arm {
	clients := pick(o, 60, 24)
	arm := func(name string, d store.Discipline, expected outlook) experiment.Arm {
		d.Pool = (clients + nodes - 1) / nodes
		return experiment.Arm{Name: "orders/" + name, Expect: expected.expect(), Trials: experiment.Single(run.Setup{
			Nodes: nodes, Discipline: d, Load: burst(clients),
			Begin: run.Begin{Item: item, Stock: int64(clients)},
			Workload: workload.Mix{
				A: workload.Reserve{Item: item, Quantity: 1, Nodes: nodes}, B: workload.Cancel{Orders: clients / 4, Nodes: nodes}, Share: 25,
			},
		})}
	}
	return []experiment.Arm{
		arm("separate/5000/WAL", quiet(store.Separate, 5000, store.WAL), outlook{holds: "orders-disagree"}),
		arm("immediate/5000/WAL", quiet(store.Immediate, 5000, store.WAL), outlook{refuted: "orders-disagree"}),
	}
}

// ordersDisagree judges one recording: the claim is the opposite of the checker's.
func ordersDisagree(r *run.Recording) experiment.Judgement {
	found := r.Orders()
	j := experiment.Judgement{Measured: "nothing was ordered", Reason: found.Reason, Witness: found.Witnesses}
	for _, i := range found.Items {
		j.Measured = fmt.Sprintf("%d ordered, %d left of %d: %+d", i.Open, i.Left.Int64, i.Initial.Int64, i.Off)
	}
	if found.Verdict != check.Inconclusive {
		j.Verdict = ruled(found.Verdict == check.Refuted)
	}
	return whole(r, j)
}
