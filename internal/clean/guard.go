package clean

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"example.com/contend/internal/owner"
)

// What a guard and its ward say to each other.
const (
	watches = "watching\n" // the guard, once
	over    = "over\n"     // the ward, when nothing is left to guard
)

// A Guard is another process of contend that outlives this one, should it die before it
// has removed what it made: containers are no children of ours, and the kernel removes
// no files.
type Guard struct {
	cmd  *exec.Cmd
	line io.WriteCloser // its stdin, which ends when we do
	in   Where
}

// guardPatience bounds how long the guard may take to say that it watches.
const guardPatience = 10 * time.Second

// StartGuard starts `program guard` for this process and waits until it watches. What this
// process then makes in one of the places is guarded. The guard has a session of its own, so that
// nothing that happens to our terminal or our process group reaches it, and no
// parent-death signal.
func StartGuard(ctx context.Context, program string, in Where) (*Guard, error) {
	cmd := exec.Command(program, "guard", "--owner", owner.Self().String(), "--runs", in.Runs, fmt.Sprintf("--docker=%t", in.Docker))
	cmd.Dir = "/" // it keeps no directory busy
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	line, errIn := cmd.StdinPipe()
	said, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, guardPatience, fmt.Errorf("it did not watch within %s", guardPatience))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	word, _ := bufio.NewReader(said).ReadString('\n')
	if stop() && word == watches {
		return &Guard{cmd, line, in}, nil
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	err := fmt.Errorf("%s said %q: is it contend?", program, word)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, fmt.Errorf("start the guard: %w", err)
}

// Dismiss removes what this process has made and not removed yet, and sends the guard
// away. Where something cannot be removed the guard stays, to try again when this
// process has ended.
func (g *Guard) Dismiss(ctx context.Context) error {
	if err := clear(ctx, g.in, owner.Self()); err != nil {
		return errors.Join(err, g.line.Close(), g.cmd.Process.Release())
	}
	_, err := io.WriteString(g.line, over)
	if err := errors.Join(err, g.line.Close(), g.cmd.Wait()); err != nil {
		return fmt.Errorf("dismiss the guard: %w", err)
	}
	return nil
}

// clear removes what the process of mark m has made.
func clear(ctx context.Context, in Where, m owner.Mark) error {
	all, err := Find(ctx, in)
	_, errRemove := Remove(ctx, in, slices.DeleteFunc(all, func(t Thing) bool { return t.Owner != m }))
	return errors.Join(err, errRemove)
}

// How long a guard goes on looking.
const (
	engineQuiet = 15 * time.Second // the engine may still be at work for a client that is dead: six networks at once on a busy machine took it longer than 3 s
	atMost      = 2 * time.Minute
	pause       = 100 * time.Millisecond
	enginePause = 500 * time.Millisecond
)

// Watch is the guard of the process ward: it says on out that it watches, and waits for
// the word on from that nothing is left to guard. Where from ends without it, the ward has
// died or is about to, and Watch removes what the ward has made: again and again until
// nothing of it has been there for a while.
func Watch(ctx context.Context, ward owner.Mark, in Where, from io.Reader, out io.Writer) error {
	if _, err := io.WriteString(out, watches); err != nil {
		return fmt.Errorf("guard process %d: %w", ward.PID, err)
	}
	if word, _ := io.ReadAll(from); string(word) == over {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), atMost, fmt.Errorf("not removed within %s", atMost))
	defer cancel()
	quiet, pause := time.Duration(0), pause
	if in.Docker {
		quiet, pause = engineQuiet, enginePause
	}
	// The kernel ends the ward's children when the ward is dead, a little after its pipe broke.
	for ward.Fate() == owner.Runs && ctx.Err() == nil {
		time.Sleep(pause)
	}
	for last := time.Now(); ; time.Sleep(pause) {
		all, err := Find(ctx, in)
		all = slices.DeleteFunc(all, func(t Thing) bool { return t.Owner != ward })
		if err == nil && len(all) == 0 {
			if time.Since(last) >= quiet {
				return nil
			}
			continue
		}
		last = time.Now()
		_, errRemove := Remove(ctx, in, all)
		if err := errors.Join(err, errRemove); ctx.Err() != nil {
			return fmt.Errorf("guard process %d: %w", ward.PID, errors.Join(context.Cause(ctx), err))
		}
	}
}
