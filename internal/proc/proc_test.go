package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, script string) *Process {
	t.Helper()
	c, err := Start(exec.Command("sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c
}

func TestStart(t *testing.T) {
	if _, err := Start(exec.Command("/nonexistent/program")); err == nil {
		t.Error("a program that does not exist was started")
	}
	if c := start(t, "exit 3"); c.State().ExitCode() != 3 || c.Running() {
		t.Errorf("exit 3 ended with %v, running %t", c.State(), c.Running())
	}
	if c := start(t, "exit 0"); !c.State().Success() {
		t.Errorf("exit 0 ended with %v", c.State())
	}
	var none *Process
	if none.Running() {
		t.Error("a child that was never started runs")
	}
}

func TestKillTakesTheGroup(t *testing.T) {
	c := start(t, "sleep 60 & sleep 60 & wait")
	awaitDescendants(t, c, 2)
	c.Kill()
	awaitGone(t, c.PID())
}

// A program that has gone into a session of its own is not in the group.
func TestKillTree(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lists the children of a process")
	}
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("no setsid here")
	}
	c := start(t, "setsid sh -c 'sleep 60; true' & wait")
	awaitDescendants(t, c, 2)
	all := family(t, c)[1:]
	c.Kill()
	for _, pid := range all {
		for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d outlived its tree", pid)
			}
		}
	}
}

func TestCPUCountsDescendants(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("known on Linux only")
	}
	const busy = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`
	c := start(t, "sh -c '"+busy+"'; sleep 60")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		used, err := CPU(c)
		if err != nil {
			t.Fatal(err)
		}
		if used > 0 { // the shell itself only waits
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a busy child had no processor time")
		}
	}
}

// A node of an experiment may work for 20 ms, which the ticks of /proc/PID/stat cannot tell from 10.
func TestCPUIsExact(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("known to the nanosecond on Linux only")
	}
	c := start(t, "exec sleep 60")
	used, err := CPU(c)
	if err != nil || used <= 0 || used%(10*time.Millisecond) == 0 {
		t.Errorf("%s, %v; want a time that is no multiple of 10 ms", used, err)
	}
}

// A process that has ended keeps its time, also what Kill found of children
// that nobody has waited for.
func TestCPUOfTheDead(t *testing.T) {
	const busy = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`
	if c := start(t, busy); !c.State().Success() {
		t.Error(c.State())
	} else if used, err := CPU(c); err != nil || used <= 0 {
		t.Errorf("after its end: %s, %v", used, err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("known on Linux only")
	}
	c := start(t, "sh -c '"+busy+"; sleep 60' & wait")
	var before time.Duration
	for deadline := time.Now().Add(20 * time.Second); before <= 0; time.Sleep(5 * time.Millisecond) {
		before, _ = CPU(c)
		if time.Now().After(deadline) {
			t.Fatal("a busy child had no processor time")
		}
	}
	c.Kill()
	if after, err := CPU(c); err != nil || after < before {
		t.Errorf("after Kill: %s, %v; before it: %s", after, err, before)
	}
}

func TestRun(t *testing.T) {
	cause := errors.New("changed my mind")
	for _, c := range []struct {
		name, script string
		grace        time.Duration
		cancel       bool
		want         error
		done         bool // the script came to its end
	}{
		{"it ends", `echo > "$0"`, 0, false, nil, true},
		{"it is killed", `sleep 60; echo > "$0"`, 0, true, cause, false},
		{"it is waited for", `sleep 0.3; echo > "$0"`, time.Minute, true, cause, true},
		{"it is waited for in vain", `sleep 60; echo > "$0"`, 10 * time.Millisecond, true, cause, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "done")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.cancel {
				time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
			}
			began := time.Now()
			if err := Run(ctx, exec.Command("sh", "-c", c.script, file), c.grace); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if _, err := os.Stat(file); (err == nil) != c.done || time.Since(began) > 30*time.Second {
				t.Errorf("after %s: %v, want done %t", time.Since(began), err, c.done)
			}
		})
	}
}

func TestStop(t *testing.T) {
	if err := start(t, "exec sleep 60").Stop(t.Context(), syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	deaf := start(t, `trap "" TERM; echo; while :; do sleep 1; done`)
	awaitDescendants(t, deaf, 1) // the trap is set
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := deaf.Stop(ctx, syscall.SIGTERM); !errors.Is(err, context.DeadlineExceeded) || deaf.Running() {
		t.Errorf("error %v, running %t", err, deaf.Running())
	}
}

func TestAwait(t *testing.T) {
	n := 0
	if err := start(t, "exec sleep 60").Await(t.Context(), time.Millisecond, func() bool { n++; return n == 3 }); err != nil || n != 3 {
		t.Errorf("after %d tries: %v", n, err)
	}
	never := func() bool { return false }
	if err := start(t, "exit 0").Await(t.Context(), time.Millisecond, never); !errors.Is(err, ErrEnded) {
		t.Errorf("of one that ended: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := start(t, "exec sleep 60").Await(ctx, time.Millisecond, never); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("for too long: %v", err)
	}
}

func TestLastWords(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := StartLogged(exec.Command("sh", "-c", `yes beginning | head -n 1000; echo " b"; echo c >&2; echo; echo "hint: read it"`), log)
	if err != nil {
		t.Fatal(err)
	}
	if !p.State().Success() {
		t.Error(p.State())
	}
	if got := LastWords(log, 2); got != "b; c" {
		t.Errorf("got %q", got)
	}
	if got := LastWords(log+".none", 2); !strings.Contains(got, "no such file") {
		t.Errorf("of no log: %q", got)
	}
	if got := LastLines("", 2); got != "" {
		t.Errorf("of an empty log: %q", got)
	}
}

// What our child does is ours; what somebody else's does is not. Only one who has not started
// the other can tell: so the test asks as two processes would, by taking its own child out.
func TestOthersTakeTheMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	before, err := MachineUsage()
	if err != nil {
		t.Fatal(err)
	}
	burner := start(t, "while :; do :; done")
	time.Sleep(500 * time.Millisecond)
	used, err := CPU(burner)
	if err != nil {
		t.Fatal(err)
	}
	after, err := MachineUsage()
	if err != nil {
		t.Fatal(err)
	}
	if ours := after.Ours - before.Ours; used == 0 || ours < used {
		t.Errorf("a child took %v, and only %v is ours", used, ours)
	}
	others := after.Others(before)
	after.Ours -= used // as if somebody else had started it
	if alone := after.Others(before); alone <= others {
		t.Errorf("others took %.3f, and without the child's time in ours %.3f", others, alone)
	}
}

func TestOthersIsAShare(t *testing.T) {
	s := time.Second
	for _, tt := range []struct {
		before, after Usage
		want          float64
	}{
		{Usage{}, Usage{}, 0},
		{Usage{Busy: s, Idle: s, Ours: s}, Usage{Busy: 3 * s, Idle: 3 * s, Ours: 2 * s}, 0.25},
		{Usage{}, Usage{Busy: s, Ours: 2 * s}, 0}, // the two are read one after the other
		{Usage{Ours: s}, Usage{Busy: s}, 1},       // a child that nobody waited for
	} {
		if got := tt.after.Others(tt.before); got != tt.want {
			t.Errorf("from %v to %v: %v, want %v", tt.before, tt.after, got, tt.want)
		}
	}
}

// family is c and what it has started.
func family(t *testing.T, c *Process) []int {
	t.Helper()
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	return all.family(c.PID())
}

func awaitDescendants(t *testing.T, c *Process, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.GOOS == "linux" && len(family(t, c)) <= n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it has %d descendants, want %d", len(family(t, c))-1, n)
		}
	}
}

func awaitGone(t *testing.T, group int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); syscall.Kill(-group, 0) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("group %d is still there", group)
		}
	}
}

// alive reports whether pid is there and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
