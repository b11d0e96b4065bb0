// Package load sends a workload's calls at the times that an arrival pattern
// says, and records what came of each as a history.
//
// Two rules make its figures worth something. Latency counts from the moment a
// call was due, so a stalled server cannot hide behind a client that waited
// politely. And a call is sent once: an answer that did not come is recorded
// as unknown and never asked for again.
//
// [Run] drives a load through a [Client] for each logical client; [HTTP] makes
// clients that speak to a node or a balancer. The package decides neither what
// is asked (package workload) nor what the history proves (package check).
package load

import (
	"context"
	"time"

	"example.com/contend/history"
	data "example.com/contend/internal/run"
	"example.com/contend/internal/workload"
)

// A load as data stands in package run, with what it says of its arrivals.
type (
	Spec    = data.Load
	Arrival = data.Arrival
	Phase   = data.Phase
)

// The arrivals.
const (
	Burst    = data.Burst
	Sequence = data.Sequence
	Closed   = data.Closed
	Open     = data.Open
)

// DefaultTimeout is how long a client waits for an answer where the load does not say.
const DefaultTimeout = data.DefaultTimeout

// A Client makes one call at a time over a connection of its own. Do fills in,
// in call.Op, everything that the answer decides (Outcome, Status, Code, Value,
// Node, …) and never sends a call twice. Times are the driver's business.
//
// Connect and Do are told what time it is, and return when they are done, at
// timeout after now, or when ctx is done. All calls of a client get the same
// ctx, and the timeout stands beside it: a context for every op would cost a
// good part of what sending it does.
type Client interface {
	Connect(ctx context.Context, now time.Time, timeout time.Duration) error // before the load starts, so that dialling is not part of the first op
	Do(ctx context.Context, call *workload.Call, now time.Time, timeout time.Duration)
	Close() error
}

// A Result is what a load did.
type Result struct {
	Started time.Time    // when the load's clock began: all times of Ops count from here
	Ops     []history.Op // by Invoked; Index is the position
	Dropped int          // Open: arrivals that were due and never sent, because the load ended before a client was free
}
