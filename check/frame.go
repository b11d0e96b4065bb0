package check

import (
	"time"

	"example.com/contend/history"
)

// A noun names the ops that a frame encloses, in reasons.
type noun struct{ one, many string }

// A frame is what the recorder read and wrote before and after the ops of one
// key. The order of the history and its times must both say that the reset came
// first and the final read last: a history may lack the times, and may be
// sorted by either end.
type frame struct {
	ops                        noun
	begun                      bool // an op was seen that may have taken effect
	lastReturned               time.Duration
	reset, final               history.Op
	resets, finals, finalEarly bool
	spoilt                     string // why nothing can be said; empty where something can
}

// begin notes an op that may have taken effect.
func (f *frame) begin(op *history.Op) {
	f.begun = true
	if f.resets && op.Invoked < f.reset.Returned {
		f.spoil(f.ops.one + " was sent before the reset had returned")
	}
}

// acknowledge notes an op that did.
func (f *frame) acknowledge(op *history.Op) {
	f.lastReturned = max(f.lastReturned, op.Returned)
	f.finalEarly = f.finals
}

func (f *frame) addReset(op *history.Op) {
	switch {
	case op.Outcome == history.Failed:
		return
	case op.Outcome != history.OK:
		f.spoil("a reset ended unknown, and may take effect at any time")
	case !op.Value.Valid:
		f.spoil("a reset does not say to which value")
	case f.begun:
		f.spoil("it was reset after " + f.ops.many + " had begun")
	case f.resets && op.Invoked < f.reset.Returned:
		f.spoil("two resets were made at once")
	}
	f.reset, f.resets = *op, true
}

func (f *frame) addFinal(op *history.Op) {
	if op.Outcome == history.OK && op.Value.Valid {
		f.final, f.finals = *op, true
		f.finalEarly = op.Invoked < f.lastReturned
	}
}

// spoil keeps the first reason.
func (f *frame) spoil(reason string) {
	if f.spoilt == "" {
		f.spoilt = reason
	}
}

// began returns the value that the reset says, if there is one to trust.
func (f *frame) began() history.Value {
	if f.resets && f.spoilt == "" {
		return f.reset.Value
	}
	return history.Value{}
}

// ended returns what the final read found, if there is one to trust.
func (f *frame) ended() history.Value {
	if f.finals && !f.finalEarly {
		return f.final.Value
	}
	return history.Value{}
}
