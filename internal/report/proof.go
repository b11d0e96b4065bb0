package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// A proof is a witness in words.
type proof struct {
	Claim, Anomaly, Arm string
	Anchor              string // of the claim on the page
	Sentence            string
	Ops                 []string // where the sentence does not name them
	More                string   // how many other witnesses there are; empty where none
}

// proofs are, for each claim, the smallest witness in the first arm that has any.
// Several claims may rest on one witness; it is shown once.
func proofs(result *run.Result, all []claim) []proof {
	var shown []proof
	seen := map[string]bool{}
	for _, c := range all {
		at := slices.IndexFunc(c.findings, func(f *run.Finding) bool { return f != nil && len(f.Witness) > 0 })
		if at < 0 {
			continue
		}
		w := slices.MinFunc(c.findings[at].Witness, func(a, b check.Witness) int { return len(a.Ops) - len(b.Ops) })
		key := fmt.Sprint(at, w)
		if seen[key] {
			continue
		}
		seen[key] = true
		p := proof{Claim: c.ID, Anchor: c.Anchor, Anomaly: w.Anomaly, Arm: called(&result.Arms[at])}
		more := -1
		for _, f := range c.findings {
			if f != nil {
				more += len(f.Witness)
			}
		}
		if more > 0 {
			p.More = fmt.Sprintf("%d more in run.json.", more)
		}
		p.Sentence, p.Ops = witnessWords(&w)
		shown = append(shown, p)
	}
	return shown
}

// witnessWords say what a witness proves, and list its ops. One sentence does both
// for acknowledged increments of one counter that returned one value, which no two can.
// An op is "op 40 (app-1, 103.2 → 110.9 ms)".
func witnessWords(w *check.Witness) (sentence string, ops []string) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
	twice := len(w.Ops) > 1
	for i := range w.Ops {
		op, first := &w.Ops[i], &w.Ops[0]
		ops = append(ops, fmt.Sprintf("op %d (%s, %s → %s ms)", op.Index, cmp.Or(op.Node, "node unknown"), ms(op.Invoked), ms(op.Returned)))
		twice = twice && op.Func == history.Increment && op.Outcome == history.OK && op.Value.Valid &&
			op.Value == first.Value && op.Key == first.Key
	}
	if twice {
		return fmt.Sprintf("%d increments returned the same value, %d: %s.", len(ops), w.Ops[0].Value.Int64, units.List(ops, "and")), nil
	}
	for i := range w.Ops {
		op := &w.Ops[i]
		ops[i] += ": " + op.Func + " " + op.Key + ", " + op.Outcome.String()
		if op.Value.Valid {
			ops[i] += fmt.Sprintf(", value %d", op.Value.Int64)
		}
		if op.Code != "" {
			ops[i] += ", " + op.Code
		}
	}
	return w.Reason, ops
}
