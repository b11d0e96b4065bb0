// Package workload decides what clients ask of the nodes, and reads what they
// are told in return. It sends nothing: package load does.
//
// Two ideas carry it. A workload draws chance only from the generator it is
// given, so that a seed names a run: two runs with one seed send the same
// calls. And an answer counts for no more than it proves: [Call.Answer] takes a
// success only from a whole and fitting body, a refusal only where the status
// says that nothing changed, and calls all the rest unknown.
package workload

import (
	"math/rand/v2"

	"example.com/contend/history"
)

// A Call is one request, ready to be sent: what it means for the history, and
// the bytes that say it over HTTP.
type Call struct {
	Op     history.Op // Func, Key, To and Amount, and in Node the node asked ("" for any)
	Method string
	Path   string // with the query; "/app-2/api/increment" where a node is asked by name
	Body   []byte // JSON; nil for GET
}

// A Workload says what call a client makes next. Call is asked for the n-th
// call (from 0) of client process, in any order and from several goroutines
// at once, each with a generator of its own; its answer depends on nothing else.
// Its dynamic type is comparable, so that a setup which holds one can be a map's key.
type Workload interface {
	Call(process, n int, rng *rand.Rand) Call
	String() string // what is asked, in a few words: "increment one counter"
}
