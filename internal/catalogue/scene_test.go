package catalogue

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A twist changes what comes of one step.
type twist struct {
	step  int // from 1, as a report counts
	apply func(*run.StepEvent)
}

// refused is a step that met code, at once or after so long.
func refused(step int, code string, after time.Duration) twist {
	return twist{step, func(e *run.StepEvent) {
		e.Outcome, e.Code, e.Extended, e.Answered = history.Failed, nodeapi.CodeBusy, code, e.Sent+max(after, e.Answered-e.Sent)
		if code == nodeapi.CodeTimeout {
			e.Code, e.Extended = code, nodeapi.CodeBusy
		}
		e.Open = e.Open && !strings.HasPrefix(e.Do, "begin-")
	}}
}

// slow is a step that was done after so long.
func slow(step int, after time.Duration) twist {
	return twist{step, func(e *run.StepEvent) { e.Answered = e.Sent + after }}
}

// got is a step that was answered with a number.
func got(step int, n int64) twist {
	return twist{step, func(e *run.StepEvent) { e.Got = history.Some(n) }}
}

// staging is a recording of s in which every step takes 1 ms and succeeds, but
// for the twists. Its database is empty.
func staging(s *run.Scene, timeout store.Milliseconds, twists ...twist) *run.Recording {
	setup := play{transaction: store.Deferred, timeout: timeout, journal: store.WAL, scene: s}.arm().Trials[0].Setup
	r := &run.Recording{Setup: setup, Facts: &run.Facts{}}
	open := map[string]bool{}
	for i, step := range s.Steps {
		at := time.Duration(i) * time.Millisecond
		e := run.StepEvent{Step: step, Sent: at, Answered: at + time.Millisecond, Outcome: history.OK, Open: open[step.Session]}
		switch {
		case strings.HasPrefix(step.Do, "begin-"):
			e.Open = true
		case step.Do == nodeapi.DoCommit || step.Do == nodeapi.DoRollback:
			e.Open = false
		case strings.HasPrefix(step.Do, "set-"):
			e.Wrote = history.Some(step.Value)
		}
		for _, t := range twists {
			if t.step == i+1 {
				t.apply(&e)
				if e.Outcome != history.OK && !strings.HasPrefix(e.Do, "begin-") {
					e.Open = open[step.Session]
				}
			}
		}
		open[step.Session] = e.Open
		r.Steps = append(r.Steps, e)
	}
	return r
}

// wantVerdict judges r as the engine does, and compares.
func wantVerdict(t *testing.T, judge func(*run.Recording) experiment.Judgement, r *run.Recording, want check.Verdict) {
	t.Helper()
	e := run.Evidence{Trials: []run.TrialEvidence{{Setup: r.Setup, Recordings: []*run.Recording{r}}}}
	j := played(judge)(&e)
	if j.Verdict != want {
		t.Errorf("%s (%s), want %s", j.Verdict, j.Reason, want)
	}
	if j.Reason == "" || want != check.Inconclusive && j.Measured == "" {
		t.Errorf("%+v does not say why", j)
	}
}

// checkOf is the check of the claim called id, of one recording.
func checkOf(t *testing.T, claims []experiment.Claim, id string) func(*run.Recording) experiment.Judgement {
	t.Helper()
	claim := claimOf(t, claims, id)
	return func(r *run.Recording) experiment.Judgement {
		return claim.Check(&run.Evidence{Trials: []run.TrialEvidence{{Setup: r.Setup, Recordings: []*run.Recording{r}}}})
	}
}

// sceneOf is the scene of the first arm of x whose name ends so.
func sceneOf(t *testing.T, x experiment.Experiment, arm string) *run.Scene {
	t.Helper()
	i := slices.IndexFunc(x.Arms, func(a experiment.Arm) bool { return strings.HasSuffix(a.Name, arm) })
	if i < 0 {
		t.Fatalf("no arm of %s ends with %s", x.Name, arm)
	}
	return x.Arms[i].Trials[0].Setup.Scene
}

// scenes are those of every arm.
func scenes(x experiment.Experiment) []*run.Scene {
	var all []*run.Scene
	for _, arm := range x.Arms {
		if s := arm.Trials[0].Setup.Scene; s != nil {
			all = append(all, s)
		}
	}
	return all
}

// Whatever a step says stands in the source, as a line of its own.
func TestScenesQuoteTheSource(t *testing.T) {
	text, err := os.ReadFile("../../docs/07_container_shared_filedb.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, s := range slices.Concat(scenes(inventory(Options{})), scenes(payment(Options{})), scenes(lostUpdate(Options{}))) {
		said := 0
		for _, step := range s.Steps {
			if step.Say == "" {
				continue
			}
			said++
			if !slices.Contains(lines, step.Say) {
				t.Errorf("%s: %q is no line of the source", s.Name, step.Say)
			}
		}
		if said < 5 {
			t.Errorf("%s: says %d lines of the source", s.Name, said)
		}
	}
}

// A step that is set relative to a read can be sent only if its session reads
// before, and a session lives on a node that the scene has.
func TestScenesCanBePlayed(t *testing.T) {
	for _, x := range []experiment.Experiment{lostUpdate(Options{}), inventory(Options{}), payment(Options{}), snapshot(Options{}), checkpoint(Options{})} {
		for _, s := range scenes(x) {
			read := map[string]bool{}
			home := map[string]string{}
			for i, step := range s.Steps {
				thing := strings.TrimPrefix(strings.TrimPrefix(step.Do, "read-"), "set-")
				if strings.HasPrefix(step.Do, "read-") {
					read[step.Session+thing+step.Name] = true
				}
				if step.Relative && !read[step.Session+thing+step.Name] {
					t.Errorf("%s, step %d: %s has read no %s %s", s.Name, i+1, step.Session, thing, step.Name)
				}
				if before := home[step.Session]; before != "" && before != step.Node || !slices.Contains([]string{"app-1", "app-2", "app-3"}, step.Node) {
					t.Errorf("%s, step %d: session %s on %s", s.Name, i+1, step.Session, step.Node)
				}
				home[step.Session] = step.Node
			}
		}
	}
}

func TestCommitted(t *testing.T) {
	a, b := containerA, containerB
	count := func(steps ...run.Step) int {
		return len(committed(staging(scene("", steps), 100).Steps))
	}
	set := a.changes(nodeapi.DoSetCounter, counter, 1)
	for name, c := range map[string]struct{ got, want int }{
		"nothing":                    {count(a.does(nodeapi.DoBeginDeferred), a.does(nodeapi.DoCommit)), 0},
		"outside of a transaction":   {count(set, set), 2},
		"committed":                  {count(a.does(nodeapi.DoBeginDeferred), set, set, a.does(nodeapi.DoCommit)), 2},
		"rolled back":                {count(a.does(nodeapi.DoBeginDeferred), set, a.does(nodeapi.DoRollback), a.does(nodeapi.DoBeginDeferred), a.does(nodeapi.DoCommit)), 0},
		"still open":                 {count(a.does(nodeapi.DoBeginDeferred), set), 0},
		"another session's rollback": {count(a.does(nodeapi.DoBeginDeferred), set, b.does(nodeapi.DoBeginDeferred), b.does(nodeapi.DoRollback), a.does(nodeapi.DoCommit)), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
	again := scene("", []run.Step{a.does(nodeapi.DoBeginDeferred), set, a.does(nodeapi.DoCommit), a.does(nodeapi.DoCommit)})
	if n := len(committed(staging(again, 100, refused(3, nodeapi.CodeTimeout, 0)).Steps)); n != 1 {
		t.Errorf("a COMMIT that succeeds when it is tried again: %d, want 1", n)
	}
	if n := len(committed(staging(again, 100, refused(3, nodeapi.CodeTimeout, 0), refused(4, nodeapi.CodeTimeout, 0)).Steps)); n != 0 {
		t.Errorf("a COMMIT that is refused twice: %d, want 0", n)
	}
}

func TestTransactions(t *testing.T) {
	a, b := containerA, containerB
	look := a.asks(nodeapi.DoReadCounter, counter)
	s := scene("", []run.Step{
		look, a.does(nodeapi.DoBeginDeferred), b.does(nodeapi.DoBeginImmediate), look, a.does(nodeapi.DoRollback), look,
		a.does(nodeapi.DoBeginImmediate), a.does(nodeapi.DoBeginImmediate), a.does(nodeapi.DoCommit), look,
	})
	all := transactions(staging(s, 100, refused(7, nodeapi.CodeBusy, 0)).Steps, "A")
	if len(all) != 2 || len(all[0]) != 3 || len(all[1]) != 2 {
		t.Errorf("%d transactions: %v", len(all), all)
	}
}

// Half a scene proves nothing, whatever is asked of it.
func TestWhatProvesNothing(t *testing.T) {
	whole := func() *run.Recording {
		return staging(sceneOf(t, inventory(Options{}), "deferred/5000/WAL/scene"), 100)
	}
	short, unknown, unread, unreadable := whole(), whole(), whole(), whole()
	short.Steps = short.Steps[:5]
	unknown.Steps[6].Outcome = history.Unknown
	unread.Steps[6].Outcome, unread.Steps[6].Code = history.Failed, run.CodeNotRead
	unreadable.Facts = nil
	for name, r := range map[string]*run.Recording{"short": short, "unknown": unknown, "unread": unread, "unreadable": unreadable} {
		t.Run(name, func(t *testing.T) { wantVerdict(t, stockIsWrong, r, check.Inconclusive) })
	}
}
