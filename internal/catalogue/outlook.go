package catalogue

import (
	"slices"
	"strings"

	"example.com/contend/internal/experiment"
)

// An outlook says which claims are expected to hold in an arm, and which to be
// refuted, by ID with spaces between. The others may go either way there.
type outlook struct{ holds, refuted string }

// of returns what is expected of each of the claims that an arm is asked.
func (o outlook) of(asked []experiment.Claim) map[string]experiment.Expectation {
	expect := map[string]experiment.Expectation{}
	for _, claim := range asked {
		switch {
		case slices.Contains(strings.Fields(o.holds), claim.ID):
			expect[claim.ID] = experiment.ExpectHolds
		case slices.Contains(strings.Fields(o.refuted), claim.ID):
			expect[claim.ID] = experiment.ExpectRefuted
		default:
			expect[claim.ID] = experiment.Either
		}
	}
	return expect
}
