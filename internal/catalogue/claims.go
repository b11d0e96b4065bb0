package catalogue

import (
	"fmt"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// A citation is where a claim stands, and its words there where those are Japanese.
type citation struct{ at, words string }

// source cites a line of the document that contend started from.
func source(line int, words string) citation {
	return citation{fmt.Sprintf("07_container_shared_filedb.md:%d", line), words}
}

// sqlite cites a page of sqlite.org by its path.
func sqlite(path string) citation { return citation{at: "https://sqlite.org/" + path} }

// claim makes a claim. Its check looks at all that was recorded in an arm; for one that
// looks at one recording at a time see [experiment.Each].
func claim(id string, from citation, text string, check func(*run.Evidence) experiment.Judgement) experiment.Claim {
	return experiment.Claim{ID: id, Text: text, TextJA: from.words, Source: from.at, Check: check}
}

// An outlook lists the claims of an arm by what is expected of them. Each field holds
// claim IDs with spaces between.
type outlook struct{ holds, refuted, either string }

// expect returns the outlook as an arm has it.
func (o outlook) expect() map[string]run.Expectation {
	all := map[string]run.Expectation{}
	for expectation, ids := range map[run.Expectation]string{run.ExpectHolds: o.holds, run.ExpectRefuted: o.refuted, run.Either: o.either} {
		for _, id := range strings.Fields(ids) {
			all[id] = expectation
		}
	}
	return all
}

// expectThat expects a claim to hold where holds is true, and else to be refuted.
func expectThat(holds bool) run.Expectation {
	if holds {
		return run.ExpectHolds
	}
	return run.ExpectRefuted
}

// ruled is the verdict on a claim that is true or false.
func ruled(holds bool) check.Verdict {
	if holds {
		return check.Holds
	}
	return check.Refuted
}

// judged returns a judgement with what was measured and a reason, made of format and args.
func judged(v check.Verdict, measured, format string, args ...any) experiment.Judgement {
	return experiment.Judgement{Verdict: v, Measured: measured, Reason: fmt.Sprintf(format, args...)}
}

// undecided is a judgement that decides nothing, and why.
func undecided(format string, args ...any) experiment.Judgement {
	return experiment.Judgement{Reason: fmt.Sprintf(format, args...)}
}

// counted judges a claim on how many of the load's requests met an end.
func counted(r *run.Recording, n check.Range, end string, v check.Verdict, wanted string) experiment.Judgement {
	return judged(v, fmt.Sprintf("%s %s", n, end), "%s of %d %s; the claim wants %s", n, r.Setup.Load.Requests, end, wanted)
}

// whole returns j undecided where the load was cut short: the requests that were
// never sent could have made any difference.
func whole(r *run.Recording, j experiment.Judgement) experiment.Judgement {
	if r.Unsent > 0 {
		j.Verdict, j.Noise = check.Inconclusive, false
		j.Reason = fmt.Sprintf("the load was cut short: %d requests were not sent", r.Unsent)
	}
	return j
}

// atLevel returns a check that puts judge to the recordings of the trial of a level.
func atLevel(level int, judge func(*run.Recording) experiment.Judgement) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement {
		for i := range e.Trials {
			if e.Trials[i].Level == float64(level) {
				return experiment.Each(judge)(&run.Evidence{Arm: e.Arm, Trials: e.Trials[i : i+1]})
			}
		}
		return undecided("there is no trial with %d", level)
	}
}

// single is an arm with one trial.
func single(name string, expected outlook, s run.Setup) experiment.Arm {
	return experiment.Arm{Name: name, Expect: expected.expect(), Trials: experiment.Single(s)}
}

// pick returns whole or, of a quick run, quick.
func pick[T any](o Options, whole, quick T) T {
	if o.Quick {
		return quick
	}
	return whole
}
