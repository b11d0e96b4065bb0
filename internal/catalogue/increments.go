package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/load"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// patience is how long a client waits: longer than green may take, which is
// four times its busy_timeout and 1, 2 and 4 s between.
const patience = 45 * time.Second

// The seed's load: 100 increments of one key over four containers.
const (
	nodes      = 4
	increments = 100
)

// arrivals are the two ways in which 100 increments come. The seed's is the
// burst; the sequence shows how much of an answer is the arrival's doing.
var arrivals = []load.Spec{
	{Arrival: load.Burst, Clients: increments, Requests: increments, Timeout: patience},
	{Arrival: load.Sequence, Clients: nodes, Requests: increments, Timeout: patience},
}

// incrementArms returns the arms in which 100 increments run: the seed's red
// and green, and between them every transaction style, without patience and
// with five seconds of it, in both journals, all else equal. expect says, by
// claim ID, what is expected of each.
func incrementArms(expect map[string]func(experiment.Setup) experiment.Expectation) []experiment.Arm {
	var arms []experiment.Arm
	add := func(name string, d store.Discipline) {
		for _, arrival := range arrivals {
			s := experiment.Setup{
				Nodes: nodes, Discipline: d, Load: arrival,
				Workload: workload.Increment{Key: "counter", Nodes: nodes},
			}
			arm := experiment.Arm{
				Name: name + "/" + string(arrival.Arrival), Setup: s,
				Expect: map[string]experiment.Expectation{},
			}
			for claim, of := range expect {
				arm.Expect[claim] = of(s)
			}
			arms = append(arms, arm)
		}
	}
	add("red", store.Red())
	for _, transaction := range store.Transactions {
		for _, timeout := range []store.Milliseconds{0, 5000} {
			for _, journal := range []store.Journal{store.Delete, store.WAL} {
				d := store.Red()
				d.Transaction, d.BusyTimeout, d.Journal, d.Think = transaction, timeout, journal, 0
				add(fmt.Sprintf("%s/%d/%s", transaction, timeout, journal), d)
			}
		}
	}
	add("green", store.Green())
	return arms
}
