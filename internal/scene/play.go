// Package scene plays a scene on lab sessions of real nodes, step by step, as
// a seminar would on a blackboard: container A reads, container B reads, A
// writes, B is refused. The steps are exact and their order is fixed, so a
// scene shows what SQLite does in it and not what happened to happen.
//
// The scene and what came of it are data, [run.Scene] and [run.StepEvent]. The
// package judges nothing.
package scene

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
)

// closePatience bounds the closing of the sessions. One whose last step was
// cut short may first have to wait out its busy_timeout.
const closePatience = time.Minute

// Play plays s through the balancer at base, and returns an event for each step
// that it came to, in the scene's order. What the database refuses is an
// event; an error says that the scene could not be played to its end, because
// a node was not reached, did not understand, or ctx was done. A step whose
// answer ctx cut off is Unknown.
//
// Every session is opened before the scene starts, so that opening one, which
// needs the database too, is no part of it. All of them are closed at the end,
// whatever happened.
func Play(ctx context.Context, base string, s *run.Scene) (events []run.StepEvent, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	p := &player{base: base, sessions: nodeclient.NewSessions(len(s.Steps)), stop: stop, actors: map[string]*actor{}}
	defer p.sessions.CloseIdle()
	defer func() { err = errors.Join(err, p.close(context.WithoutCancel(ctx))) }()
	if err := p.open(ctx, s); err != nil {
		return nil, fmt.Errorf("play %s: %w", s.Name, err)
	}
	events = p.play(ctx, s)
	if ctx.Err() != nil {
		return events, fmt.Errorf("play %s: %w", s.Name, context.Cause(ctx))
	}
	return events, nil
}

// A player plays one scene.
type player struct {
	base     string // URL of the balancer
	sessions *nodeclient.Sessions
	stop     context.CancelCauseFunc // ends the scene, because of an error
	start    time.Time
	actors   map[string]*actor // by session
}

// An actor is a session on the stage. What it has read belongs to its step in
// progress.
type actor struct {
	session, node string
	idle          chan struct{}    // closed when its latest step is over
	read          map[string]int64 // by what and name: "stock cup"
}

// open opens the sessions of s in the order in which they enter.
func (p *player) open(ctx context.Context, s *run.Scene) error {
	for i := range s.Steps {
		step := &s.Steps[i]
		if a := p.actors[step.Session]; a != nil {
			if a.node != step.Node {
				return fmt.Errorf("step %d: session %s lives on %s, not on %s", i+1, step.Session, a.node, step.Node)
			}
			continue
		}
		a := &actor{session: step.Session, node: step.Node, idle: make(chan struct{}), read: map[string]int64{}}
		close(a.idle)
		if _, err := p.do(ctx, a, nodeapi.SessionRequest{Do: nodeapi.DoOpen}, nil); err != nil {
			return fmt.Errorf("open session %s: %w", a.session, err)
		}
		p.actors[step.Session] = a
	}
	return nil
}

// close closes every session, all at once: one may be waiting for another's lock.
func (p *player) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closePatience)
	defer cancel()
	// One error is enough.
	return cmp.Or(cluster.Each(slices.Collect(maps.Values(p.actors)), func(a *actor) error {
		if _, err := p.do(ctx, a, nodeapi.SessionRequest{Do: nodeapi.DoClose}, nil); err != nil {
			return fmt.Errorf("close session %s: %w", a.session, err)
		}
		return nil
	})...)
}

// do sends a request to a's session; see [nodeclient.Sessions.Do].
func (p *player) do(ctx context.Context, a *actor, request nodeapi.SessionRequest, sent func()) (nodeclient.Reply, error) {
	request.Session = a.session
	return p.sessions.Do(ctx, p.base+"/"+a.node, request, sent)
}

// play sends the steps of s until they or ctx are done, and waits for the
// answers to all that it has sent.
func (p *player) play(ctx context.Context, s *run.Scene) []run.StepEvent {
	events := make([]run.StepEvent, len(s.Steps)) // in one piece: steps that are Apart fill in theirs later
	var apart sync.WaitGroup
	defer apart.Wait()
	p.start = time.Now()
	for i := range s.Steps {
		step, a := &s.Steps[i], p.actors[s.Steps[i].Session]
		err := cluster.Sleep(ctx, step.After)
		select {
		case <-a.idle:
		case <-ctx.Done():
		}
		if err != nil || ctx.Err() != nil {
			return events[:i]
		}
		a.idle = make(chan struct{})
		left := make(chan struct{})
		act := func() {
			defer close(a.idle)
			p.act(ctx, i, step, a, &events[i], sync.OnceFunc(func() { close(left) }))
		}
		if !step.Apart {
			act()
			continue
		}
		apart.Go(act)
		<-left
	}
	return events
}

// act has a do step i and takes down what comes of it. It calls left when the
// request has left, at the latest when it returns.
func (p *player) act(ctx context.Context, i int, step *run.Step, a *actor, e *run.StepEvent, left func()) {
	defer left()
	e.Step, e.Sent = *step, time.Since(p.start)
	defer func() { e.Answered = time.Since(p.start) }()
	request := nodeapi.SessionRequest{Do: step.Do, Name: step.Name, To: step.To, Value: step.Value}
	if thing, sets := strings.CutPrefix(step.Do, "set-"); sets {
		before, known := a.read[thing+" "+step.Name]
		if step.Relative && !known {
			e.Outcome, e.Code = history.Failed, run.CodeNotRead
			return
		}
		if step.Relative {
			request.Value += before
		}
		e.Wrote = history.Some(request.Value)
	}
	answer, err := p.do(ctx, a, request, left)
	switch {
	case err == nil:
		e.Outcome, e.Code, e.Extended, e.Open = answer.Outcome, answer.Code, answer.Extended, answer.Open
		e.Got, e.Frames, e.Checkpointed = value(answer.Value), value(answer.Frames), value(answer.Checkpointed)
		e.Blocked = answer.Blocked != nil && *answer.Blocked
	case ctx.Err() != nil:
		e.Code = nodeapi.CodeClientTimeout
	default:
		p.stop(fmt.Errorf("step %d, %s of session %s: %w", i+1, step.Do, step.Session, err))
	}
	if thing, reads := strings.CutPrefix(step.Do, "read-"); reads && e.Got.Valid {
		a.read[thing+" "+step.Name] = e.Got.Int64
	}
}

func value(n *int64) history.Value {
	if n == nil {
		return history.Value{}
	}
	return history.Some(*n)
}
