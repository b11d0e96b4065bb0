package testproc

import (
	"io"
	"net"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Main(map[string]Role{"echo": echo, "fail": func([]string) error { return os.ErrInvalid }})
	os.Exit(m.Run())
}

// echo sends back what it is sent, with its argument before it.
func echo(args []string) error {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	c, err := ln.Accept()
	if err != nil {
		return err
	}
	_, _ = io.WriteString(c, args[0])
	_, err = io.Copy(c, c)
	return err
}

func TestStartAndKill(t *testing.T) {
	p := Start(t, "echo", "x")
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]byte, 2)
	if _, err := io.WriteString(c, "y"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "xy" {
		t.Fatalf("got %q, %v; want xy", got, err)
	}
	p.Kill()
	if _, err := net.Dial("tcp", p.Addr); err == nil {
		t.Error("it still listens after it was killed")
	}
	p.Kill()
}

// A process must not outlive the test process: its standard input tells.
func TestEndsWithItsStarter(t *testing.T) {
	cmd := Command("echo", "x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v, want in order", err)
	}
}

func TestExitCodes(t *testing.T) {
	for role, want := range map[string]int{"fail": 1, "nobody": 2} {
		cmd := Command(role)
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("role %s: exit code %d, want %d", role, got, want)
		}
	}
}
