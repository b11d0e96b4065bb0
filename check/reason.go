package check

import "fmt"

// The sentences of a Tally and of its witnesses. Each names the counter, so
// that it can stand alone.

func (j *judging) lostReason() string {
	if j.Final.Valid {
		return fmt.Sprintf("%q lost %s of %d acknowledged increments: its final value is %d",
			j.Key, j.Lost, j.acked, j.Final.Int64)
	}
	return fmt.Sprintf("%q lost at least %d of %d acknowledged increments, whatever its final value: the values they were told show it",
		j.Key, j.Lost.Min, j.acked)
}

func (j *judging) holdsReason() string {
	began := ""
	if j.Initial != 0 {
		began = fmt.Sprintf("it began at %d and ", j.Initial)
	}
	return fmt.Sprintf("%q has all of its %d acknowledged increments: %sits final value is %d",
		j.Key, j.acked, began, j.Final.Int64)
}

func (j *judging) openReason() string {
	return fmt.Sprintf("%q lost %s of %d acknowledged increments: its final value %d does not tell which unknown ones (%d) took effect",
		j.Key, j.Lost, j.acked, j.Final.Int64, j.unknown)
}

func (j *judging) nothingReason() string {
	return fmt.Sprintf("no increment of %q was acknowledged, so none could be lost (%d failed, %d unknown)",
		j.Key, j.failed, j.unknown)
}

func (j *judging) noFinalReason() string {
	if j.finalEarly {
		return fmt.Sprintf("the final value of %q was read before its last acknowledged increment had returned", j.Key)
	}
	return fmt.Sprintf("the final value of %q was not read", j.Key)
}

func (j *judging) spoiltReason() string {
	return fmt.Sprintf("nothing can be said of %q: %s", j.Key, j.spoilt)
}

func (j *judging) unexplained() string {
	return fmt.Sprintf("at least %d of the steps of %q from %d to %d were made by no acknowledged or unknown increment",
		j.Unexplained, j.Key, j.Initial, j.top())
}

func (j *judging) sameValue(p pair) string {
	value := j.told.at(p.first).value
	if p.n == 2 {
		return fmt.Sprintf("two acknowledged increments were both told that %q became %d", j.Key, value)
	}
	return fmt.Sprintf("%d acknowledged increments were told that %q became %d; these are the first two",
		p.n, j.Key, value)
}

func (j *judging) aboveFinal() string {
	return fmt.Sprintf("an acknowledged increment was told that %q became %d, and in the end it was %d",
		j.Key, j.top(), j.Final.Int64)
}

func (j *judging) toldBelow() string {
	return fmt.Sprintf("an acknowledged increment was told that %q became %d, and it had begun at %d",
		j.Key, j.told.at(j.order[0]).value, j.Initial)
}

func (j *judging) finalBelow() string {
	return fmt.Sprintf("the final value %d of %q is below %d, where it began", j.Final.Int64, j.Key, j.Initial)
}
