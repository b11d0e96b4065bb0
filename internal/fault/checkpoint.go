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
	"example.com/contend/internal/store"
)

// Checkpoint has Node checkpoint the WAL again and again while clients write,
// as a background job or a backup does that has a rhythm of its own. It is no
// misuse: SQLite allows a checkpoint at any time, from any connection
// (https://sqlite.org/c3ref/wal_checkpoint_v2.html).
type Checkpoint struct {
	Node     string
	Mode     store.CheckpointMode
	Sessions int // connections that do it at once, each back to back; at least 1
	Times    int // checkpoints that one request asks for; 0 means 1
}

// KindCheckpoint is the kind of the one event of a [Checkpoint]: Node kept
// checkpointing.
const KindCheckpoint = "checkpointing"

// checkpointPatience bounds a single checkpoint.
const checkpointPatience = 30 * time.Second

// String says who does it, and how.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s keeps asking for a %s checkpoint on %s", c.Node, c.Mode, connections(c.Sessions))
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// Begin returns once every session is open. Wait returns when the checkpoints
// in progress are over and the sessions are closed. A checkpoint that the
// database refuses or fails is no error of the fault: a damaged file is what an
// experiment may be looking for.
func (c Checkpoint) Begin(ctx context.Context, on Target) (wait func() ([]Event, error), err error) {
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
	event := Event{Kind: KindCheckpoint, Node: c.Node, From: time.Now()}
	done := make(chan error, 1)
	go func() {
		err := job.all(func(session string) error { return job.repeat(ctx, session) })
		event.To = time.Now()
		done <- errors.Join(err, job.end(calls))
	}()
	return func() ([]Event, error) {
		if err := <-done; err != nil {
			return []Event{event}, fmt.Errorf("checkpoint: %w", err)
		}
		return []Event{event}, nil
	}, nil
}

// A checkpointer talks to the sessions of one node.
type checkpointer struct {
	Checkpoint
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

var _ Fault = Checkpoint{}
