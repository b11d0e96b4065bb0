//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A parting is how a process is made to end.
type parting struct {
	name string
	// part does so to the group of contend, whose output is out, after a while.
	part func(group int, out *os.File, chance *rand.Rand)
}

// Ctrl-C goes to the whole foreground group of a terminal, and so does none of the others.
var partings = []parting{
	{"Ctrl-C", func(group int, _ *os.File, _ *rand.Rand) { _ = syscall.Kill(-group, syscall.SIGINT) }},
	{"Ctrl-C twice", func(group int, _ *os.File, chance *rand.Rand) {
		_ = syscall.Kill(-group, syscall.SIGINT)
		time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
		_ = syscall.Kill(-group, syscall.SIGINT)
	}},
	{"SIGTERM", func(group int, _ *os.File, _ *rand.Rand) { _ = syscall.Kill(group, syscall.SIGTERM) }},
	{"SIGKILL", func(group int, _ *os.File, _ *rand.Rand) { _ = syscall.Kill(group, syscall.SIGKILL) }},
	{"SIGPIPE", func(group int, out *os.File, _ *rand.Rand) {
		_ = out.Close()
		// It says nothing more that could fail: up, which waits.
		time.AfterFunc(form(2*time.Second, 10*time.Second), func() { _ = syscall.Kill(group, syscall.SIGTERM) })
	}},
}

// However up, run and compare end, nothing is left of them once contend clean was there: no
// process, no file of a server's, no shared memory, and no run that is latest and empty.
func TestEnds(t *testing.T) {
	t.Parallel()
	works := []struct {
		args   []string
		within time.Duration // of its start, when it is ended
		rounds int
	}{
		{[]string{"up", "--listen", "127.0.0.1:0", "--nodes", "2"}, time.Second, form(1, 6)},
		{[]string{"run", "lost-update", "--quick"}, 3 * time.Second, form(1, 8)},
		{[]string{"compare", "--quick", "--rung", "postgres/update", "--workload", "counter"}, 6 * time.Second, form(0, 8)},
	}
	room := make(chan bool, form(5, 3)) // how many at once
	var all sync.WaitGroup
	defer all.Wait()
	chance := chance(t)
	for _, work := range works {
		for range work.rounds {
			for _, p := range partings {
				mine, after := rand.New(rand.NewPCG(chance.Uint64(), 0)), time.Duration(chance.Int64N(int64(work.within)))
				w := newWorld(t)
				all.Go(func() {
					room <- true
					defer func() { <-room }()
					ends.tries(1)
					if failures := w.part(work.args, p, after, mine); len(failures) > 0 {
						ends.failed(t, 1, "%s after %d ms to contend %s: %s", p.name, after.Milliseconds(), work.args[0], strings.Join(failures, "; "))
					}
				})
			}
		}
	}
}

// part starts contend, has it end in this way, and returns what is wrong then.
func (w *world) part(args []string, p parting, after time.Duration, chance *rand.Rand) (failures []string) {
	fail := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	read, write, err := os.Pipe()
	if err != nil {
		return []string{err.Error()}
	}
	e := end{out: new(output)}
	cmd := w.command(args...)
	cmd.Stdout, cmd.Stderr = write, write
	began := time.Now()
	err = cmd.Start()
	write.Close()
	if err != nil {
		return []string{err.Error()}
	}
	go func() { _, _ = io.Copy(e.out, read); _ = read.Close() }()
	time.Sleep(after)
	alive := w.processes()
	p.part(cmd.Process.Pid, read, chance)
	e.wait(cmd, began, after+90*time.Second)
	switch {
	case e.late:
		fail("it did not end in 90 s")
	case e.out.panic() != "":
		fail("%s", e.out.panic())
	}
	if pids := w.awaitEmpty(); len(pids) > 0 {
		fail("%d processes are left", len(pids))
	}
	cleaned := run(w.t, w.command("clean"), time.Minute)
	if cleaned.code != 0 {
		fail("contend clean: %v", cleaned)
	}
	for _, path := range w.left() {
		fail("%s is left", path)
	}
	for _, id := range segments(alive) {
		fail("shared memory %d is left", id)
	}
	if err := w.latestIsEmpty(); err != nil {
		fail("latest: %v", err)
	}
	return failures
}

// left returns the temporary files and servers' directories of this world.
func (w *world) left() (paths []string) {
	for _, pattern := range []string{"tmp/*", "runs/*/servers", "runs/*.tmp"} {
		found, _ := filepath.Glob(w.path(pattern))
		paths = append(paths, found...)
	}
	return paths
}

// segments returns the ids of the System V shared memory that one of the processes has made.
func segments(pids []int) (ids []int) {
	text, _ := os.ReadFile("/proc/sysvipc/shm")
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // key shmid perms size cpid …
		if len(fields) < 5 {
			continue
		}
		id, _ := strconv.Atoi(fields[1])
		if maker, err := strconv.Atoi(fields[4]); err == nil && slices.Contains(pids, maker) {
			ids = append(ids, id)
		}
	}
	return ids
}

// latestIsEmpty returns an error where the latest run has nothing to show. There need not be one.
func (w *world) latestIsEmpty() error {
	latest := w.path("runs", "latest")
	if _, err := os.Lstat(latest); err != nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(latest, "run.json"))
	if err != nil {
		return err
	}
	var doc struct {
		Experiments []struct {
			Arms []struct{ Recordings []string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	for _, x := range doc.Experiments {
		for _, arm := range x.Arms {
			if len(arm.Recordings) > 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("it has no recording")
}

// What is counted can be seen: contend up has processes with the mark, and PostgreSQL has
// files and shared memory, while they run.
func TestEndsAreSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := w.up(2)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.processes()); n != 4 {
		t.Errorf("contend up with two nodes has %d processes, want 4", n)
	}
	s.stop()
	if pids := w.awaitEmpty(); len(pids) > 0 {
		t.Errorf("%d processes are left of contend up", len(pids))
	}
	if !*longForm {
		return
	}
	cmd := w.command("compare", "--quick", "--rung", "postgres/update", "--workload", "counter", "-q")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(w.left()) == 0 || len(segments(w.processes())) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("contend compare with PostgreSQL: files %v, shared memory %v", w.left(), segments(w.processes()))
			break
		}
	}
	e := end{out: new(output)}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	e.wait(cmd, time.Now(), time.Minute)
}
