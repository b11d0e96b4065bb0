package catalogue

import (
	"fmt"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

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

// ordersDisagree judges the opposite of what the checker does.
func ordersDisagree(r *run.Recording) experiment.Judgement {
	found := r.Orders()
	j := experiment.Judgement{Measured: "nothing was ordered", Reason: found.Reason, Witness: found.Witnesses}
	for _, i := range found.Items {
		j.Measured = fmt.Sprintf("%d ordered, %d left of %d: %+d", i.Open, i.Left.Int64, i.Initial.Int64, i.Off)
	}
	j.Verdict = found.Verdict.Not()
	return whole(r, j)
}
