package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
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
	s := a.does(do)
	s.Name = name
	return s
}

// changes sets name to what a has last read of it, and by more.
func (a actor) changes(do, name string, by int64) run.Step {
	s := a.asks(do, name)
	s.Value, s.Relative = by, true
	return s
}

// apart is a step that the scene does not wait for.
func apart(s run.Step) run.Step {
	s.Apart = true
	return s
}

// line is how one line of a source is played: its first step says the line.
func line(say string, steps ...run.Step) []run.Step {
	steps[0].Say = say
	return steps
}

// scene makes a script of lines. Its name says what tells it from its like: a
// report puts it behind "the scene".
func scene(name string, lines ...[]run.Step) *run.Scene {
	return &run.Scene{Name: name, Steps: slices.Concat(lines...)}
}

// sceneNodes is how many containers a scene has to itself.
const sceneNodes = 3

// staged is the setup in which s is played. Its sessions bring connections of
// their own, so one beside them is enough for a node.
func staged(s *run.Scene, transaction store.Transaction, timeout store.Milliseconds, journal store.Journal) run.Setup {
	d := quiet(transaction, timeout, journal)
	d.Pool = 1
	return run.Setup{Nodes: sceneNodes, Discipline: d, Scene: s, Traced: true}
}

// expects are what an arm expects, by claim ID.
type expects = map[string]run.Expectation

// sceneArm is an arm in which s is played. Its name is made of the settings, as
// everywhere, and of which is how the scene differs from others under the same.
func sceneArm(which string, s run.Setup, e expects) experiment.Arm {
	d := s.Discipline
	name := fmt.Sprintf("%s/%d/%s", d.Transaction, d.BusyTimeout, d.Journal)
	if which != "" {
		name += "/" + which
	}
	return experiment.Arm{Name: name, Trials: experiment.Single(s), Expect: e}
}

// played returns a check that puts judge to every recording of a scene, where
// that was played to its end. What became of half a scene says nothing.
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

// locked reports whether e was refused for somebody else's lock or for a stale snapshot.
func locked(e run.StepEvent) bool { return e.Code == api.CodeBusy || e.Code == api.CodeTimeout }

// transactions returns what each transaction of session did, its BEGIN and what
// ended it included. Statements outside of one are left out.
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

// committed returns what changed the database of a scene for good, as far as
// its sessions were told: statements outside of a transaction, and those in one
// whose COMMIT succeeded.
func committed(events []run.StepEvent) []run.StepEvent {
	var done []run.StepEvent
	open := map[string][]run.StepEvent{} // by session
	for _, e := range events {
		if e.Outcome == history.OK && e.Wrote.Valid || e.Outcome == history.OK && e.Do == api.DoRecordPayment {
			open[e.Session] = append(open[e.Session], e)
		}
		if e.Open {
			continue
		}
		if e.Outcome == history.OK && e.Do != api.DoRollback {
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

// took says how long the answer to a step was waited for: "0.42 ms".
func took(e run.StepEvent) string { return inMilliseconds(e.Answered - e.Sent) }

func inMilliseconds(d time.Duration) string {
	return measure.Number(float64(d)/float64(time.Millisecond)) + " ms"
}
