package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/run"
)

// checkpointPatience bounds a single checkpoint.
const checkpointPatience = 30 * time.Second

// beginCheckpoint returns once every session is open. Wait returns when the checkpoints
// in progress are over and the sessions are closed. A checkpoint that the
// database refuses or fails is no error of the fault: a damaged file is what an
// experiment may be looking for.
func beginCheckpoint(ctx context.Context, c run.Checkpoint, on Target) (wait func() ([]run.FaultEvent, error), err error) {
	node, err := urlOf(on.Cluster, c.Node)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if c.Sessions < 1 {
		return nil, fmt.Errorf("checkpoint: want at least 1 session, have %d", c.Sessions)
	}
	job := checkpointer{c, node + api.PathSession, &http.Client{
		Timeout:   checkpointPatience,
		Transport: &http.Transport{MaxIdleConnsPerHost: c.Sessions},
	}}
	// What has been asked for is waited for, also when ctx is done.
	calls := context.WithoutCancel(ctx)
	if err := job.each(calls, api.DoOpen); err != nil {
		err = errors.Join(err, job.end(calls))
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	event := run.FaultEvent{Kind: run.KindCheckpoint, Node: c.Node, From: time.Now()}
	done := make(chan error, 1)
	go func() {
		err := job.all(func(session string) error { return job.repeat(ctx, session) })
		event.To = time.Now()
		done <- errors.Join(err, job.end(calls))
	}()
	return func() ([]run.FaultEvent, error) {
		if err := <-done; err != nil {
			return []run.FaultEvent{event}, fmt.Errorf("checkpoint: %w", err)
		}
		return []run.FaultEvent{event}, nil
	}, nil
}

// A checkpointer talks to the sessions of one node.
type checkpointer struct {
	run.Checkpoint
	url    string
	client *http.Client
}

// all calls do for every session at once and returns what went wrong with any.
func (j *checkpointer) all(do func(session string) error) error {
	errs := make([]error, j.Sessions)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = do(fmt.Sprintf("checkpointer-%d", i+1)) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// each tells every session to do one thing that needs no more words.
func (j *checkpointer) each(ctx context.Context, do string) error {
	return j.all(func(session string) error { return j.ask(ctx, api.SessionRequest{Session: session, Do: do}) })
}

// end closes the sessions and the connections to the node.
func (j *checkpointer) end(ctx context.Context) error {
	defer j.client.CloseIdleConnections()
	return j.each(ctx, api.DoClose)
}

// repeat asks for one checkpoint after the other until ctx is done.
func (j *checkpointer) repeat(ctx context.Context, session string) error {
	request := api.SessionRequest{Session: session, Do: api.DoCheckpoint, Name: string(j.Mode), Value: int64(j.Times)}
	for ctx.Err() == nil {
		if err := j.ask(context.WithoutCancel(ctx), request); err != nil {
			return err
		}
	}
	return nil
}

// ask sends request and reads the answer to its end. It returns an error where
// the request never came to the database; what the database made of it is left
// to the ledger.
func (j *checkpointer) ask(ctx context.Context, request api.SessionRequest) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, j.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := j.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	var said api.SessionResponse
	if json.Unmarshal(text, &said) == nil && (said.Success || strings.HasPrefix(said.Code, "SQLITE_")) {
		return nil
	}
	return fmt.Errorf("%s: %s %s", answer.Status, said.Code, said.Error)
}
