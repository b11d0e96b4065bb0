package load

import (
	"encoding/json"
	"math"
	"time"
)

// A Phase is a stretch of an open load: arrivals at one rate, evenly spaced.
type Phase struct {
	Rate     float64       `json:"rate_per_s"` // arrivals a second
	Duration time.Duration `json:"seconds"`
}

// phaseFields is a Phase without its methods.
type phaseFields Phase

// A phaseDocument is a Phase as JSON has it: its seconds stand in for the
// duration, which by itself would be a number of nanoseconds.
type phaseDocument struct {
	phaseFields
	Seconds float64 `json:"seconds"`
}

// MarshalJSON writes the duration in seconds.
func (p Phase) MarshalJSON() ([]byte, error) {
	return json.Marshal(phaseDocument{phaseFields(p), p.Duration.Seconds()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Phase) UnmarshalJSON(data []byte) error {
	var doc phaseDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	*p = Phase{doc.Rate, time.Duration(math.Round(doc.Seconds * float64(time.Second)))}
	return nil
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
func (s Spec) first() Phase { return Phase{s.Rate, s.Duration} }

// span is how long calls arrive.
func (s Spec) span() time.Duration { return s.Duration + s.Then.Duration }

// arrivals returns how many calls are due in both phases.
func (s Spec) arrivals() int { return s.first().arrivals() + s.Then.arrivals() }

// due returns when the k-th arrival of both phases is due. The second phase
// begins with an arrival, at Duration.
func (s Spec) due(k int) time.Duration {
	if n := s.first().arrivals(); k >= n {
		return s.Duration + s.Then.due(k-n)
	}
	return s.first().due(k)
}
