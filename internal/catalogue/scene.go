package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// An actor is a container in a scene: one connection to the database.
type actor struct{ session, node string }

// The containers of the scenes. Container C looks on, or cleans up.
var (
	containerA = actor{"A", "app-1"}
	containerB = actor{"B", "app-2"}
	containerC = actor{"C", "app-3"}
)

// does is a step that needs no more than its name.
func (a actor) does(do string) run.Step {
	return run.Step{Session: a.session, Node: a.node, Do: do}
}

// asks is a step about the counter, item or account name.
func (a actor) asks(do, name string) run.Step {
	return run.Step{Session: a.session, Node: a.node, Do: do, Name: name}
}

// changes sets name to what a has last read of it, and by more.
func (a actor) changes(do, name string, by int64) run.Step {
	return run.Step{Session: a.session, Node: a.node, Do: do, Name: name, Value: by, Relative: true}
}

// apart is a step that the scene does not wait for.
func apart(s run.Step) run.Step {
	s.Apart = true
	return s
}

// later is a step that comes a tenth of a second after the one before.
func later(s run.Step) run.Step {
	s.After = 100 * time.Millisecond
	return s
}

// line is how one line of a source is played: its first step quotes the line.
func line(say string, steps ...run.Step) []run.Step {
	steps[0].Say = say
	return steps
}

// scene makes a script of lines. Its name tells it from the other scenes of its
// experiment: a report puts it behind "the scene".
func scene(name string, lines ...[]run.Step) *run.Scene {
	return &run.Scene{Name: name, Steps: slices.Concat(lines...)}
}

// A play is a scene under one setting, and what is expected there.
type play struct {
	which       string // tells it from others under the same setting; "" where there are none
	transaction store.Transaction
	timeout     store.Milliseconds
	journal     store.Journal
	begin       run.Begin
	expected    outlook
	scene       *run.Scene
}

// arm is the arm in which p is played. Its name is made of the setting, and of which.
func (p play) arm() experiment.Arm {
	name := fmt.Sprintf("%s/%d/%s", p.transaction, p.timeout, p.journal)
	if p.which != "" {
		name += "/" + p.which
	}
	d := quiet(p.transaction, p.timeout, p.journal)
	d.Pool = 1 // the sessions bring connections of their own: a node needs one beside them
	return single(name, p.expected, run.Setup{Nodes: 3, Discipline: d, Begin: p.begin, Scene: p.scene, Traced: true})
}

// played returns a check that puts judge to every recording of a scene, where
// that was played to its end. What came of half a scene decides nothing.
func played(judge func(*run.Recording) experiment.Judgement) func(*run.Evidence) experiment.Judgement {
	return experiment.Each(func(r *run.Recording) experiment.Judgement {
		if why := unplayed(r); why != "" {
			return experiment.Judgement{Reason: why}
		}
		return judge(r)
	})
}

// unplayed says why the scene of r proves nothing; empty where it was played to its end.
func unplayed(r *run.Recording) string {
	if n := len(r.Setup.Scene.Steps); len(r.Steps) < n {
		return fmt.Sprintf("the scene was cut short after %d of %d steps", len(r.Steps), n)
	}
	for i, e := range r.Steps {
		switch {
		case e.Outcome == history.Unknown:
			return fmt.Sprintf("nobody knows what became of step %d, %s of session %s", i+1, e.Do, e.Session)
		case e.Code == run.CodeNotRead:
			return fmt.Sprintf("step %d, %s of session %s, was not sent: it had read nothing", i+1, e.Do, e.Session)
		}
	}
	if r.Facts == nil {
		return "the database could not be read afterwards"
	}
	return ""
}

// locked reports whether e was refused for another's lock or for a stale snapshot.
func locked(e run.StepEvent) bool { return e.Code == nodeapi.CodeBusy || e.Code == nodeapi.CodeTimeout }

// transactions returns the steps of each transaction of session, from its BEGIN to what
// ended it. Statements outside of one are left out.
func transactions(events []run.StepEvent, session string) [][]run.StepEvent {
	var all [][]run.StepEvent
	open := false
	for _, e := range events {
		if e.Session != session {
			continue
		}
		if e.Open && !open {
			all = append(all, nil)
		}
		if e.Open || open {
			all[len(all)-1] = append(all[len(all)-1], e)
		}
		open = e.Open
	}
	return all
}

// committed returns the steps that changed the database of a scene for good, as far as its sessions
// know: statements outside of a transaction, and those in one whose COMMIT succeeded.
func committed(events []run.StepEvent) []run.StepEvent {
	var done []run.StepEvent
	open := map[string][]run.StepEvent{} // by session
	for _, e := range events {
		ok := e.Outcome == history.OK
		if ok && (e.Wrote.Valid || e.Do == nodeapi.DoRecordPayment) {
			open[e.Session] = append(open[e.Session], e)
		}
		if e.Open {
			continue
		}
		if ok && e.Do != nodeapi.DoRollback {
			done = append(done, open[e.Session]...)
		}
		delete(open, e.Session)
	}
	return done
}

// came says what came of a step: "ok", "SQLITE_BUSY (SQLITE_BUSY_SNAPSHOT)".
func came(e run.StepEvent) string {
	switch {
	case e.Outcome == history.OK:
		return "ok"
	case e.Extended != "" && e.Extended != e.Code:
		return e.Code + " (" + e.Extended + ")"
	default:
		return e.Code
	}
}

// took says how long a step waited for its answer: "0.42 ms".
func took(e run.StepEvent) string { return inMilliseconds(e.Answered - e.Sent) }

func inMilliseconds(d time.Duration) string {
	return measure.Number(float64(d)/float64(time.Millisecond)) + " ms"
}
