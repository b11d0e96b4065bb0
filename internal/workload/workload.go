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
	"fmt"
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

// A pair is the two parts of a [Mix] or of [Roles] as JSON has them.
type pair struct {
	Share int             `json:"share,omitempty"`
	First int             `json:"first,omitempty"`
	A     json.RawMessage `json:"a"`
	B     json.RawMessage `json:"b"`
}

func marshalPair(p pair, a, b Workload) (data []byte, err error) {
	if p.A, err = Marshal(a); err != nil {
		return nil, err
	}
	if p.B, err = Marshal(b); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func unmarshalPair(data []byte) (p pair, a, b Workload, err error) {
	if err := json.Unmarshal(data, &p); err != nil {
		return p, nil, nil, err
	}
	if a, err = Unmarshal(p.A); err == nil {
		b, err = Unmarshal(p.B)
	}
	if err == nil && (a == nil || b == nil) {
		err = fmt.Errorf("want two workloads, a and b")
	}
	return p, a, b, err
}

// MarshalJSON writes both parts, each as [Marshal] does.
func (w Mix) MarshalJSON() ([]byte, error) { return marshalPair(pair{Share: w.Share}, w.A, w.B) }

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Mix) UnmarshalJSON(data []byte) error {
	p, a, b, err := unmarshalPair(data)
	*w = Mix{A: a, B: b, Share: p.Share}
	return err
}

// MarshalJSON writes both parts, each as [Marshal] does.
func (w Roles) MarshalJSON() ([]byte, error) { return marshalPair(pair{First: w.First}, w.A, w.B) }

// UnmarshalJSON reads what MarshalJSON writes.
func (w *Roles) UnmarshalJSON(data []byte) error {
	p, a, b, err := unmarshalPair(data)
	*w = Roles{First: p.First, A: a, B: b}
	return err
}
