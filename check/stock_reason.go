package check

import "fmt"

// decide sets the verdict and its reason.
func (j *shelving) decide() {
	switch {
	case j.spoilt != "":
		j.Reason = fmt.Sprintf("nothing can be said of %q: %s", j.Key, j.spoilt)
	case j.Initial.Valid && j.Oversold.Min > 0:
		j.Verdict, j.Reason = Refuted, j.oversold()
	case j.Vanished.Min > 0:
		j.Verdict, j.Reason = Refuted, j.vanished()
	case j.lowest < min(0, j.roof):
		j.Verdict, j.Reason = Refuted, j.fell()
	case j.Unexplained > 0:
		j.Verdict, j.Reason = Refuted, j.unexplained()
	case j.Left.Valid && j.bottom > j.roof:
		j.Verdict, j.Reason = Refuted, j.grew()
	case j.acked == 0:
		j.Reason = fmt.Sprintf("no purchase of %q was acknowledged, so none could vanish (%d refused, %d unknown)",
			j.Key, j.refused, j.unknown)
	case !j.Initial.Valid:
		j.Reason = fmt.Sprintf("the initial stock of %q is not known: no reset was recorded", j.Key)
	case !j.Left.Valid && j.finalEarly:
		j.Reason = fmt.Sprintf("the final stock of %q was read before its last acknowledged purchase had returned", j.Key)
	case !j.Left.Valid:
		j.Reason = fmt.Sprintf("the final stock of %q was not read", j.Key)
	case j.Vanished.Max > 0:
		j.Reason = fmt.Sprintf("of %d pieces of %q sold, %s vanished: the %d left do not tell which unknown purchases (%d) took effect",
			j.sold.n, j.Key, j.Vanished, j.bottom, j.unknown)
	default:
		j.Verdict = Holds
		j.Reason = fmt.Sprintf("sold %s of %d %q, and %d are left", j.Sold, j.roof, j.Key, j.bottom)
		if j.unknown > 0 {
			j.Reason = fmt.Sprintf("sold %d of %d %q, by all of the unknown purchases too, and %d are left",
				j.Sold.Max, j.roof, j.Key, j.bottom)
		}
	}
}

// The sentences of an Item and of its witnesses. Each names the item, so that
// it can stand alone.

func (j *shelving) oversold() string {
	if j.Left.Valid {
		return fmt.Sprintf("sold %d of %d %q, and %d are left", j.sold.n, j.roof, j.Key, j.bottom)
	}
	return fmt.Sprintf("sold %d of %d %q", j.sold.n, j.roof, j.Key)
}

func (j *shelving) vanished() string {
	if j.Initial.Valid && j.Left.Valid {
		return fmt.Sprintf("of %d pieces of %q sold, %s vanished: there were %d, and %d are left",
			j.sold.n, j.Key, j.Vanished, j.roof, j.bottom)
	}
	return fmt.Sprintf("of %d pieces of %q sold, at least %d vanished, whatever is left: the stocks that purchases were told show it",
		j.sold.n, j.Key, j.Vanished.Min)
}

func (j *shelving) fell() string { return fmt.Sprintf("the stock of %q fell to %d", j.Key, j.lowest) }

func (j *shelving) grew() string {
	return fmt.Sprintf("there were %d %q, and %d are left", j.roof, j.Key, j.bottom)
}

func (j *shelving) unexplained() string {
	return fmt.Sprintf("at least %d pieces of %q, of those from %d down to %d, went without an acknowledged or unknown purchase",
		j.Unexplained, j.Key, j.roof, j.lowest)
}

func (j *shelving) samePiece(pair [2]int32) string {
	a, b := j.told.at(pair[0]), j.told.at(pair[1])
	if a.value == b.value {
		return fmt.Sprintf("two acknowledged purchases were both told that %d of %q are left", a.value, j.Key)
	}
	return fmt.Sprintf("two acknowledged purchases sold one piece twice: one of %d left %d of %q, and one of %d left %d",
		a.amount, a.value, j.Key, b.amount, b.value)
}

func (j *shelving) toldLess(left int64) string {
	return fmt.Sprintf("an acknowledged purchase was told that %d of %q are left, and in the end it was %d", left, j.Key, j.bottom)
}

func (j *shelving) toldMore(low, high int64) string {
	return fmt.Sprintf("an acknowledged purchase took %q from %d to %d, and there were only %d", j.Key, high, low, j.roof)
}
