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
	"encoding/json"
	"errors"
	"math/rand/v2"

	"example.com/contend/history"
	"example.com/contend/internal/tagged"
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
// It is one of the types of this package.
type Workload interface {
	Call(process, n int, rng *rand.Rand) Call
	String() string // what is asked, in a few words: "increment one counter"
}

// workloads names the workloads in JSON. It is filled in by init, because a [Mix] reads
// its own parts by it.
var workloads tagged.Table[Workload]

func init() {
	workloads = tagged.Table[Workload]{
		{Name: "increment", Type: Increment{}}, {Name: "read", Type: Read{}}, {Name: "write", Type: Write{}},
		{Name: "purchase", Type: Purchase{}}, {Name: "transfer", Type: Transfer{}}, {Name: "total", Type: Total{}},
		{Name: "reserve", Type: Reserve{}}, {Name: "cancel", Type: Cancel{}},
		{Name: "mix", Type: Mix{}}, {Name: "roles", Type: Roles{}},
	}
}

// Marshal returns w as JSON, an object with one member: {"increment": {"key": "counter"}}.
// A nil workload is null.
func Marshal(w Workload) ([]byte, error) { return workloads.Marshal(w) }

// Unmarshal reads what Marshal writes.
func Unmarshal(data []byte) (Workload, error) { return workloads.Unmarshal(data) }

// A pair is a [Mix] or [Roles] as JSON has them.
type pair struct {
	Share int  `json:"share,omitempty"`
	First int  `json:"first,omitempty"`
	A     part `json:"a"`
	B     part `json:"b"`
}

// A part is a workload in JSON as [Marshal] writes it.
type part struct{ Workload }

// MarshalJSON writes what UnmarshalJSON reads.
func (p part) MarshalJSON() ([]byte, error) { return Marshal(p.Workload) }

// UnmarshalJSON reads what MarshalJSON writes.
func (p *part) UnmarshalJSON(data []byte) (err error) {
	p.Workload, err = Unmarshal(data)
	return err
}

func unmarshalPair(data []byte) (p pair, err error) {
	err = json.Unmarshal(data, &p)
	if err == nil && (p.A.Workload == nil || p.B.Workload == nil) {
		err = errors.New("want two workloads, a and b")
	}
	return p, err
}

// MarshalJSON writes both parts, each as [Marshal] does.
func (w Mix) MarshalJSON() ([]byte, error) {
	return json.Marshal(pair{Share: w.Share, A: part{w.A}, B: part{w.B}})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Mix) UnmarshalJSON(data []byte) error {
	p, err := unmarshalPair(data)
	*w = Mix{A: p.A.Workload, B: p.B.Workload, Share: p.Share}
	return err
}

// MarshalJSON writes both parts, each as [Marshal] does.
func (w Roles) MarshalJSON() ([]byte, error) {
	return json.Marshal(pair{First: w.First, A: part{w.A}, B: part{w.B}})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Roles) UnmarshalJSON(data []byte) error {
	p, err := unmarshalPair(data)
	*w = Roles{First: p.First, A: p.A.Workload, B: p.B.Workload}
	return err
}
