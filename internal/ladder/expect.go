package ladder

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/measure"
)

// An Expect is what is good enough: how long clients may wait, and what share
// of their requests may come to nothing. Two of them are the same where == says
// so. The zero Expect asks for nothing, and nothing meets it.
type Expect struct {
	bounds [len(askable)]bound // in the order of askable
}

// A bound is the most that one figure may be.
type bound struct {
	set     bool
	limit   float64 // in ms or, of the errors, a share from 0 to 1
	orEqual bool    // the limit itself is good enough
	text    string  // the limit as people write it: "100ms"
}

// askable lists what may be asked about, in the order in which it is written.
var askable = [...]struct {
	name  string
	of    func(measure.Summary) float64 // nil of the errors, which are no wait
	limit func(text string, orEqual bool) (bound, error)
}{
	{"p50", func(s measure.Summary) float64 { return s.P50 }, waitLimit},
	{"p90", func(s measure.Summary) float64 { return s.P90 }, waitLimit},
	{"p99", func(s measure.Summary) float64 { return s.P99 }, waitLimit},
	{"p999", func(s measure.Summary) float64 { return s.P999 }, waitLimit},
	{"max", func(s measure.Summary) float64 { return s.Max }, waitLimit},
	{"mean", func(s measure.Summary) float64 { return s.Mean }, waitLimit},
	{"errors", nil, errorsLimit},
}

// DefaultExpect is what is good enough where nobody says otherwise, as
// [ParseExpect] reads it.
const DefaultExpect = "p99<100ms,errors<0.1%"

// ParseExpect reads terms with commas between them, such as
// "p99<100ms,errors<0.1%". A term is p50, p90, p99, p999, max or mean, then < or
// <=, then a duration from 1µs to 1h with its unit; or errors, then < or <=, then
// a percentage from 0% to 100%. Spaces may stand between the parts of a term.
// The error names the term, and what could stand in its place; a figure that is
// asked about twice is one.
func ParseExpect(text string) (Expect, error) {
	var e Expect
	for term := range strings.SplitSeq(text, ",") {
		if err := e.add(strings.TrimSpace(term)); err != nil {
			return Expect{}, fmt.Errorf("expectation %q: %w", text, err)
		}
	}
	return e, nil
}

// termPattern is a term: the figure, < or <=, and the limit, of which a unit follows
// the number.
var termPattern = regexp.MustCompile(`^([^\s<=]+)\s*(<=?)\s*([0-9.]+)\s*(\S*)$`)

// add reads one term.
func (e *Expect) add(term string) error {
	parts := termPattern.FindStringSubmatch(term)
	if parts == nil {
		return fmt.Errorf("%q is not a figure, < or <=, and a limit, like p99<100ms or errors<0.1%%", term)
	}
	name, orEqual, limit := parts[1], parts[2] == "<=", parts[3]+parts[4]
	for i := range askable {
		if askable[i].name != name {
			continue
		}
		if e.bounds[i].set {
			return fmt.Errorf("%s stands there twice", name)
		}
		b, err := askable[i].limit(limit, orEqual)
		if err != nil {
			return fmt.Errorf("%q: %w", term, err)
		}
		e.bounds[i] = b
		return nil
	}
	return fmt.Errorf("%q is none of %s", name, strings.Join(figureNames(), ", "))
}

func figureNames() []string {
	all := make([]string, len(askable))
	for i := range askable {
		all[i] = askable[i].name
	}
	return all
}

// waitLimit reads a duration. The histogram that the percentiles come from
// begins at 1 µs and ends at 1 h, so a limit outside could not be judged.
func waitLimit(text string, orEqual bool) (bound, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return bound{}, fmt.Errorf("%s is no duration with a unit, like 100ms or 1.5s", text)
	case d < time.Microsecond || d > time.Hour:
		return bound{}, fmt.Errorf("%s is not from 1µs to 1h", text)
	}
	return bound{true, float64(d) / float64(time.Millisecond), orEqual, d.String()}, nil
}

// errorsLimit reads a percentage.
func errorsLimit(text string, orEqual bool) (bound, error) {
	number, isShare := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || !isShare:
		return bound{}, fmt.Errorf("%s is no percentage, like 0.1%%", text)
	case !(percent >= 0 && percent <= 100): // NaN too
		return bound{}, fmt.Errorf("%s is not from 0%% to 100%%", text)
	case percent == 0 && !orEqual:
		return bound{}, errors.New("nothing is below 0%: errors<=0% allows none")
	}
	number = strconv.FormatFloat(percent, 'f', -1, 64)
	// Read as a share, and not divided: 0.7/100 is less than 7/1000.
	share, _ := strconv.ParseFloat(number+"e-2", 64) // it never fails
	return bound{true, share, orEqual, number + "%"}, nil
}

// String writes the expectation as [ParseExpect] reads it, the waits first,
// without spaces. The zero Expect is "".
func (e Expect) String() string {
	var terms []string
	for i, b := range e.bounds {
		if !b.set {
			continue
		}
		sign := "<"
		if b.orEqual {
			sign = "<="
		}
		terms = append(terms, askable[i].name+sign+b.text)
	}
	return strings.Join(terms, ",")
}

// Met reports whether latencies and a share of errors, from 0 to 1, are good
// enough. Where waits are asked about and nothing was answered, they are not.
func (e Expect) Met(latency measure.Summary, errors float64) bool {
	if e == (Expect{}) {
		return false
	}
	for i, b := range e.bounds {
		switch {
		case !b.set:
		case askable[i].of == nil:
			if !b.allows(errors) {
				return false
			}
		case latency.Count == 0 || !b.allows(askable[i].of(latency)):
			return false
		}
	}
	return true
}

// allows says no to NaN.
func (b bound) allows(v float64) bool { return v < b.limit || b.orEqual && v == b.limit }
