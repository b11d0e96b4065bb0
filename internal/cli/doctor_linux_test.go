package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/contend/internal/testproc"
)

// doctor opens the files of a database in use for reading alone, and sets no lock: its system calls say so.
func TestDoctorOnlyReads(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		testproc.Lacks(t, "strace")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	holdWithShell(t, path, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); BEGIN; SELECT * FROM t;")
	calls := filepath.Join(t.TempDir(), "calls")
	out, err := exec.Command(strace, "-f", "-qq", "-o", calls, binary, "doctor", path).CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "ptrace") {
			testproc.Lacks(t, "what ptrace takes: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	changes := regexp.MustCompile(`O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|^[0-9]+ +(unlink|rename|mkdir|link|symlink|truncate|chmod|chown|utime|mknod)`)
	locks := regexp.MustCompile(`F_(OFD_)?SETLKW?|\bflock\(`)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, dir) {
			opened++
			if changes.MatchString(line) {
				t.Errorf("it changes something: %s", line)
			}
		}
		if locks.MatchString(line) {
			t.Errorf("it locks something: %s", line)
		}
	}
	if opened < 3 {
		t.Errorf("%d calls name the database's files, want some: %s", opened, text)
	}
}

// holdWithShell has SQLite's shell run statements and keep its connection until the test ends.
func holdWithShell(t *testing.T, path, statements string) {
	t.Helper()
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		testproc.Lacks(t, "the program sqlite3")
	}
	cmd := exec.Command(shell, path)
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if errIn != nil || errOut != nil || cmd.Start() != nil {
		t.Fatalf("start %s", shell)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := in.Write([]byte(statements + "\nSELECT 'ready';\n")); err != nil {
		t.Fatal(err)
	}
	for said := ""; !strings.Contains(said, "ready"); {
		b := make([]byte, 256)
		n, err := out.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		said += string(b[:n])
	}
}
