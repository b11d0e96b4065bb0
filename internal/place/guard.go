package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/contend/internal/clean"
)

// dismissPatience bounds how long it may take to remove what a run has made.
const dismissPatience = time.Minute

// guard removes what dead runs have left, of which runs is the directory, and has a guard watch
// over what this process makes in one of the places from now on. To close is to remove that.
func (c *closers) guard(ctx context.Context, runs string, in clean.Where, say func(string)) error {
	gone, err := clean.Leftovers(ctx, clean.Where{Runs: runs, Docker: in.Docker})
	for _, t := range gone {
		say(fmt.Sprintf("removed %s, left by process %d, which has ended", t, t.Owner.PID))
	}
	if err != nil {
		say(fmt.Sprintf("not all that dead runs left is removed: %v", err))
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	guard, err := clean.StartGuard(ctx, program, in)
	if err != nil {
		return err
	}
	*c = append(*c, func() error {
		ctx, cancel := context.WithTimeoutCause(context.Background(), dismissPatience, errors.New("it took too long"))
		defer cancel()
		return guard.Dismiss(ctx)
	})
	return nil
}
