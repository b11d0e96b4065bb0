package run

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// An Arrival says when calls are sent.
type Arrival string

const (
	Burst    Arrival = "burst"    // all Requests at once, a connection each
	Sequence Arrival = "sequence" // each client makes its share of Requests back to back
	Closed   Arrival = "closed"   // each client makes calls back to back until Duration is over
	Open     Arrival = "open"     // calls come at Rate, evenly spaced, whatever the answers do; Clients send them
)

// A Load is how calls are sent. Which fields count depends on Arrival. In JSON its
// durations are seconds, and fields that are zero are left out.
type Load struct {
	Arrival  Arrival       `json:"arrival"`
	Clients  int           `json:"clients"`              // logical clients, a connection each; Burst: as many as Requests
	Requests int           `json:"requests,omitempty"`   // Burst, Sequence: how many in all
	Rate     float64       `json:"rate_per_s,omitempty"` // Open: arrivals a second
	Duration time.Duration `json:"seconds"`              // Closed, Open: how long
	Then     Phase         `json:"then"`                 // Open: what follows when Duration is over; zero: nothing
	Timeout  time.Duration `json:"timeout_s"`            // a client stops waiting after this; 0 means DefaultTimeout
}

// loadFields is a Load without its methods.
type loadFields Load

// A loadDocument is a Load as JSON has it: with its durations in seconds.
type loadDocument struct {
	loadFields
	Seconds float64 `json:"seconds,omitempty"`
	Then    struct {
		Rate    float64 `json:"rate_per_s"`
		Seconds float64 `json:"seconds"`
	} `json:"then,omitzero"`
	Timeout float64 `json:"timeout_s,omitempty"`
}

// MarshalJSON writes durations in seconds.
func (s Load) MarshalJSON() ([]byte, error) {
	doc := loadDocument{loadFields: loadFields(s), Seconds: s.Duration.Seconds(), Timeout: s.Timeout.Seconds()}
	doc.Then.Rate, doc.Then.Seconds = s.Then.Rate, s.Then.Duration.Seconds()
	return json.Marshal(doc)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Load) UnmarshalJSON(data []byte) error {
	var doc loadDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	*s = Load(doc.loadFields)
	s.Duration, s.Timeout = ofSeconds(doc.Seconds), ofSeconds(doc.Timeout)
	s.Then = Phase{doc.Then.Rate, ofSeconds(doc.Then.Seconds)}
	return nil
}

// DefaultTimeout is how long a client waits for an answer.
const DefaultTimeout = 30 * time.Second

// maxArrivals bounds the memory of an open load: a history of as many ops takes 2 GB.
const maxArrivals = 10_000_000

// Planned returns how many calls there will be, 0 where that is not known (Closed).
func (s Load) Planned() int {
	if s.Arrival == Open {
		return s.Arrivals()
	}
	return s.Requests
}

// Validate returns an error that names the first field that does not fit the arrival.
func (s Load) Validate() error {
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

// A Phase is a stretch of an open load: arrivals at one rate, evenly spaced.
type Phase struct {
	Rate     float64       `json:"rate_per_s"` // arrivals a second
	Duration time.Duration `json:"seconds"`
}

// expected is about how many calls arrive, also where that is no int.
func (p Phase) expected() float64 { return p.Rate * p.Duration.Seconds() }

// arrivals returns how many calls are due in [0, Duration).
func (p Phase) arrivals() int {
	n := int(math.Ceil(p.expected()))
	for n > 1 && p.due(n-1) >= p.Duration { // rounding
		n--
	}
	return n
}

// due returns when the k-th arrival is due, from 0. It is computed from k
// alone, so that no rounding adds up.
func (p Phase) due(k int) time.Duration {
	return time.Duration(float64(k) / p.Rate * float64(time.Second))
}

// first is the phase before Then.
func (s Load) first() Phase { return Phase{s.Rate, s.Duration} }

// Span is how long calls arrive.
func (s Load) Span() time.Duration { return s.Duration + s.Then.Duration }

// Arrivals returns how many calls are due in both phases.
func (s Load) Arrivals() int { return s.first().arrivals() + s.Then.arrivals() }

// Due returns when the k-th arrival of both phases is due. The second phase
// begins with an arrival, at Duration.
func (s Load) Due(k int) time.Duration {
	if n := s.first().arrivals(); k >= n {
		return s.Duration + s.Then.due(k-n)
	}
	return s.first().due(k)
}
