package check

import "fmt"

// A part is the judgement on one of several counters or items.
type part struct {
	acknowledged int64
	verdict      Verdict
	reason       string
}

// Words say what parts are, in the reason for all of them.
type words struct{ op, things, ends string } // "increment", "counters", "final values"

// together judges a whole history. A part with nothing to lose decides nothing,
// unless there is no other.
func together(w words, parts []part) (Verdict, string) {
	verdict, acknowledged := Holds, int64(0)
	for _, p := range parts {
		acknowledged += p.acknowledged
		if p.acknowledged > 0 || p.verdict == Refuted {
			verdict = Merge(verdict, p.verdict)
		}
	}
	if acknowledged == 0 && verdict == Holds {
		verdict = Inconclusive
	}
	switch {
	case len(parts) == 0:
		return verdict, "the history has no " + w.op
	case len(parts) == 1:
		return verdict, parts[0].reason
	case verdict == Holds:
		return verdict, fmt.Sprintf("all %d acknowledged %ss of %d %s are in their %s",
			acknowledged, w.op, len(parts), w.things, w.ends)
	default:
		return verdict, firstReason(w, parts, verdict)
	}
}

// firstReason quotes the first part with verdict v, and says how many there are.
func firstReason(w words, parts []part, v Verdict) string {
	n, first := 0, ""
	for _, p := range parts {
		if p.verdict != v {
			continue
		}
		if n++; n == 1 {
			first = p.reason
		}
	}
	return fmt.Sprintf("%d of %d %s are %s; the first: %s", n, len(parts), w.things, v, first)
}
