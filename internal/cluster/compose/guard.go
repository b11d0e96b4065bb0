package compose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/docker"
)

// projectName makes a name that no other cluster has, here or in another contend.
func projectName() string { return fmt.Sprintf("contend-%d-%06x", os.Getpid(), rand.Uint32N(1<<24)) }

// ourProject is what those names look like, with the process that made it.
// Nothing else is ever taken down.
var ourProject = regexp.MustCompile(`^contend-([0-9]+)-[0-9a-f]{6}$`)

// What we and the guard say to each other.
const (
	guardWatches = "watching\n" // the guard, once
	guardDismiss = "over\n"     // we, when nothing is left to guard
)

// A guard is another process of this program that outlives us, should we die
// before our containers are gone: they are no children of ours, so the kernel
// does not end them with us.
type guard struct {
	cmd  *exec.Cmd
	line io.WriteCloser // its stdin, which ends when we do
}

// guardPatience bounds how long the guard may take to say that it watches.
const guardPatience = 10 * time.Second

// startGuard starts `contend compose-guard` for a project and waits until it
// watches. It has a session of its own, so that nothing that happens to our
// terminal or our process group reaches it, and no parent-death signal.
func startGuard(ctx context.Context, spec cluster.Spec, project string) (*guard, error) {
	binary, err := spec.Program()
	if err != nil {
		return nil, err
	}
	log, err := filepath.Abs(filepath.Join(spec.Dir, "guard.log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "compose-guard", "--project", project, "--log", log)
	cmd.Dir = "/" // it keeps no directory busy
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	line, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, guardPatience, fmt.Errorf("it did not watch within %s", guardPatience))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	word, _ := bufio.NewReader(said).ReadString('\n')
	if stop() && word == guardWatches {
		return &guard{cmd, line}, nil
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	err = fmt.Errorf("%s said %q: is it contend?", binary, word)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, fmt.Errorf("start the guard: %w", err)
}

// dismiss tells the guard that nothing is left to guard, and waits until it has gone.
func (g *guard) dismiss() error {
	_, err := io.WriteString(g.line, guardDismiss)
	if err := errors.Join(err, g.line.Close(), g.cmd.Wait()); err != nil {
		return fmt.Errorf("dismiss the guard: %w", err)
	}
	return nil
}

// leave has the guard act as if we had died. It may outlive us.
func (g *guard) leave() error { return errors.Join(g.line.Close(), g.cmd.Process.Release()) }

// Guard says on out that it watches, and waits for the word on in that
// the project is over. Where in ends without it, whoever [Start] was
// working for has died, and Guard removes the project's containers,
// volumes and networks, and the images that were made for it. What it then
// does, and only then, it writes to the file at path logTo.
func Guard(ctx context.Context, project, logTo string, in io.Reader, out io.Writer) error {
	ours := ourProject.FindStringSubmatch(project)
	if ours == nil {
		return fmt.Errorf("guard %q: that is no project of contend's", project)
	}
	if _, err := io.WriteString(out, guardWatches); err != nil {
		return fmt.Errorf("guard %s: %w", project, err)
	}
	if word, _ := io.ReadAll(in); string(word) == guardDismiss {
		return nil
	}
	to := io.Discard
	if f, err := os.OpenFile(logTo, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		defer f.Close()
		to = f
	}
	logger := log.New(to, "", log.LstdFlags|log.LUTC)
	logger.Printf("contend is gone; removing project %s", project)
	err := clear(ctx, project)
	if err != nil {
		logger.Print(err)
		return fmt.Errorf("guard %s: %w", project, err)
	}
	logger.Print("nothing is left of it")
	if pid, err := strconv.Atoi(ours[1]); err == nil {
		// Another guard may be removing them as well: an error means nothing.
		_ = new(docker.Docker).RemoveImagesOf(ctx, pid)
	}
	return nil
}

// How long clear goes on looking.
const (
	clearQuiet  = 15 * time.Second // the engine may still be at work for a client that is dead: six networks at once on a busy machine took it longer than 3 s
	clearPause  = 500 * time.Millisecond
	clearAtMost = 2 * time.Minute
)

// clear removes the project, again and again until nothing of it has been
// there for a while. An engine that does not answer is waited for.
func clear(ctx context.Context, project string) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), clearAtMost, fmt.Errorf("not removed within %s", clearAtMost))
	defer cancel()
	var engine docker.Docker
	for last := time.Now(); time.Since(last) < clearQuiet; time.Sleep(clearPause) {
		left, err := engine.Left(ctx, project)
		if err == nil && len(left) == 0 {
			continue
		}
		last = time.Now()
		if err := errors.Join(err, engine.Remove(ctx, project)); ctx.Err() != nil {
			return err
		}
	}
	return nil
}
