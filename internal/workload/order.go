package workload

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
)

// Reserve orders Quantity pieces of Item with every call.
type Reserve struct {
	Item     string `json:"item"`
	Quantity int64  `json:"quantity"`
	Nodes    int    `json:"nodes,omitempty"` // as in [Increment]
}

// Call returns the reservation that process sends next.
func (w Reserve) Call(process, _ int, _ *rand.Rand) Call {
	op := history.Op{Func: history.Reserve, Key: w.Item, Amount: w.Quantity, Node: node(1, w.Nodes, process)}
	return post(op, nodeapi.PathReserve, nodeapi.ReserveRequest{Item: w.Item, Quantity: w.Quantity})
}

// String says what the clients do.
func (w Reserve) String() string { return fmt.Sprintf("order %d of one item", w.Quantity) }

// Cancel cancels one of the first orders with every call. One that does not exist
// yet is refused, and so is one that is cancelled already.
type Cancel struct {
	Orders int `json:"orders"`          // the ids 1 to Orders are drawn uniformly
	Nodes  int `json:"nodes,omitempty"` // as in [Increment]
}

// Call returns the cancel that process sends next. It draws the order.
func (w Cancel) Call(process, _ int, rng *rand.Rand) Call {
	order := 1 + rng.Int64N(int64(w.Orders))
	op := history.Op{Func: history.Cancel, Key: strconv.FormatInt(order, 10), Node: node(1, w.Nodes, process)}
	return post(op, nodeapi.PathCancel, nodeapi.CancelRequest{Order: order})
}

// String says what the clients do.
func (w Cancel) String() string { return fmt.Sprintf("cancel one of %d orders", w.Orders) }
