package catalogue

import (
	"fmt"
	"slices"

	"example.com/contend/check"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/script"
)

// bothTimedOut judges whether each container was refused something after its
// whole busy_timeout.
func bothTimedOut(r *experiment.Recording) experiment.Judgement {
	a, b := hardest(r, containerA.node), hardest(r, containerB.node)
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("A: %s; B: %s", a, b),
		Reason: fmt.Sprintf("container A met %s, container B %s", a, b),
	}
	if a == api.CodeTimeout && b == api.CodeTimeout {
		j.Verdict = check.Holds
	}
	return j
}

// hardest is the worst that a container met: a refusal after its whole
// busy_timeout, one at once, or none.
func hardest(r *experiment.Recording, node string) string {
	met := "no refusal"
	for _, e := range r.Steps {
		switch {
		case e.Node != node || !locked(e):
		case e.Code == api.CodeTimeout:
			return e.Code
		default:
			met = e.Code
		}
	}
	return met
}

// paid is how many of the payments are acknowledged.
func paid(r *experiment.Recording) int {
	n := 0
	for _, e := range committed(r.Steps) {
		if e.Do == api.DoRecordPayment {
			n++
		}
	}
	return n
}

func bothFailed(r *experiment.Recording) experiment.Judgement {
	j := paidJudgement(r)
	if paid(r) == 0 && r.Facts.Payments == 0 {
		j.Verdict = check.Holds
	}
	return j
}

func notBothPaid(r *experiment.Recording) experiment.Judgement {
	j := paidJudgement(r)
	if paid(r) < 2 {
		j.Verdict = check.Holds
	}
	return j
}

// paidJudgement refutes, and says what was paid.
func paidJudgement(r *experiment.Recording) experiment.Judgement {
	return experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("%d of 2 payments succeed", paid(r)),
		Reason: fmt.Sprintf("%d of 2 payments were acknowledged, and the history has %d", paid(r), r.Facts.Payments),
	}
}

// waitForEachOther judges whether two containers ever had statements under way
// that waited for each other.
//
// Two statements that wait for each other overlap, and the one that is answered
// first is refused, after its whole busy_timeout: one that is granted was not
// waiting for the other, and one that is refused at once has not waited. The
// other waits too if it is under way for long, whether it is then refused as
// well or granted because the first has let go.
func waitForEachOther(r *experiment.Recording) experiment.Judgement {
	for i, e := range r.Steps {
		for _, f := range r.Steps[i+1:] {
			first, last := e, f
			if f.Answered < e.Answered {
				first, last = f, e
			}
			if e.Node != f.Node && overlap(e, f) && first.Code == api.CodeTimeout && waitsLong(r, last) {
				return experiment.Judgement{
					Verdict: check.Holds, Measured: fmt.Sprintf("%s and %s", e.Do, f.Do),
					Reason: fmt.Sprintf("the %s of session %s and the %s of session %s were both waiting, for %s",
						e.Do, e.Session, f.Do, f.Session, inMilliseconds(first.Answered-max(e.Sent, f.Sent))),
				}
			}
		}
	}
	return experiment.Judgement{
		Verdict: check.Refuted, Measured: "one waits at most",
		Reason: "no two statements of different containers were waiting at the same time",
	}
}

// overlap reports whether e and f were under way at the same time.
func overlap(e, f script.Event) bool { return e.Sent < f.Answered && f.Sent < e.Answered }

// waitsLong reports whether e was under way for at least half of busy_timeout.
func waitsLong(r *experiment.Recording, e script.Event) bool {
	return e.Answered-e.Sent >= r.Setup.Discipline.BusyTimeout.Duration()/2
}

// moneyIsWrong judges a scene by what its containers were told, and a load by
// package check.
func moneyIsWrong(r *experiment.Recording) experiment.Judgement {
	if r.Setup.Script != nil {
		return booksAreWrong(r)
	}
	b := r.Bank()
	j := experiment.Judgement{Reason: b.Reason, Witness: b.Witnesses}
	switch b.Verdict {
	case check.Holds:
		j.Verdict = check.Refuted
	case check.Refuted:
		j.Verdict = check.Holds
	}
	if b.Initial.Valid && b.Final.Valid {
		j.Measured = fmt.Sprintf("%d of %d in the end, %d of %d reads wrong", b.Final.Int64, b.Initial.Int64, b.Wrong, b.Totals)
	}
	return j
}

// booksAreWrong compares every balance and the history with the payments that
// were acknowledged.
func booksAreWrong(r *experiment.Recording) experiment.Judgement {
	if why := unplayed(r); why != "" {
		return experiment.Judgement{Reason: why}
	}
	want := map[string]int64{}
	for _, p := range []payer{payerA, payerB} {
		want[p.account] = r.Setup.Begin.Balance
	}
	for _, e := range committed(r.Steps) {
		if e.Do == api.DoSetBalance {
			want[e.Name] += e.Value
		}
	}
	said := fmt.Sprintf("%d payments, balances %d and %d", r.Facts.Payments, r.Facts.Balances[payerA.account], r.Facts.Balances[payerB.account])
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: said,
		Reason: fmt.Sprintf("%d payments were acknowledged, and the database holds %s", paid(r), said),
	}
	wrong := func(p payer) bool { return r.Facts.Balances[p.account] != want[p.account] }
	if int64(paid(r)) != r.Facts.Payments || slices.ContainsFunc([]payer{payerA, payerB}, wrong) {
		j.Verdict = check.Holds
	}
	return j
}
