package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/store"
)

// writeClaims compare the seed's writes in DELETE and in WAL mode, repeat by
// repeat: a difference is one that every pair shows.
func writeClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "wal-more-successes",
		Text:   "More of 50 writes succeed in WAL than in DELETE mode, in every repeat.",
		TextJA: "WALモードの方が若干良い",
		Source: seed(216),
		Check:  compared(journals.succeededMore, succeeded),
	}, {
		ID:     "wal-faster",
		Text:   "50 writes take less than 0.8 times as long in WAL as in DELETE mode, in every repeat.",
		TextJA: "WALモードの方が若干良い",
		Source: seed(217),
		Check:  compared(func(j journals) check.Verdict { return j.tookLess(0.8) }, duration),
	}, {
		ID:     "wal-still-fails",
		Text:   "More than 5 of 50 writes fail in WAL mode all the same.",
		TextJA: "それでも失敗は発生する",
		Source: seed(220),
		Check:  compared(func(j journals) check.Verdict { return j.stillFail(10) }, succeeded),
	}, {
		ID:     "wal-no-cure",
		Text:   "WAL mode does better than DELETE, with more successes or in less time, and yet some of 50 writes fail.",
		TextJA: "WALモードの方が若干良いが、根本解決にはならない",
		Source: seed(215),
		Check:  compared(journals.noCure, succeeded, duration),
	}}
}

// walPage is where SQLite says what WAL mode is good for.
const walPage = "https://sqlite.org/wal.html"

// readClaims are what a reader and a writer do to each other.
func readClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "blocks-nobody",
		Text:   "Readers do not block writers and a writer does not block readers: without patience, none of them is refused a lock.",
		Source: walPage,
		Check:  experiment.Each(blocksNobody),
	}, {
		ID:     "wal-more-reads",
		Text:   "WAL provides more concurrency: beside four writers, four readers get more answers than in DELETE mode, in every repeat.",
		Source: walPage,
		Check:  compared(journals.readMore, readRate, longestRead),
	}}
}

// journals are the recordings of an arm in both modes. Those at one position
// are of one repeat, made one right after the other.
type journals struct{ rollback, wal []*experiment.Recording }

// inBoth returns the repeats of which both recordings tell something.
func inBoth(e *experiment.Evidence) journals {
	var j journals
	for _, a := range e.Trial(string(store.Delete)).Recordings {
		for _, b := range e.Trial(string(store.WAL)).Recordings {
			if a.Repeat == b.Repeat && a.Told() && b.Told() {
				j.rollback, j.wal = append(j.rollback, a), append(j.wal, b)
			}
		}
	}
	return j
}

// compared returns a check that judges both modes side by side. The figures say
// how they came out.
func compared(judge func(journals) check.Verdict, figures ...experiment.Figure) func(*experiment.Evidence) experiment.Judgement {
	return func(e *experiment.Evidence) experiment.Judgement {
		both := inBoth(e)
		if len(both.wal) == 0 {
			return experiment.Judgement{Reason: "no repeat was recorded in both modes"}
		}
		var sides []string
		for _, f := range figures {
			sides = append(sides, both.side(f))
		}
		measured := strings.Join(sides, "; ")
		j := experiment.Judgement{Verdict: judge(both), Measured: measured, Reason: measured}
		if j.Verdict == check.Inconclusive && both.known() {
			j.Noise = true
			j.Reason += "; the repeats disagree, so no difference is shown"
		}
		return j
	}
}

// side puts the figure of the two modes side by side, with their ratio.
func (j journals) side(f experiment.Figure) string {
	text := fmt.Sprintf("%s in DELETE %s, in WAL %s", f.Name, spreadOf(j.rollback, f), spreadOf(j.wal, f))
	if f.Unit != "" {
		text += " " + f.Unit
	}
	if r := j.ratio(f); r.Count > 0 {
		text += fmt.Sprintf(": %s times", r)
	}
	return text
}

func spreadOf(all []*experiment.Recording, f experiment.Figure) measure.Spread {
	t := experiment.TrialEvidence{Recordings: all}
	return t.Spread(f.Of)
}

// ratio is that of the figure in WAL to the one in DELETE mode, repeat by
// repeat: what both of a pair met on the machine is not in it.
func (j journals) ratio(f experiment.Figure) measure.Spread {
	var ratios []float64
	for i := range j.wal {
		a, known := f.Of(j.rollback[i])
		b, alsoKnown := f.Of(j.wal[i])
		if known && alsoKnown && a > 0 {
			ratios = append(ratios, b/a)
		}
	}
	return measure.SpreadOf(ratios)
}

// known reports whether every request was sent and answered.
func (j journals) known() bool {
	for _, r := range slices.Concat(j.rollback, j.wal) {
		if r.Unsent+r.Counts().Unknown > 0 {
			return false
		}
	}
	return true
}

// every judges the ratios of a figure, pair by pair: a claim on them holds where
// every pair fits, and is refuted where none does.
func (j journals) every(f experiment.Figure, fits func(ratio float64) bool) check.Verdict {
	ratio := j.ratio(f)
	if ratio.Count == 0 || !j.known() || fits(ratio.Min) != fits(ratio.Max) {
		return check.Inconclusive
	}
	return ruled(fits(ratio.Median))
}

// sum adds up a count over recordings.
func sum(all []*experiment.Recording, of func(*experiment.Recording) check.Range) (total check.Range) {
	for _, r := range all {
		n := of(r)
		total.Min += n.Min
		total.Max += n.Max
	}
	return total
}

func (j journals) succeededMore() check.Verdict {
	more, pairs := 0, len(j.wal)
	for i := range pairs {
		if j.wal[i].Succeeded().Min > j.rollback[i].Succeeded().Max {
			more++
		}
	}
	if !j.known() || more > 0 && more < pairs {
		return check.Inconclusive
	}
	return ruled(more == pairs)
}

func (j journals) tookLess(times float64) check.Verdict {
	return j.every(duration, func(ratio float64) bool { return ratio < times })
}

// stillFail judges whether more than so many in a hundred writes fail in WAL.
func (j journals) stillFail(percent int64) check.Verdict {
	return sum(j.wal, failures).Above(percent * int64(len(j.wal)) * planned(j.wal[0]) / 100)
}

// noCure judges whether WAL is better and no cure.
func (j journals) noCure() check.Verdict {
	better := j.tookLess(1)
	if j.succeededMore() == check.Holds {
		better = check.Holds
	}
	return check.Merge(better, j.stillFail(0))
}

func (j journals) readMore() check.Verdict {
	return j.every(readRate, func(ratio float64) bool { return ratio > 1 })
}

// succeeded is how many requests did.
var succeeded = experiment.Figure{Name: "succeeded", Of: func(r *experiment.Recording) (n float64, ok bool) {
	return float64(r.Counts().OK), r.Told()
}}

// blocksNobody judges a load of readers and a single writer.
func blocksNobody(r *experiment.Recording) experiment.Judgement {
	count := map[string]int{}   // of ops, by function
	refused := map[string]int{} // of these, for a lock
	var witness []check.Witness
	for _, op := range r.ClientOps() {
		count[op.Func]++
		if op.Code != api.CodeBusy && op.Code != api.CodeTimeout {
			continue
		}
		if refused[op.Func]++; refused[op.Func] == 1 {
			witness = append(witness, check.Witness{
				Anomaly: "blocked " + op.Func, Ops: []history.Op{op},
				Reason: fmt.Sprintf("%s refused a %s with %s", op.Node, op.Func, op.Extended),
			})
		}
	}
	reads, writes := count[history.Read], count[history.Write]
	total := int64(refused[history.Read] + refused[history.Write])
	j := experiment.Judgement{
		Verdict:  check.Range{Min: total, Max: total + int64(r.Counts().Unknown)}.Below(1),
		Measured: fmt.Sprintf("refused: %d of %d reads, %d of %d writes", refused[history.Read], reads, refused[history.Write], writes),
		Witness:  witness,
	}
	j.Reason = j.Measured
	if j.Verdict == check.Holds && (reads == 0 || writes == 0) {
		j.Verdict, j.Reason = check.Inconclusive, "nobody read, or nobody wrote: "+j.Measured
	}
	return j
}
