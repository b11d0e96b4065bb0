package watch

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0000000000000000FFFF00000700000A:01BB": "10.0.0.7:443",
		"nonsense":                              "nonsense",
		"00:0050":                               "00:0050",
	} {
		if got := address(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What programs do is told from outside.
func TestLook(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		signal os.Signal
		want   Activity
		says   string
	}{
		"asleep":   {"exec sleep 30", nil, Asleep, "asleep"},
		"at work":  {"while :; do :; done", nil, OnCPU, "processor"},
		"at input": {"read x", nil, OnPipe, "pipe"},
		"a child":  {"sleep 30; :", nil, OnChild, "child"},
		"stopped":  {"exec sleep 30", syscall.SIGSTOP, Stopped, "stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("sh", "-c", c.script)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() }()
			if c.signal != nil {
				time.Sleep(50 * time.Millisecond)
				_ = cmd.Process.Signal(c.signal)
			}
			var got Doing
			for range 200 { // it takes a while until the shell is where it stays
				if got = look(cmd.Process.Pid, cmd.Process.Pid, map[string]string{}); got.Kind == c.want && strings.Contains(got.What, c.says) {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("%+v, want %d and %q", got, c.want, c.says)
		})
	}
	if got := look(1<<22+1, 0, nil); got.Kind != Unknown {
		t.Errorf("a process that is not there: %+v", got)
	}
}
