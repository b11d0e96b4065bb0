package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/history"
	"example.com/contend/internal/run"
)

// A scene is what became of a script in one trial.
type scene struct {
	Of    string // the arm and its trial
	Steps []sceneStep
}

// Said reports whether the source says anything of the steps.
func (s *scene) Said() bool {
	return slices.ContainsFunc(s.Steps, func(step sceneStep) bool { return step.Say != "" })
}

// A sceneStep is a step in words.
type sceneStep struct {
	Number        int
	Session, Node string
	What          string // "set-stock item 45"
	Result        string // "ok", "50", "SQLITE_BUSY"
	Refused       bool   // its result is not ok
	Open          bool   // a transaction is open on the session afterwards
	Sent, Wait    string // in ms
	Behind        int    // the last later step that was answered before this one; 0 where none was
	Say           string
}

// scenes are those of every trial that played a script.
func scenes(result *run.Result) []scene {
	var all []scene
	for i := range result.Arms {
		arm := &result.Arms[i]
		for _, t := range trials(arm) {
			if len(t.Steps) > 0 {
				all = append(all, scene{trialName(arm, &t), sceneSteps(t.Steps)})
			}
		}
	}
	return all
}

// trialName is the arm's name and, where it has several, the trial's.
func trialName(arm *run.ArmResult, t *run.TrialResult) string {
	if t.Name == "" {
		return called(arm)
	}
	return called(arm) + ", " + t.Name
}

func sceneSteps(steps []run.StepResult) []sceneStep {
	var all []sceneStep
	for i := range steps {
		step := &steps[i]
		all = append(all, sceneStep{
			Number: i + 1, Session: step.Session, Node: step.Node,
			What: asked(step), Result: answered(step),
			Refused: step.Outcome != history.OK.String(), Open: step.Open,
			Sent: ms(step.Sent), Wait: ms(step.Answered - step.Sent), Say: step.Say, Behind: behind(steps, i),
		})
	}
	return all
}

// behind returns the number of the last step after step i that was answered
// before it: i was sent apart, and had to wait for that.
func behind(steps []run.StepResult, i int) int {
	for j := len(steps) - 1; j > i; j-- {
		if steps[j].Answered < steps[i].Answered {
			return j + 1
		}
	}
	return 0
}

// asked says what a step asked for: "record-payment a to b 40".
func asked(step *run.StepResult) string {
	words := []string{step.Do}
	if step.Name != "" {
		words = append(words, step.Name)
	}
	if step.To != "" {
		words = append(words, "to", step.To)
	}
	if step.Wrote != nil {
		words = append(words, fmt.Sprint(*step.Wrote))
	}
	return strings.Join(words, " ")
}

// answered says what came of a step: what was read, or the code.
func answered(step *run.StepResult) string {
	if step.Outcome != history.OK.String() {
		said := cmp.Or(step.Extended, step.Code)
		if step.Extended != "" && !strings.HasPrefix(step.Extended, step.Code) {
			said = step.Code + " (" + step.Extended + ")"
		}
		if step.Outcome != history.Failed.String() || said == "" {
			said = strings.TrimSuffix(step.Outcome+", "+said, ", ")
		}
		return said
	}
	words := []string{"ok"}
	if step.Got != nil && (step.Wrote == nil || *step.Got != *step.Wrote) {
		words = append(words, fmt.Sprint(*step.Got))
	}
	if step.Blocked {
		words = append(words, "blocked")
	}
	if step.Frames != nil && step.Checkpointed != nil {
		words = append(words, fmt.Sprintf("%d of %d frames", *step.Checkpointed, *step.Frames))
	}
	return strings.Join(words, ", ")
}

// scene prints the steps in columns, each with the source's words behind it or,
// where some do not fit there, below it.
func (p *paper) scene(s *scene) {
	p.line("")
	p.say("", 2, "scene in "+s.Of, strong)
	heads := s.heads()
	indent, widest := 0, 0
	for i, head := range heads {
		indent = max(indent, text.StringWidth(head))
		widest = max(widest, text.StringWidth(plain(quoted(s.Steps[i].Say))))
	}
	for i, head := range heads {
		switch say := quoted(s.Steps[i].Say); {
		case say == "":
			p.line(head)
		case indent+widest <= p.width:
			p.say(head, indent, say, nil)
		default:
			p.line(head)
			p.say("", 8, say, faint)
		}
	}
}

// heads are the steps without the source's words, in columns.
func (s *scene) heads() []string {
	rows := make([][]string, len(s.Steps))
	widths := make([]int, 5)
	for i, step := range s.Steps {
		answer := step.Result + " after " + step.Wait + " ms"
		if step.Behind > 0 {
			answer += fmt.Sprintf(", behind step %d", step.Behind)
		}
		rows[i] = []string{fmt.Sprint(step.Number), step.Session, step.Node, step.What, answer}
		for k, word := range rows[i] {
			rows[i][k] = plain(word)
			widths[k] = max(widths[k], text.StringWidth(rows[i][k]))
		}
	}
	var heads []string
	for _, row := range rows {
		head := "    "
		for k, word := range row {
			head += pad(word, widths[k]+2)
		}
		heads = append(heads, head)
	}
	return heads
}

func quoted(say string) string {
	if say == "" {
		return ""
	}
	return `"` + say + `"`
}
