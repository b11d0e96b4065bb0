package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/history"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// A trialTable is what happened in one trial, step by step or fault by fault.
type trialTable struct {
	Of    string // the arm and, where it has several, the trial
	Words string // faults: all of them in one sentence
	Steps []sceneStep
	Table table
}

// trialTables returns those of every trial of result for which of makes one.
func trialTables(result *run.Result, of func(name string, t *run.TrialResult) (trialTable, bool)) []trialTable {
	var all []trialTable
	for i := range result.Arms {
		for _, t := range trials(&result.Arms[i]) {
			name := called(&result.Arms[i])
			if t.Name != "" {
				name += ", " + t.Name
			}
			if made, some := of(name, &t); some {
				made.Of = name
				all = append(all, made)
			}
		}
	}
	return all
}

// A sceneStep is a step among those of its scene.
type sceneStep struct {
	*run.StepResult
	behind int // number of the last later step that was answered before this one, which waited for it; 0 where there is none
}

// stepColumns are those of a scene. The source's words are last.
var stepColumns = []column[sceneStep]{
	number("at", "ms", func(s sceneStep) string { return units.Number(s.Sent) }),
	words("session", func(s sceneStep) string { return s.Session }),
	words("node", func(s sceneStep) string { return s.Node }),
	words("request", func(s sceneStep) string { return requestWords(s.StepResult) }),
	{head{Name: "answer"}, func(s sceneStep) cell {
		c := cell{Text: s.answer(), Strong: s.Outcome != history.OK.String()}
		if s.Outcome == history.Failed.String() {
			c.Harm = run.AboutRefused
		}
		return c
	}},
	number("after", "ms", func(s sceneStep) string { return units.Number(s.Answered - s.Sent) }),
	words("transaction", func(s sceneStep) string {
		if s.Open {
			return "open"
		}
		return ""
	}),
	words("the source says", func(s sceneStep) string { return s.Say }),
}

// scenes are those of every trial that played one.
func scenes(result *run.Result) []trialTable {
	return trialTables(result, func(name string, t *run.TrialResult) (trialTable, bool) {
		columns := stepColumns
		if !slices.ContainsFunc(t.Steps, func(s run.StepResult) bool { return s.Say != "" }) {
			columns = columns[:len(columns)-1]
		}
		drawn := newTable("Steps of "+name, "step", columns)
		drawn.Class = "steps"
		var steps []sceneStep
		for i := range t.Steps {
			step := sceneStep{&t.Steps[i], 0}
			for j := i + 1; j < len(t.Steps); j++ {
				if t.Steps[j].Answered < step.Answered {
					step.behind = j + 1
				}
			}
			steps = append(steps, step)
			drawn.Rows = append(drawn.Rows, rowOf(fmt.Sprint(i+1), columns, step))
		}
		return trialTable{Steps: steps, Table: drawn}, len(steps) > 0
	})
}

// requestWords are what a step sent: "record-payment a to b 40".
func requestWords(step *run.StepResult) string {
	words := []string{step.Do}
	if step.Name != "" {
		words = append(words, step.Name)
	}
	if step.To != "" {
		words = append(words, "to", step.To)
	}
	if step.Wrote.Valid {
		words = append(words, fmt.Sprint(step.Wrote.Int64))
	}
	return strings.Join(words, " ")
}

// answer is what came of a step: what was read, or the code.
func (s sceneStep) answer() string {
	behind := ""
	if s.behind > 0 {
		behind = fmt.Sprintf(" (behind step %d)", s.behind)
	}
	return answerWords(s.StepResult) + behind
}

func answerWords(step *run.StepResult) string {
	if step.Outcome != history.OK.String() {
		code := cmp.Or(step.Extended, step.Code)
		if step.Extended != "" && !strings.HasPrefix(step.Extended, step.Code) {
			code = step.Code + " (" + step.Extended + ")"
		}
		if step.Outcome != history.Failed.String() || code == "" {
			code = strings.TrimSuffix(step.Outcome+", "+code, ", ")
		}
		return code
	}
	words := []string{"ok"}
	if step.Got.Valid && step.Got != step.Wrote {
		words = append(words, fmt.Sprint(step.Got.Int64))
	}
	if step.Blocked {
		words = append(words, "blocked")
	}
	if step.Frames.Valid && step.Checkpointed.Valid {
		words = append(words, fmt.Sprintf("%d of %d frames", step.Checkpointed.Int64, step.Frames.Int64))
	}
	return strings.Join(words, ", ")
}

// faultColumns are those of what went wrong on purpose. The last four are of looks.
var faultColumns = []column[*run.FaultResult]{
	number("repeat", "", func(f *run.FaultResult) string { return fmt.Sprint(f.Repeat) }),
	words("node", func(f *run.FaultResult) string { return f.Node }),
	number("from", "ms", func(f *run.FaultResult) string { return units.Number(f.From) }),
	number("to", "ms", func(f *run.FaultResult) string { return units.Number(f.To) }),
	number("journal", "bytes", ofLook(func(f *run.FaultResult) string { return units.Count(f.Journal) })),
	words("hot journal", ofLook(func(f *run.FaultResult) string { return yes(f.Hot) })),
	number("rows", "", ofLook(func(f *run.FaultResult) string { return units.Count(f.Rows) })),
	words("integrity", ofLook(func(f *run.FaultResult) string { return f.Integrity })),
}

func ofLook(of func(*run.FaultResult) string) func(*run.FaultResult) string {
	return func(f *run.FaultResult) string {
		if f.Kind != run.KindLook {
			return ""
		}
		return of(f)
	}
}

// faults are those of every trial in which something went wrong on purpose.
func faults(result *run.Result) []trialTable {
	return trialTables(result, func(name string, t *run.TrialResult) (trialTable, bool) {
		drawn := newTable("Faults in "+name, "kind", faultColumns)
		for i := range t.Faults {
			drawn.Rows = append(drawn.Rows, rowOf(t.Faults[i].Kind, faultColumns, &t.Faults[i]))
		}
		return trialTable{Words: faultWords(t.Faults), Table: drawn}, len(t.Faults) > 0
	})
}

// faultWords sum up faults: "16 nodes killed; hot journal at 3 of 5 looks; integrity ok 5 times".
func faultWords(faults []run.FaultResult) string {
	count := map[string]int{}
	var kinds, complaints []string
	hot, fine, held := 0, 0, 0.0
	for _, f := range faults {
		kinds = with(kinds, f.Kind)
		count[f.Kind]++
		switch {
		case f.Kind == run.KindHold:
			held += f.To - f.From
		case f.Kind != run.KindLook:
		case f.Integrity == "ok":
			fine++
		default:
			complaints = with(complaints, f.Integrity)
		}
		if f.Kind == run.KindLook && f.Hot {
			hot++
		}
	}
	var words []string
	for _, kind := range kinds {
		n := count[kind]
		switch kind {
		case run.KindHold:
			words = append(words, fmt.Sprintf("write lock held %s, %s in all", times(n), units.Milliseconds(held)))
		case run.KindCrash:
			words = append(words, units.PluralOf(n, "node", "nodes")+" killed")
		case run.KindLook:
			integrity := "integrity ok " + times(fine)
			if fine < n {
				integrity = fmt.Sprintf("integrity ok in %d of %d, else: %s", fine, n, strings.Join(complaints, "; "))
			}
			words = append(words, fmt.Sprintf("hot journal at %d of %s", hot, units.Plural(n, "look")), integrity)
		default:
			words = append(words, kind+" "+times(n))
		}
	}
	return strings.Join(words, "; ")
}
