package cli

import (
	"errors"

	"example.com/contend/internal/run"
)

// exitCode is what a run comes to, the same whether it was just made or is
// drawn again.
//
// Interrupted comes first: arms are missing, so no other code would tell the
// whole. A surprise comes before an arm that could not run, because it stands
// whatever that arm would have said, and is what one runs contend to hear. An
// arm that could not run comes before an inconclusive finding, because it is
// the reason of inconclusive findings of its own, and the one to mend first.
func exitCode(doc *run.Run) int {
	s := run.Summarize(doc.Experiments)
	switch {
	case doc.Interrupted:
		return exitInterrupted
	case s.Surprises > 0, unmet(doc):
		return exitSurprise
	case someArmBroke(doc), noArmRan(doc):
		return exitCannotRun
	case s.Inconclusive > 0:
		return exitInconclusive
	default:
		return exitOK
	}
}

// unmet reports whether a comparison was asked for something that is good
// enough, and nothing is.
func unmet(doc *run.Run) bool {
	c := doc.Comparison
	return c != nil && c.Decides && !c.Met
}

func someArmBroke(doc *run.Run) bool {
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			if result.Arms[i].Error != "" {
				return true
			}
		}
	}
	return false
}

// noArmRan reports whether everything that was asked for was skipped.
func noArmRan(doc *run.Run) bool {
	for i := range doc.Experiments {
		if len(doc.Experiments[i].Arms) > 0 {
			return false
		}
	}
	return len(doc.Experiments) > 0
}

// verdict is the error with which a verb ends that has shown run: nil when all
// was as expected. What the answer on stdout has said, it does not say again.
func verdict(doc *run.Run) error {
	switch code := exitCode(doc); {
	case code == exitOK:
		return nil
	case code == exitCannotRun && noArmRan(doc):
		return &exitError{code: code, err: errors.New("nothing of it can be run there: the report says why")}
	case code == exitCannotRun:
		return &exitError{code: code, err: errors.New("some arms could not run: the report names them and says why")}
	default:
		return &exitError{code: code}
	}
}
