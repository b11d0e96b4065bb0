package check

import (
	"time"

	"example.com/contend/history"
)

// A count gathers the ops of one counter as they come by. The order of the
// history and its times must both say that the reset came first and the final
// read last: a history may lack the times, and may be sorted by either end.
type count struct {
	key                        string
	acked, failed, unknown     int64
	unvalued                   int64    // acked, without a value
	told                       receipts // acked, with one
	begun                      bool     // an increment was seen that may have taken effect
	lastReturned               time.Duration
	reset, final               history.Op
	resets, finals, finalEarly bool
	spoilt                     string // why nothing can be said; empty where something can
}

func (c *count) add(op *history.Op) {
	switch {
	case op.Func == history.Increment:
		c.addIncrement(op)
	case op.Func == history.Reset && op.Outcome != history.Failed:
		c.addReset(op)
	case op.Func == history.FinalRead && op.Outcome == history.OK && op.Value.Valid:
		c.final, c.finals = *op, true
		c.finalEarly = op.Invoked < c.lastReturned
	}
}

func (c *count) addIncrement(op *history.Op) {
	if op.Outcome == history.Failed {
		c.failed++
		return
	}
	c.begun = true
	if c.resets && op.Invoked < c.reset.Returned {
		c.spoil("an increment was sent before the reset had returned")
	}
	if op.Outcome != history.OK {
		c.unknown++
		return
	}
	c.acked++
	c.lastReturned = max(c.lastReturned, op.Returned)
	c.finalEarly = c.finals
	if op.Value.Valid {
		c.told.add(op)
	} else {
		c.unvalued++
	}
}

func (c *count) addReset(op *history.Op) {
	switch {
	case op.Outcome != history.OK:
		c.spoil("a reset ended unknown, and may take effect at any time")
	case !op.Value.Valid:
		c.spoil("a reset does not say to which value")
	case c.begun:
		c.spoil("it was reset after increments had begun")
	case c.resets && op.Invoked < c.reset.Returned:
		c.spoil("two resets were made at once")
	}
	c.reset, c.resets = *op, true
}

// spoil keeps the first reason.
func (c *count) spoil(reason string) {
	if c.spoilt == "" {
		c.spoilt = reason
	}
}
