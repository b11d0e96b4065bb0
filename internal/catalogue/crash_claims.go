package catalogue

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/fault"
)

// crashClaims are the seed's and SQLite's. All of them are about programs that
// are killed. What a power cut takes is another question, and killing asks
// nothing about it: the operating system goes on and has every byte that it was
// handed.
func crashClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "ok-before",
		Text:   "Before anything is asked of the nodes, integrity_check says ok.",
		TextJA: "整合性チェック",
		Source: seed(242),
		Check:  experiment.Each(okBefore),
	}, {
		ID:     "damaged-after",
		Text:   "Once nodes have been killed in the midst of writing, integrity_check finds damage.",
		TextJA: "破損の可能性を確認",
		Source: seed(250),
		Check:  experiment.Each(damagedAfter),
	}, {
		ID:     "writes-lost",
		Text:   "The data become inconsistent: writes that were acknowledged are missing after a crash.",
		TextJA: "データの不整合",
		Source: seed(641),
		Check:  experiment.Each(writesLost),
	}, {
		ID:     "data-safe",
		Text:   "If the application crashes, the data are safe, even where synchronous is OFF: no acknowledged write is lost and nothing is damaged.",
		Source: "https://sqlite.org/pragma.html#pragma_synchronous",
		Check:  experiment.Each(dataSafe),
	}, {
		ID:     "all-or-nothing",
		Text:   "Commit is atomic: of a transaction that a crash cut off, and of a write that was refused, nothing is there afterwards.",
		Source: "https://sqlite.org/atomiccommit.html",
		Check:  experiment.Each(allOrNothing),
	}}
}

func okBefore(r *experiment.Recording) experiment.Judgement {
	before, _ := looks(r)
	if before == nil {
		return experiment.Judgement{Reason: "nobody looked at the database before the load began"}
	}
	return experiment.Judgement{
		Verdict: ruled(before.Integrity == "ok"), Measured: before.Integrity,
		Reason: fmt.Sprintf("before the load began, integrity_check said %q", before.Integrity),
	}
}

// damage returns what integrity_check said after crashes and in the end where
// that was not ok, and how often it was asked.
func damage(r *experiment.Recording) (found []string, asked int) {
	_, after := looks(r)
	if r.Facts != nil && len(after) > 0 {
		after = append(after, fault.Event{Integrity: r.Facts.Integrity})
	}
	for _, look := range after {
		if look.Integrity != "ok" {
			found = append(found, look.Integrity)
		}
	}
	return found, len(after)
}

var neverCrashed = experiment.Judgement{Reason: "nobody looked at the database after a crash"}

func damagedAfter(r *experiment.Recording) experiment.Judgement {
	found, asked := damage(r)
	if asked == 0 {
		return neverCrashed
	}
	j := experiment.Judgement{
		Verdict:  ruled(len(found) > 0),
		Measured: fmt.Sprintf("damaged in %d of %d checks", len(found), asked),
		Reason:   fmt.Sprintf("integrity_check was asked %d times, after every crash and in the end, and always said ok", asked),
	}
	if len(found) > 0 {
		j.Reason = fmt.Sprintf("integrity_check found damage in %d of %d checks: %s", len(found), asked, found[0])
	}
	return j
}

func writesLost(r *experiment.Recording) experiment.Judgement {
	s := r.Durability()
	lost := check.Range{Min: max(s.Lost.Min, s.Missing), Max: max(s.Lost.Max, s.Missing)}
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%s of %d lost", lost, s.Acknowledged),
		Reason:   s.Reason,
		Witness:  s.Witnesses,
	}
	if len(s.Crashes) > 0 && s.Acknowledged > 0 {
		j.Verdict = lost.Above(0)
	}
	return j
}

func dataSafe(r *experiment.Recording) experiment.Judgement {
	s := r.Durability()
	found, asked := damage(r)
	if asked == 0 {
		return neverCrashed
	}
	return experiment.Judgement{
		Verdict:  check.Merge(s.Verdict, ruled(len(found) == 0)),
		Measured: fmt.Sprintf("%s of %d lost, damaged in %d of %d checks", s.Lost, s.Acknowledged, len(found), asked),
		Reason:   s.Reason,
		Witness:  s.Witnesses,
	}
}

// allOrNothing looks for rows that cannot be there. Every other crash meets a
// transaction that has written to the disk and never commits; a recording in
// which none left anything to recover has not put the claim to the test.
func allOrNothing(r *experiment.Recording) experiment.Judgement {
	s := r.Durability()
	_, after := looks(r)
	cut := 0
	for _, look := range after {
		if look.Journal > 0 {
			cut++
		}
	}
	stray := s.Resurrected + s.Unexpected + s.Duplicated
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%d rows that must not be there", stray),
		Reason:   fmt.Sprintf("%d of %d crashes left a journal to recover from; %d rows of what was cut off or refused were found", cut, len(after), stray),
	}
	switch {
	case stray > 0:
		j.Verdict, j.Witness = check.Refuted, s.Witnesses
	case cut == 0 || !s.Found.Valid:
		j.Reason += ", which puts nothing to the test"
	default:
		j.Verdict = check.Holds
	}
	return j
}
