package child

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, script string) *Child {
	t.Helper()
	c, err := Start(exec.Command("sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.KillTree)
	return c
}

func TestStart(t *testing.T) {
	if _, err := Start(exec.Command("/nonexistent/program")); err == nil {
		t.Error("a program that does not exist was started")
	}
	if c := start(t, "exit 3"); c.Err() == nil || c.State().ExitCode() != 3 || c.Running() {
		t.Errorf("exit 3 ended with %v, running %t", c.Err(), c.Running())
	}
	if c := start(t, "exit 0"); c.Err() != nil {
		t.Errorf("exit 0 ended with %v", c.Err())
	}
	var none *Child
	if none.Running() {
		t.Error("a child that was never started runs")
	}
}

func TestSignal(t *testing.T) {
	c := start(t, "exec sleep 60")
	c.Signal(syscall.SIGTERM)
	status, ok := c.State().Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("after SIGTERM its state is %v", c.State())
	}
	c.Signal(syscall.SIGTERM) // to nobody
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
	all := descendants(c.PID())
	c.KillTree()
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
		used, err := CPU(c.PID())
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

func TestCPUOfNobody(t *testing.T) {
	c := start(t, "exit 0")
	_ = c.Err()
	if _, err := CPU(c.PID()); err == nil {
		t.Error("a process that has ended has a processor time")
	}
}

func awaitDescendants(t *testing.T, c *Child, n int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.GOOS == "linux" && len(descendants(c.PID())) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it has %d descendants, want %d", len(descendants(c.PID())), n)
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
