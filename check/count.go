package check

import "example.com/contend/history"

// A count gathers the ops of one counter as they come by.
type count struct {
	frame
	key                    string
	acked, failed, unknown int64
	unvalued               int64    // acked, without a value
	told                   receipts // acked, with one
}

var increments = noun{"an increment", "increments"}

func (c *count) add(op *history.Op) {
	switch op.Func {
	case history.Increment:
		c.addIncrement(op)
	case history.Reset:
		c.addReset(op)
	case history.FinalRead:
		c.addFinal(op)
	}
}

func (c *count) addIncrement(op *history.Op) {
	if op.Outcome == history.Failed {
		c.failed++
		return
	}
	c.begin(op)
	if op.Outcome != history.OK {
		c.unknown++
		return
	}
	c.acked++
	c.acknowledge(op)
	if op.Value.Valid {
		c.told.add(op)
	} else {
		c.unvalued++
	}
}
