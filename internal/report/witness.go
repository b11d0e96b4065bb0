package report

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/run"
)

// A proof is a witness in words.
type proof struct {
	Claim, Anomaly, Arm string
	Sentence            string
	Ops                 []string // where the sentence does not name them
	More                string   // how many others there are; empty where none
}

// proofs are, for each claim, the smallest witness in the first arm that has
// any. Several claims may rest on one witness; it is shown once.
func proofs(result *run.Result, all []judged) []proof {
	var shown []proof
	seen := map[string]bool{}
	for _, c := range all {
		for i, f := range c.arms {
			if f == nil || len(f.Witness) == 0 {
				continue
			}
			w := slices.MinFunc(f.Witness, func(a, b check.Witness) int { return len(a.Ops) - len(b.Ops) })
			if key := fmt.Sprint(i, w); !seen[key] {
				seen[key] = true
				proof := newProof(&w, len(f.Witness)-1+elsewhere(&c, i))
				proof.Claim, proof.Arm = f.Claim, called(&result.Arms[i])
				shown = append(shown, proof)
			}
			break
		}
	}
	return shown
}

func newProof(w *check.Witness, more int) proof {
	p := proof{Anomaly: w.Anomaly, Sentence: w.Reason}
	if value, ok := toldTheSame(w.Ops); ok {
		p.Sentence = fmt.Sprintf("%s were told %q: %s.", together(len(w.Ops)), fmt.Sprintf("it became %d", value), opList(w.Ops))
	} else {
		for i := range w.Ops {
			p.Ops = append(p.Ops, opWords(&w.Ops[i])+answer(&w.Ops[i]))
		}
	}
	if more > 0 {
		p.More = fmt.Sprintf("run.json holds %d more.", more)
	}
	return p
}

// elsewhere counts the proofs of c in the arms after i.
func elsewhere(c *judged, i int) int {
	n := 0
	for _, f := range c.arms[i+1:] {
		if f != nil {
			n += len(f.Witness)
		}
	}
	return n
}

func (p *paper) proof(w *proof) {
	p.line("")
	p.say("", 2, fmt.Sprintf("witness of %s in %s", w.Anomaly, w.Arm), strong)
	p.say("", 4, w.Sentence, nil)
	for _, op := range w.Ops {
		p.say("", 6, op, nil)
	}
	if w.More != "" {
		p.say("", 4, w.More, faint)
	}
}

// toldTheSame reports whether ops are acknowledged increments that were all
// told one value, which no two increments can be.
func toldTheSame(ops []history.Op) (int64, bool) {
	if len(ops) < 2 {
		return 0, false
	}
	for i := range ops {
		op := &ops[i]
		if op.Func != history.Increment || op.Outcome != history.OK || !op.Value.Valid ||
			op.Value != ops[0].Value || op.Key != ops[0].Key {
			return 0, false
		}
	}
	return ops[0].Value.Int64, true
}

func together(n int) string {
	if n == 2 {
		return "Both"
	}
	return fmt.Sprintf("All %d", n)
}

func opList(ops []history.Op) string {
	var words []string
	for i := range ops {
		words = append(words, opWords(&ops[i]))
	}
	return list(words, "and")
}

// opWords names an op and when it took place: "op 40 (app-1, 103.2 → 110.9 ms)".
func opWords(op *history.Op) string {
	node := op.Node
	if node == "" {
		node = "node unknown"
	}
	return fmt.Sprintf("op %d (%s, %s → %s ms)", op.Index, node, tenths(op.Invoked), tenths(op.Returned))
}

func tenths(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

// answer says what an op asked for and what it was told.
func answer(op *history.Op) string {
	said := ": " + op.Func + " " + op.Key + ", " + op.Outcome.String()
	if op.Value.Valid {
		said += fmt.Sprintf(", value %d", op.Value.Int64)
	}
	if op.Code != "" {
		said += ", " + op.Code
	}
	return said
}
