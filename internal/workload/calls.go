package workload

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
)

// Increment adds one with every call: to the counter Key or, with Keys above 0,
// to one of as many counters, drawn uniformly and called as [Counter] says.
//
// With Nodes above 0, process p asks node p%Nodes+1 by name. That is the
// source's choice in both of its patterns: request i of a burst (process i) goes
// to app-(i%4+1), and in a sequence each container has a process of its own.
type Increment struct {
	Key   string `json:"key"`             // the counter's name, or what the names of several begin with
	Keys  int    `json:"keys,omitempty"`  // how many counters; 0: the one called Key
	Nodes int    `json:"nodes,omitempty"` // how many nodes to ask by name; 0 asks any node
	Own   bool   `json:"own,omitempty"`   // each node that is asked by name has a counter of its own, and Keys is 0
}

// Counter returns the name of counter i, from 0, of those whose common name is
// key: "counter-1".
func Counter(key string, i int) string { return key + "-" + strconv.Itoa(i+1) }

// Call returns the increment that process sends next. It draws the counter,
// where there are several.
func (w Increment) Call(process, _ int, rng *rand.Rand) Call {
	op := history.Op{Func: history.Increment, Key: counter(w.Key, w.Keys, rng), Node: node(1, w.Nodes, process)}
	if w.Own {
		op.Key = Counter(w.Key, process%w.Nodes)
	}
	if body, ok := plainBody("key", op.Key); ok {
		return Call{Op: op, Method: http.MethodPost, Path: address(op.Node, nodeapi.PathIncrement), Body: body}
	}
	return post(op, nodeapi.PathIncrement, nodeapi.IncrementRequest{Key: op.Key})
}

// String says what is asked: "increment one counter".
func (w Increment) String() string {
	if w.Own {
		return "increment a counter of each node"
	}
	return "increment " + counters(w.Keys)
}

// Read reads with every call: the counter Key or, with Keys above 0, one of
// as many counters, as in [Increment].
type Read struct {
	Key   string `json:"key"`
	Keys  int    `json:"keys,omitempty"`  // as in [Increment]
	Nodes int    `json:"nodes,omitempty"` // as in [Increment]
}

// Call returns the read that process sends next. It draws the counter, where
// there are several.
func (w Read) Call(process, _ int, rng *rand.Rand) Call {
	op := history.Op{Func: history.Read, Key: counter(w.Key, w.Keys, rng), Node: node(1, w.Nodes, process)}
	path := address(op.Node, nodeapi.PathCounter) + "?key=" + url.QueryEscape(op.Key)
	return Call{Op: op, Method: http.MethodGet, Path: path}
}

// String says what is asked.
func (w Read) String() string { return "read " + counters(w.Keys) }

// Write inserts one row with every call. The row's data begin with a tag that
// no other call of the run has, and the op's Key is that tag: see [Tag].
type Write struct {
	Nodes int `json:"nodes,omitempty"` // as in [Increment]
	First int `json:"first,omitempty"` // number of the first of those nodes; 0 means 1
	Size  int `json:"size,omitempty"`  // bytes of random payload after the tag; 0: the data are the tag alone
}

// Call returns the n-th write of process.
func (w Write) Call(process, n int, rng *rand.Rand) Call {
	tag := fmt.Sprintf("%d-%d-%016x", process, n, rng.Uint64())
	data := tag
	if w.Size > 0 {
		data += tagEnd + letters(w.Size, rng)
	}
	op := history.Op{Func: history.Write, Key: tag, Node: node(max(w.First, 1), w.Nodes, process)}
	return post(op, nodeapi.PathWrite, nodeapi.WriteRequest{Data: data})
}

// String says what is asked, with the payload's size.
func (w Write) String() string {
	if w.Size > 0 {
		return fmt.Sprintf("insert rows of %d bytes", w.Size)
	}
	return "insert small rows"
}

const tagEnd = ":"

// Tag returns the tag of a row that a [Write] inserted.
func Tag(data string) string {
	tag, _, _ := strings.Cut(data, tagEnd)
	return tag
}

// Purchase takes Quantity pieces of Item with every call.
type Purchase struct {
	Item     string `json:"item"`
	Quantity int64  `json:"quantity"`
	Nodes    int    `json:"nodes,omitempty"` // as in [Increment]
}

// Call returns the purchase that process sends next.
func (w Purchase) Call(process, _ int, _ *rand.Rand) Call {
	op := history.Op{Func: history.Purchase, Key: w.Item, Amount: w.Quantity, Node: node(1, w.Nodes, process)}
	return post(op, nodeapi.PathPurchase, nodeapi.PurchaseRequest{Item: w.Item, Quantity: w.Quantity})
}

// String says what is asked.
func (w Purchase) String() string { return fmt.Sprintf("buy %d of one item", w.Quantity) }

// Transfer moves a random amount between two random accounts with every call.
type Transfer struct {
	Accounts int   `json:"accounts"`        // how many there are, named as [Account] says; at least two
	Max      int64 `json:"max,omitempty"`   // an amount is 1 to Max; 0 means 1
	Nodes    int   `json:"nodes,omitempty"` // as in [Increment]
}

// Account returns the name of account i, from 0: "account-1".
func Account(i int) string { return "account-" + strconv.Itoa(i+1) }

// Call returns the transfer that process sends next. It draws the accounts,
// which always differ, and the amount.
func (w Transfer) Call(process, _ int, rng *rand.Rand) Call {
	from := rng.IntN(w.Accounts)
	to := rng.IntN(w.Accounts - 1)
	if to >= from {
		to++
	}
	op := history.Op{
		Func: history.Transfer, Node: node(1, w.Nodes, process),
		Key: Account(from), To: Account(to), Amount: 1 + rng.Int64N(max(w.Max, 1)),
	}
	return post(op, nodeapi.PathTransfer, nodeapi.TransferRequest{From: op.Key, To: op.To, Amount: op.Amount})
}

// String says what is asked.
func (w Transfer) String() string { return fmt.Sprintf("transfers among %d accounts", w.Accounts) }

// Total adds up all balances with every call.
type Total struct {
	Nodes int `json:"nodes,omitempty"` // as in [Increment]
}

// balances is the Key of every total, as history says.
const balances = "balances"

// Call returns the total that process asks for next.
func (w Total) Call(process, _ int, _ *rand.Rand) Call {
	op := history.Op{Func: history.Total, Key: balances, Node: node(1, w.Nodes, process)}
	return Call{Op: op, Method: http.MethodGet, Path: address(op.Node, nodeapi.PathTotal)}
}

// String says what is asked.
func (w Total) String() string { return "add up all balances" }

// Mix makes each call one of two workloads', by chance.
type Mix struct {
	A, B  Workload
	Share int // of B, in percent of the calls; the rest are A's
}

// Call draws whose call is next, and returns it.
func (w Mix) Call(process, n int, rng *rand.Rand) Call {
	if rng.IntN(100) < w.Share {
		return w.B.Call(process, n, rng)
	}
	return w.A.Call(process, n, rng)
}

// String says what is asked, and how often each.
func (w Mix) String() string {
	return fmt.Sprintf("%d %% %v, %d %% %v", 100-w.Share, w.A, w.Share, w.B)
}

// Roles gives the first processes one workload and all others another.
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

// counter returns key, or draws one of keys counters whose common name it is. It
// draws nothing where there is one to choose from, so that seeds go on naming
// the same calls.
func counter(key string, keys int, rng *rand.Rand) string {
	if keys == 0 {
		return key
	}
	return Counter(key, rng.IntN(keys))
}

// counters says how many counters there are to choose from, in words.
func counters(keys int) string {
	if keys == 0 {
		return "one counter"
	}
	return fmt.Sprintf("one of %d counters", keys)
}

// node returns the name of the node that process asks, "" for any.
func node(first, nodes, process int) string {
	if nodes == 0 {
		return ""
	}
	return "app-" + strconv.Itoa(first+process%nodes)
}

// address returns the path that asks node by name, or any node.
func address(node, path string) string {
	if node == "" {
		return path
	}
	return "/" + node + path
}

func post(op history.Op, path string, request any) Call {
	body, err := json.Marshal(request)
	if err != nil {
		panic(err) // the requests hold strings and integers: there is nothing to refuse
	}
	return Call{Op: op, Method: http.MethodPost, Path: address(op.Node, path), Body: body}
}

// plainBody returns the JSON object {name: value} where value needs no escapes.
func plainBody(name, value string) (body []byte, ok bool) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || strings.IndexByte(`"\<>&`, c) >= 0 {
			return nil, false
		}
	}
	body = make([]byte, 0, len(name)+len(value)+7)
	body = append(append(append(body, '{', '"'), name...), '"', ':', '"')
	return append(append(body, value...), '"', '}'), true
}

func letters(n int, rng *rand.Rand) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rng.IntN(26))
	}
	return string(b)
}

// Counters returns the counters that w changes, each once. Only is false where
// w changes anything else, which cannot be read back counter by counter.
func Counters(w Workload) (keys []string, only bool) {
	switch w := w.(type) {
	case Increment:
		n := w.Keys
		if w.Own {
			n = w.Nodes
		}
		if n == 0 {
			return []string{w.Key}, true
		}
		for i := range n {
			keys = append(keys, Counter(w.Key, i))
		}
		return keys, true
	case Read, Total:
		return nil, true
	case Mix:
		return bothCounters(w.A, w.B)
	case Roles:
		return bothCounters(w.A, w.B)
	}
	return nil, false
}

func bothCounters(a, b Workload) (keys []string, only bool) {
	first, onlyFirst := Counters(a)
	second, onlySecond := Counters(b)
	keys = slices.Concat(first, second)
	slices.Sort(keys)
	return slices.Compact(keys), onlyFirst && onlySecond
}
