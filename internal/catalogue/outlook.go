package catalogue

import (
	"slices"
	"strings"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// An outlook says which claims are expected to hold in an arm, and which to be
// refuted, by ID with spaces between. The others may go either way there.
type outlook struct{ holds, refuted string }

// of returns what is expected of each of the claims that an arm is asked.
func (o outlook) of(asked []experiment.Claim) map[string]run.Expectation {
	expect := map[string]run.Expectation{}
	for _, claim := range asked {
		switch {
		case slices.Contains(strings.Fields(o.holds), claim.ID):
			expect[claim.ID] = run.ExpectHolds
		case slices.Contains(strings.Fields(o.refuted), claim.ID):
			expect[claim.ID] = run.ExpectRefuted
		default:
			expect[claim.ID] = run.Either
		}
	}
	return expect
}
