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
	"fmt"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/workload"
)

// An Arrival says when calls are sent.
type Arrival string

const (
	Burst    Arrival = "burst"    // all Requests at once, a connection each
	Sequence Arrival = "sequence" // each client makes its share of Requests back to back
	Closed   Arrival = "closed"   // each client makes calls back to back until Duration is over
	Open     Arrival = "open"     // calls come at Rate, evenly spaced, whatever the answers do; Clients send them
)

// A Spec is a load. Which fields count depends on Arrival.
type Spec struct {
	Arrival  Arrival       `json:"arrival"`
	Clients  int           `json:"clients"`              // logical clients, a connection each; Burst: as many as Requests
	Requests int           `json:"requests,omitempty"`   // Burst, Sequence: how many in all
	Rate     float64       `json:"rate_per_s,omitempty"` // Open: arrivals a second
	Duration time.Duration `json:"-"`                    // Closed, Open: how long
	Then     Phase         `json:"then,omitzero"`        // Open: what follows when Duration is over; zero: nothing
	Timeout  time.Duration `json:"-"`                    // a client stops waiting after this; 0 means DefaultTimeout
}

// DefaultTimeout is how long a client waits for an answer.
const DefaultTimeout = 30 * time.Second

// maxArrivals bounds the memory of an open load: a history of as many ops takes 2 GB.
const maxArrivals = 10_000_000

// Planned returns how many calls there will be, 0 where that is not known (Closed).
func (s Spec) Planned() int {
	if s.Arrival == Open {
		return s.arrivals()
	}
	return s.Requests
}

// Validate returns an error that names the first field that does not fit the arrival.
func (s Spec) Validate() error {
	if s.Timeout < 0 {
		return fmt.Errorf("%s: want a timeout of 0 or more, have %s", s.Arrival, s.Timeout)
	}
	switch s.Arrival {
	case Burst:
		if s.Requests < 1 || s.Clients != s.Requests {
			return fmt.Errorf("burst: want as many clients as requests, have %d and %d", s.Clients, s.Requests)
		}
	case Sequence:
		if s.Clients < 1 || s.Requests < s.Clients || s.Requests%s.Clients != 0 {
			return fmt.Errorf("sequence: %d requests do not divide over %d clients", s.Requests, s.Clients)
		}
	case Closed, Open:
		if s.Clients < 1 || s.Duration <= 0 {
			return fmt.Errorf("%s: want clients and a duration, have %d and %s", s.Arrival, s.Clients, s.Duration)
		}
	default:
		return fmt.Errorf("arrival %q is none of burst, sequence, closed, open", s.Arrival)
	}
	return s.validatePhases()
}

// validatePhases checks the rates that only an open load has.
func (s Spec) validatePhases() error {
	two := s.Then != Phase{}
	if s.Arrival != Open {
		if two {
			return fmt.Errorf("%s: only an open load has a second phase", s.Arrival)
		}
		return nil
	}
	if !(s.Rate > 0 && s.first().expected() <= maxArrivals) {
		return fmt.Errorf("open: want a rate above 0 and at most %d arrivals, have %g a second for %s", maxArrivals, s.Rate, s.Duration)
	}
	if two && !(s.Then.Rate > 0 && s.Then.Duration > 0 && s.first().expected()+s.Then.expected() <= maxArrivals) {
		return fmt.Errorf("open: want then a rate and a duration above 0 and at most %d arrivals in all, have %g a second for %s",
			maxArrivals, s.Then.Rate, s.Then.Duration)
	}
	return nil
}

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
