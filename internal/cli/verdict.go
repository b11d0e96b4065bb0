package cli

import (
	"errors"

	"example.com/contend/internal/run"
)

// exitCode returns the exit code of a run, the same whether it was just made or
// is drawn again, and an error where stdout does not say why.
//
// Interrupted comes first: arms are missing, so no other code would tell the
// whole. A surprise comes before an arm that could not run, because it stands
// whatever that arm would have shown, and is what one runs contend for. An
// arm that could not run comes before an inconclusive finding, because it is
// the reason of inconclusive findings of its own, and the one to mend first.
func exitCode(doc *run.Run) (code int, err error) {
	ran, broke := len(doc.Experiments) == 0, false
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			ran, broke = true, broke || result.Arms[i].Error != ""
		}
	}
	c := doc.Comparison
	unmet := c != nil && c.Decides && !c.Met // a target was given, and no rung meets it
	switch s := run.Summarize(doc.Experiments); {
	case doc.Interrupted:
		return exitInterrupted, nil
	case s.Surprises > 0, unmet:
		return exitSurprise, nil
	case !ran:
		return exitCannotRun, errors.New("nothing to run: the report says what each experiment needs")
	case broke:
		return exitCannotRun, errors.New("some arms could not run: the report says which and why")
	case s.Inconclusive > 0:
		return exitInconclusive, nil
	default:
		return exitOK, nil
	}
}

// verdict is the error of a verb that has shown doc: nil when all was as expected.
func verdict(doc *run.Run) error {
	code, err := exitCode(doc)
	if code == exitOK {
		return nil
	}
	return &exitError{code: code, err: err}
}
