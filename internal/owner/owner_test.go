package owner

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMarkIsReadAsItWasWritten(t *testing.T) {
	m := Self()
	if m.PID != os.Getpid() || m.Fate() != Runs {
		t.Errorf("this process is %s and %s", m, m.Fate())
	}
	again, err := Parse(m.String())
	if err != nil || again != m || len(m.String()) > MaxLength {
		t.Errorf("%s is read as %s, %v", m, again, err)
	}
	for _, wrong := range []string{"", "1", "0.1.2.a." + m.Host, "-1.1.2.a." + m.Host, m.String() + "0", m.String() + "\n", "9999999999.1.2.a." + m.Host, strings.Repeat("1", 4096)} {
		if m, err := Parse(wrong); err == nil {
			t.Errorf("%q is read as %s", wrong, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Self().String())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if err == nil && (m.String() != text || m.PID < 1) {
			t.Errorf("%q is read as %s", text, m)
		}
		if _, _, err := parseSignature(text + " 7\n"); (err == nil) != (m != Mark{}) {
			t.Errorf("%q: mark %s, and in a file %v", text, m, err)
		}
	})
}

// What has become of a process is known of this machine and this PID namespace only.
func TestFate(t *testing.T) {
	here := Mark{PID: 1, Start: "10", Space: "4", Boot: "b", Host: "h"}
	none := func(int) (string, bool) { return "", false }
	at := func(start string) func(int) (string, bool) { return func(int) (string, bool) { return start, true } }
	for _, test := range []struct {
		name   string
		change func(*Mark)
		now    func(int) (string, bool)
		want   Fate
	}{
		{"it runs", nil, at("10"), Runs},
		{"it has ended", nil, none, Ended},
		{"another has its PID", nil, at("11"), Ended},
		{"its start cannot be seen", nil, at(""), Runs},
		{"before the machine was started anew", func(m *Mark) { m.Boot = "a" }, at("10"), Ended},
		{"in a container that went with the machine", func(m *Mark) { m.Boot, m.Space = "a", "5" }, at("10"), Ended},
		{"in another PID namespace", func(m *Mark) { m.Space = "5" }, none, Unknown},
		{"on another machine", func(m *Mark) { m.Host = "i" }, none, Unknown},
		{"on another machine, which was started at another time", func(m *Mark) { m.Host, m.Boot = "i", "a" }, none, Unknown},
	} {
		m := here
		if test.change != nil {
			test.change(&m)
		}
		if got := m.fate(here, test.now); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// A process that was killed has ended, also before anybody has waited for it.
func TestFateOfAProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	must(t, cmd.Start())
	m := Self()
	m.PID = cmd.Process.Pid
	start, there := started(m.PID)
	if !there {
		t.Fatal("it does not run")
	}
	if start != "" { // else the PID is all that is known
		if m.Start = "1"; m.Fate() != Ended {
			t.Error("a process that started at another time passes for this one")
		}
		m.Start = start
	}
	if m.Fate() != Runs {
		t.Errorf("%s while it runs", m.Fate())
	}
	must(t, cmd.Process.Kill())
	for deadline := time.Now().Add(10 * time.Second); start != "" && m.Fate() != Ended; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a zombie passes for a process that runs")
		}
	}
	_ = cmd.Wait()
	if m.Fate() != Ended {
		t.Errorf("%s after its end", m.Fate())
	}
}

func TestDirectory(t *testing.T) {
	parent := t.TempDir()
	dir, err := MakeDir(parent, "contend-")
	must(t, err)
	if m, err := Of(dir); err != nil || m != Self() {
		t.Errorf("made by %s, %v", m, err)
	}
	must(t, os.Symlink(dir, filepath.Join(parent, "link")))
	must(t, os.Mkdir(filepath.Join(parent, "bare"), 0o700))
	must(t, os.CopyFS(filepath.Join(parent, "copy"), os.DirFS(dir)))
	must(t, os.Mkdir(filepath.Join(parent, "pipe"), 0o700))
	must(t, syscall.Mkfifo(filepath.Join(parent, "pipe", File), 0o600))
	must(t, os.Mkdir(filepath.Join(parent, "linked"), 0o700))
	must(t, os.Symlink(filepath.Join(dir, File), filepath.Join(parent, "linked", File)))
	for _, name := range []string{"link", "bare", "copy", "pipe", "linked", "none"} {
		if m, err := Of(filepath.Join(parent, name)); err == nil {
			t.Errorf("%s was made by %s", name, m)
		}
	}
	if os.Geteuid() == 0 {
		for _, path := range []string{filepath.Join(dir, File), dir} {
			must(t, os.Chown(path, 54321, 54321))
			if _, err := Of(dir); err == nil || !strings.Contains(err.Error(), "another user's") {
				t.Errorf("with another user's %s: %v", path, err)
			}
			must(t, os.Chown(path, 0, 0))
		}
	}
	// Killed before the signature was there, or after it was removed as the last file.
	must(t, os.Truncate(filepath.Join(dir, File), 0))
	if m, err := Of(dir); err != nil || m != Self() {
		t.Errorf("with an empty signature: %s, %v", m, err)
	}
	must(t, os.Remove(filepath.Join(dir, File)))
	if m, err := Of(dir); err != nil || m != Self() {
		t.Errorf("unsigned: %s, %v", m, err)
	}
	must(t, os.Symlink(dir, filepath.Join(parent, filepath.Base(dir)+"x")))
	if m, err := Of(filepath.Join(parent, filepath.Base(dir)+"x")); err == nil {
		t.Errorf("a link was made by %s", m)
	}
	must(t, os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600))
	if m, err := Of(dir); err == nil {
		t.Errorf("unsigned, with somebody's file in it: %s", m)
	}
	if _, err := MakeDir(filepath.Join(parent, "none"), "contend-"); err == nil {
		t.Error("made a directory in none")
	}
}
