//go:build linux

package attack

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	addressSpace   = 4000 // MiB of address space that a reader gets, as ulimit -v has it
	mostReader     = 3000 // MiB of memory that a reader of runs and histories may have
	readerPatience = 2 * time.Minute
)

// A verb's arguments before the file.
var readers = map[string][]string{
	"report": {"report", "--color", "never"},
	"check":  {"check", "counter"},
	"logs":   {"logs"},
}

// A fate is what a reader does with a file, the end of a directory's name in testdata/files:
// report.refused, check.shown.
type fate string

const (
	refused fate = "refused" // exit code 4, nothing on stdout
	shown   fate = "shown"   // any other code, or an answer on stdout that says what is wrong
	either  fate = "either"  // one of the two
)

// read runs a reader and returns what is wrong with its end.
func (w *world) read(want fate, stdin io.Reader, args ...string) (failures []string) {
	var answer bytes.Buffer
	e := end{out: new(output)}
	cmd := w.bounded(addressSpace, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, io.MultiWriter(&answer, e.out), e.out
	cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return []string{err.Error()}
	}
	e.wait(cmd, began, readerPatience)
	fail := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	switch {
	case e.late:
		fail("it did not end in %s", readerPatience)
	case e.out.panic() != "":
		fail("it panicked: %s", e.out.panic())
	case !slices.Contains([]int{0, 1, 3, 4}, e.code):
		fail("%v", e)
	case want == refused && (e.code != 4 || answer.Len() > 0):
		fail("it is not refused: %v", e)
	case want == shown && e.code == 4 && answer.Len() == 0:
		fail("it is not shown: %v", e)
	case e.most > mostReader:
		fail("%d MiB of memory", e.most)
	case e.out.size > 8<<20:
		fail("%d bytes were printed", e.out.size)
	}
	if at := commanding(e.out.String()); at != "" {
		fail("a terminal would obey %q", at)
	}
	return failures
}

// commanding returns the first control character in s, or the first octet that is no UTF-8, with
// what is around; "" where there is none.
func commanding(s string) string {
	for i, r := range s {
		wrong := r == utf8.RuneError && !strings.HasPrefix(s[i:], "�")
		if wrong || unicode.IsControl(r) && r != '\n' && r != '\t' {
			return s[max(0, i-20):min(len(s), i+20)]
		}
	}
	return ""
}

// Each file of testdata/files, as a file and on standard input, is refused or shown in bounds.
func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := hostile(t)
	if len(all) == 0 {
		t.Fatal("no files")
	}
	for _, f := range all {
		path, err := filepath.Abs(f.path)
		if err != nil {
			t.Fatal(err)
		}
		inputs := map[string]io.Reader{path: nil}
		if *longForm {
			inputs["-"] = bytes.NewReader(f.content)
		}
		for name, in := range inputs {
			files.tries(1)
			for _, failure := range w.read(f.fate, in, append(slices.Clone(readers[f.verb]), name)...) {
				files.failed(t, 1, "contend %s %s: %s", f.verb, f.path, failure)
			}
		}
	}
}

// A file that a verb is to read.
type file struct {
	path, verb string
	fate       fate
	content    []byte
}

func hostile(t *testing.T) (all []file) {
	t.Helper()
	err := filepath.WalkDir("testdata/files", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		verb, want, _ := strings.Cut(filepath.Base(filepath.Dir(path)), ".")
		content, err := os.ReadFile(path)
		all = append(all, file{path, verb, fate(want), content})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whatever a file was mutated into, its reader ends in bounds.
func TestMutatedFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chance := chance(t)
	seeds := map[string][][]byte{}
	for _, f := range hostile(t) {
		if len(f.content) > 0 && len(f.content) < 64<<10 {
			seeds[f.verb] = append(seeds[f.verb], f.content)
		}
	}
	verbs := []string{"check", "logs", "report"}
	for n := range form(15, 1500) {
		verb := verbs[n%len(verbs)]
		b := mutate(chance, seeds[verb])
		files.tries(1)
		for _, failure := range w.read(either, bytes.NewReader(b), append(slices.Clone(readers[verb]), "-")...) {
			files.failed(t, 1, "contend %s of %q: %s", verb, b[:min(len(b), 2000)], failure)
		}
	}
}

// Files too large to be kept, made as they are read.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document := func(experiments string) string { return `{"schema":2,"experiments":[` + experiments + `]}` }
	mebibytes := form(1, 32)
	for _, c := range []struct {
		name, verb string
		want       fate
		in         io.Reader
	}{
		{"a million lists in one another", "report", refused, strings.NewReader(document(strings.Repeat("[", 1<<20)))},
		{"a name of 5 MB", "report", refused, strings.NewReader(document(`{"name":"` + strings.Repeat("a", 5<<20) + `"}`))},
		{"a million arms", "report", refused, strings.NewReader(document(`{"name":"a","arms":[` + strings.Repeat("{},", 1<<20) + "{}]}"))},
		{"a document without an end", "report", refused, endless(`{"schema":2,"experiments":[`, `{"name":"a"},`)},
		{"zeros", "report", refused, endless("", "\x00")},
		{"a line without an end", "check", refused, endless(`{"key":"`, "a")},
		{"lists in one another without an end", "check", refused, endless(`{"x":`, "[")},
		{"zeros", "check", refused, endless("", "\x00")},
		{"a line of a log", "logs", either, io.LimitReader(endless("", "database is locked "), int64(mebibytes)<<20)},
		{"lines of a log", "logs", shown, io.LimitReader(endless("", "app-1 | database is locked\n"), int64(mebibytes)<<20)},
		{"as many containers as lines", "logs", shown, io.LimitReader(&numbered{}, int64(mebibytes)<<20)},
		{"a gzip bomb", "logs", either, bomb(t, mebibytes)},
		{"a gzip bomb", "report", refused, bomb(t, mebibytes)},
		{"a gzip bomb", "check", refused, bomb(t, mebibytes)},
	} {
		files.tries(1)
		for _, failure := range w.read(c.want, c.in, append(slices.Clone(readers[c.verb]), "-")...) {
			files.failed(t, 1, "contend %s: %s: %s", c.verb, c.name, failure)
		}
	}
	for verb, args := range readers {
		if verb == "logs" {
			continue // a log may have no end
		}
		files.tries(1)
		for _, failure := range w.read(refused, nil, append(slices.Clone(args), "/dev/zero")...) {
			files.failed(t, 1, "contend %s /dev/zero: %s", verb, failure)
		}
	}
}

// endless returns begin, and then text again and again.
func endless(begin, text string) io.Reader {
	return io.MultiReader(strings.NewReader(begin), repeated(strings.Repeat(text, 1+(64<<10)/len(text))))
}

type repeated string

func (r repeated) Read(p []byte) (int, error) { return copy(p, r), nil }

// numbered is a log in which every line names another container.
type numbered struct {
	n    int
	rest []byte
}

func (r *numbered) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		for range 1000 {
			r.n++
			r.rest = fmt.Appendf(r.rest, "app-%d  | error %d: database is locked in table t%d\n", r.n, r.n, r.n)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// bomb is so many MiB of text, packed by gzip to a thousandth: members one after the other
// are one file.
func bomb(t *testing.T, mebibytes int) io.Reader {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	if _, err := z.Write(bytes.Repeat([]byte("database is locked\n"), (1<<20)/19)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(bytes.Repeat(member.Bytes(), mebibytes))
}

// A reader ends at SIGTERM while it waits: at a FIFO that nobody opens, and at one that
// nobody writes to.
func TestFIFO(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, opened := w.path("fifo"), w.path("opened")
	must(t, errors.Join(syscall.Mkfifo(path, 0o600), syscall.Mkfifo(opened, 0o600)))
	f, err := os.OpenFile(opened, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	var all sync.WaitGroup
	defer all.Wait()
	for verb, args := range readers {
		for _, path := range []string{path, opened} {
			for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
				files.tries(1)
				cmd := w.command(append(slices.Clone(args), path)...)
				e := end{out: new(output)}
				cmd.Stdout, cmd.Stderr = e.out, e.out
				began := time.Now()
				must(t, cmd.Start())
				all.Go(func() {
					awaitOpen(cmd.Process.Pid, path)
					_ = cmd.Process.Signal(signal)
					if e.wait(cmd, began, 30*time.Second); e.late || e.code != 130 {
						files.failed(t, 1, "contend %s of a FIFO, opened: %t, at %v: %v", verb, path == opened, signal, e)
					}
				})
			}
		}
	}
}

// awaitOpen waits until the process pid has the FIFO at path open, or waits for somebody who
// opens its other end, for 20 s at most.
func awaitOpen(pid int, path string) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if to, _ := os.Readlink(link); to == path {
				return
			}
		}
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
		for _, thread := range threads {
			if where, _ := os.ReadFile(thread); bytes.Contains(where, []byte("wait_for_partner")) {
				return
			}
		}
	}
}

// The files of a stored run are altered: report --judge, report and logs end in bounds.
func TestAlteredRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chance := chance(t)
	if e := run(t, w.command("run", "busy", "--quick", "--arm", "separate/0", "-q", "--seed", "1"), time.Minute); e.code != 0 && e.code != 1 && e.code != 3 {
		t.Fatalf("contend run: %v", e)
	}
	latest, err := filepath.EvalSymlinks(w.path("runs", "latest"))
	if err != nil {
		t.Fatal(err)
	}
	original := map[string][]byte{}
	var names []string
	err = filepath.WalkDir(latest, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) != ".html" {
			names = append(names, path)
			original[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(names) < 3 {
		t.Fatalf("%d files of a run (%v)", len(names), err)
	}
	for n := range form(6, 300) {
		path := names[chance.IntN(len(names))]
		must(t, os.Remove(path))
		what := ""
		switch kind := chance.IntN(8); kind {
		case 0:
			what = "is gone"
		case 1:
			what = "is /dev/zero"
			must(t, os.Symlink("/dev/zero", path))
		case 2:
			what = "is a directory"
			must(t, os.Mkdir(path, 0o700))
		default:
			what = "is mutated"
			must(t, os.WriteFile(path, mutate(chance, [][]byte{original[path]}), 0o600))
		}
		args := [][]string{{"report", "--color", "never", "--judge", latest}, {"report", "--color", "never", latest}, {"logs", latest}}[n%3]
		if what == "is /dev/zero" && args[0] == "logs" && strings.HasSuffix(path, ".log") {
			what, args = what+" ", []string{"report", latest} // a log may have no end
		}
		files.tries(1)
		for _, failure := range w.read(either, nil, args...) {
			files.failed(t, 1, "contend %v where %s %s: %s", args, strings.TrimPrefix(path, latest), what, failure)
		}
		must(t, os.RemoveAll(path))
		must(t, os.WriteFile(path, original[path], 0o600))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
