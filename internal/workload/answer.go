package workload

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
)

// Answer fills in what an HTTP answer says of the call's op: Outcome,
// Status, Attempts, and as far as the body tells them Value, Node, Code and
// Extended. Attempts is the value of [nodeapi.HeaderAttempts], 0 where it is
// missing.
//
// Only status 200 with the contract's JSON is OK; a body that is cut, garbled
// or speaks of something else is unknown with [nodeapi.CodeBadAnswer]. A status
// that is [nodeapi.Certain] is failed whatever the body; where that names no code,
// the code is "HTTP_" and the status. Everything else is unknown.
func (c *Call) Answer(status, attempts int, body []byte) {
	op := &c.Op
	op.Status, op.Attempts = status, min(attempts, maxAttempts)
	a, err := parse(body)
	if a.Container != "" {
		op.Node = a.Container
	}
	if status == http.StatusOK {
		value, confirmed := a.confirms(op)
		if err == nil && confirmed {
			op.Outcome, op.Value = history.OK, value
		} else {
			op.Code = nodeapi.CodeBadAnswer
		}
		return
	}
	op.Code, op.Extended = a.Code, a.Extended
	if nodeapi.Certain(status) {
		op.Outcome = history.Failed
		if op.Code == "" {
			op.Code = "HTTP_" + strconv.Itoa(status)
		}
	} else if op.Code == "" {
		op.Code = nodeapi.CodeBadAnswer
	}
}

// absent is the value of a number that an answer did not have.
const absent = math.MinInt64

// An answer is any answer of a node: the fields of all of them.
type answer struct {
	Success bool  `json:"success"`
	Value   int64 `json:"value"`
	ID      int64 `json:"id"`
	Left    int64 `json:"left"`

	Total    int64 `json:"total"`
	Accounts int64 `json:"accounts"`

	Key    string `json:"key"`
	Item   string `json:"item"`
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`

	Container string `json:"container"`
	Code      string `json:"code"`
	Extended  string `json:"extended"`
}

// blank is an answer that says nothing.
var blank = answer{Value: absent, ID: absent, Left: absent, Total: absent, Accounts: absent, Amount: absent}

// maxName bounds, in bytes, what a load keeps of each answer: a node has a name of 64, and
// SQLite's longest code has 33.
const maxName = 64

// maxAttempts is more than any node makes of one request, and what a load may add up.
const maxAttempts = 1_000_000

var errNames = fmt.Errorf("a name or a code has more than %d bytes", maxName)

// parse returns the answer in body, a blank one where there is an error.
func parse(body []byte) (a answer, err error) {
	if a = blank; !a.scan(body) {
		a, err = unmarshal(body)
	}
	if max(len(a.Container), len(a.Code), len(a.Extended)) > maxName {
		return blank, errNames
	}
	return a, err
}

// unmarshal is apart from parse so that only its answer lives on the heap.
func unmarshal(body []byte) (answer, error) {
	a := blank
	if err := json.Unmarshal(body, &a); err != nil {
		return blank, err
	}
	return a, nil
}

// confirms returns the number that a carries as an answer to op, and whether a is a
// whole success that speaks of op and not of some other call: answers can be mixed up
// on the way.
func (a *answer) confirms(op *history.Op) (value history.Value, ok bool) {
	switch op.Func {
	case history.Increment:
		return history.Some(a.Value), a.Success && a.Value != absent
	case history.Write, history.Reserve:
		return history.Some(a.ID), a.Success && a.ID != absent
	case history.Cancel:
		return value, a.Success && strconv.FormatInt(a.ID, 10) == op.Key
	case history.Read:
		return history.Some(a.Value), a.Key == op.Key && a.Value != absent
	case history.Purchase:
		return history.Some(a.Left), a.Success && a.Item == op.Key && a.Left != absent
	case history.Transfer:
		return value, a.Success && a.From == op.Key && a.To == op.To && a.Amount == op.Amount
	case history.Total:
		return history.Some(a.Total), op.Key == balances && a.Total != absent && a.Accounts != absent
	}
	return value, false
}
