package proc

import (
	"os/exec"
	"testing"
)

func TestCommandHasNoPassword(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read x", "postgres://me:secret@db/x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	if got := Command(cmd.Process.Pid); got != "sh -c read x postgres://me:xxxxx@db/x" {
		t.Errorf("the command line is %q", got)
	}
	if got := Command(1 << 30); got != "" {
		t.Errorf("nobody's command line is %q", got)
	}
}
