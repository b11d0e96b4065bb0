package ladder

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/contend/internal/measure"
)

// An Expect is a target: how long clients may wait, and what share of their requests may
// fail. Equal targets are == to each other. The zero Expect has no bound, and nothing meets it.
type Expect struct {
	bounds [len(figureNames)]bound // by figure
}

// A bound is the most that one figure may be. The zero bound is none.
type bound struct {
	limit   float64 // in ms or, of the errors, a share from 0 to 1
	orEqual bool    // the limit itself meets the target
	text    string  // the limit as people write it: "100ms"
}

// figureNames are the figures that a target may bound, in the order in which it is written:
// waits, and then the errors.
var figureNames = [...]string{"p50", "p90", "p99", "p999", "max", "mean", "errors"}

const errorsFigure = len(figureNames) - 1

// DefaultExpect is the target of a comparison without --expect.
const DefaultExpect = "p99<100ms,errors<0.1%"

// ParseExpect reads terms with commas between them, such as "p99<100ms,errors<0.1%". A term is p50,
// p90, p99, p999, max or mean, then < or <=, then a duration from 1µs to 1h with its unit; or
// errors, then < or <=, then a percentage from 0% to 100%. Spaces may stand between the parts of a
// term. The error names the term, and what could stand in its place; a figure that is asked about
// twice is one.
func ParseExpect(text string) (Expect, error) {
	var e Expect
	for term := range strings.SplitSeq(text, ",") {
		if err := e.add(strings.TrimSpace(term)); err != nil {
			return Expect{}, fmt.Errorf("expectation %q: %w", text, err)
		}
	}
	return e, nil
}

// termPattern is a term: the figure, < or <=, and the limit, of which a unit follows the number.
var termPattern = regexp.MustCompile(`^([^\s<=]+)\s*(<=?)\s*([0-9.]+)\s*(\S*)$`)

// add reads one term.
func (e *Expect) add(term string) error {
	parts := termPattern.FindStringSubmatch(term)
	if parts == nil {
		return fmt.Errorf("%q is not a figure, < or <=, and a limit, like p99<100ms or errors<0.1%%", term)
	}
	name, orEqual, limit := parts[1], parts[2] == "<=", parts[3]+parts[4]
	i := slices.Index(figureNames[:], name)
	switch {
	case i < 0:
		return fmt.Errorf("%q is none of %s", name, strings.Join(figureNames[:], ", "))
	case e.bounds[i] != bound{}:
		return fmt.Errorf("%s stands there twice", name)
	}
	parse := waitLimit
	if i == errorsFigure {
		parse = errorsLimit
	}
	var err error
	if e.bounds[i], err = parse(limit, orEqual); err != nil {
		return fmt.Errorf("%q: %w", term, err)
	}
	return nil
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
	return bound{float64(d) / float64(time.Millisecond), orEqual, d.String()}, nil
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
	return bound{share, orEqual, number + "%"}, nil
}

// String writes the expectation as [ParseExpect] reads it, the waits first,
// without spaces. The zero Expect is "".
func (e Expect) String() string {
	var terms []string
	for i, b := range e.bounds {
		switch {
		case b == bound{}:
		case b.orEqual:
			terms = append(terms, figureNames[i]+"<="+b.text)
		default:
			terms = append(terms, figureNames[i]+"<"+b.text)
		}
	}
	return strings.Join(terms, ",")
}

// Met reports whether latencies and a share of errors, from 0 to 1, meet the target. NaN meets
// none, and without an answer no bound on a wait is met.
func (e Expect) Met(l measure.Summary, errors float64) bool {
	for i, v := range [...]float64{l.P50, l.P90, l.P99, l.P999, l.Max, l.Mean, errors} {
		b := e.bounds[i]
		within := v < b.limit || b.orEqual && v == b.limit
		if b != (bound{}) && (!within || i != errorsFigure && l.Count == 0) {
			return false
		}
	}
	return e != Expect{}
}
