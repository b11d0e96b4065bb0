package workload

import (
	"fmt"
	"math/rand/v2"
)

// Roles gives the first processes one workload and all others another. It is
// comparable if both of them are.
type Roles struct {
	First int // how many processes make A's calls; the others make B's
	A, B  Workload
}

// Call returns the call that process, in its role, sends next.
func (w Roles) Call(process, n int, rng *rand.Rand) Call {
	if process < w.First {
		return w.A.Call(process, n, rng)
	}
	return w.B.Call(process, n, rng)
}

// String says what is asked by whom.
func (w Roles) String() string {
	first := fmt.Sprintf("the first %d clients", w.First)
	if w.First == 1 {
		first = "the first client"
	}
	return fmt.Sprintf("%s: %v; the others: %v", first, w.A, w.B)
}
