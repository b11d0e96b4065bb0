package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
	"example.com/contend/internal/store/sqlite"
)

// childEnv turns this test binary into another process that uses the same
// file: POSIX locks belong to the process, so a claim about processes needs
// some. Its value is what the child does.
const childEnv = "CONTEND_SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		if err := child(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if server.server != nil {
		if err := server.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// source is the database at a path or URL that d's driver speaks to.
func source(at string, d store.Discipline) store.Source {
	if d.Engine() == store.Postgres {
		return postgres.At(at)
	}
	return sqlite.At(at)
}

// child does its work in a process of its own, says "ready" once it is about
// to, and goes on when its standard input ends.
func child(role string, args []string) error {
	ctx := context.Background()
	var d store.Discipline
	if err := json.Unmarshal([]byte(args[1]), &d); err != nil {
		return err
	}
	db, err := app.Open(ctx, source(args[0], d), d, app.Options{}.Early(early[role]))
	if err != nil {
		return err
	}
	defer db.Close()
	switch role {
	case "hold": // keeps the write lock until told
		return db.HoldUntil(ctx, waitForParent)
	case "read": // keeps a read transaction open until told
		return db.View(ctx, func(tx *app.Tx) error {
			if _, err := tx.Counter("k"); err != nil {
				return err
			}
			waitForParent()
			return nil
		})
	case "increment": // 25 times, and says how many were acknowledged
		waitForParent()
		ok := 0
		for range 25 {
			err := db.Update(ctx, func(tx *app.Tx) error { return increment(tx, d) })
			if err == nil {
				ok++
			}
		}
		fmt.Println(ok)
		return nil
	case "compete": // as often as it can in half a second, and says how many were acknowledged and refused
		waitForParent()
		ok, refused := 0, 0
		for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
			if db.Update(ctx, func(tx *app.Tx) error { return increment(tx, d) }) == nil {
				ok++
			} else {
				refused++
			}
		}
		fmt.Println(ok, refused)
		return nil
	case "queue", "queue-early":
		return queueLoad(ctx, db)
	case "crash":
		return db.Crash(ctx, time.Millisecond, func() {})
	case "disk-error":
		return diskError(ctx, db)
	}
	return fmt.Errorf("unknown role %q", role)
}

// diskError commits while the operating system refuses to make files longer,
// and says what the store said, and what it says once the disk is well again.
func diskError(ctx context.Context, db *app.DB) error {
	insert := func(tx *app.Tx) error {
		_, err := tx.Insert(strings.Repeat("x", 100_000))
		return err
	}
	if err := db.Update(ctx, insert); err != nil {
		return err
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: before.Max}); err != nil {
		return err
	}
	var e *store.Error
	if err := db.Update(ctx, insert); !errors.As(err, &e) {
		return fmt.Errorf("update on a bad disk: %v", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	fmt.Printf("%s %s refused=%t unsure=%t\n", e.Op, e.Code, e.Refused, e.Unsure)
	return db.Update(ctx, insert)
}

func waitForParent() {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func increment(tx *app.Tx, d store.Discipline) error {
	if d.Transaction == store.Atomic {
		_, err := tx.AddCounter("k", 1)
		return err
	}
	n, err := tx.Counter("k")
	if err != nil {
		return err
	}
	time.Sleep(d.Think.Duration())
	return tx.SetCounter("k", n+1)
}

// An other is a child process.
type other struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   *bufio.Reader
	stdin io.Closer
}

func start(t *testing.T, role, path string, d store.Discipline) *other {
	t.Helper()
	settings, err := json.Marshal(d)
	must(t, err)
	o := &other{t: t, cmd: exec.Command(os.Args[0], path, string(settings))}
	// The race detector would have every child sleep a second before it exits.
	o.cmd.Env = append(os.Environ(), childEnv+"="+role, "GORACE=atexit_sleep_ms=0")
	o.cmd.Stderr = os.Stderr
	stdout, err := o.cmd.StdoutPipe()
	must(t, err)
	o.stdin, err = o.cmd.StdinPipe()
	must(t, err)
	o.out = bufio.NewReader(stdout)
	must(t, o.cmd.Start())
	t.Cleanup(func() {
		if o.cmd.ProcessState == nil {
			_ = o.cmd.Process.Kill()
			_ = o.cmd.Wait()
		}
	})
	return o
}

func (o *other) awaitReady() {
	o.t.Helper()
	if line, err := o.out.ReadString('\n'); err != nil || line != "ready\n" {
		o.t.Fatalf("child said %q, %v", line, err)
	}
}

// goOn lets the child finish and returns what it said after that.
func (o *other) goOn() string {
	o.t.Helper()
	must(o.t, o.stdin.Close())
	rest, err := io.ReadAll(o.out)
	must(o.t, err)
	must(o.t, o.cmd.Wait())
	return strings.TrimSpace(string(rest))
}

// together starts a child for each discipline, lets them all go on at the same
// time and returns the numbers that each one said.
func together(t *testing.T, role, path string, ds ...store.Discipline) (said [][]int64) {
	t.Helper()
	var children []*other
	for _, d := range ds {
		children = append(children, start(t, role, path, d))
	}
	for _, child := range children {
		child.awaitReady()
	}
	for _, child := range children {
		must(t, child.stdin.Close())
	}
	for _, child := range children {
		line, err := child.out.ReadString('\n')
		must(t, err)
		must(t, child.cmd.Wait())
		var numbers []int64
		for _, word := range strings.Fields(line) {
			n, err := strconv.ParseInt(word, 10, 64)
			must(t, err)
			numbers = append(numbers, n)
		}
		said = append(said, numbers)
	}
	return said
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// discipline is a quick one, to be changed by the test.
func discipline(change func(*store.Discipline)) store.Discipline {
	d := store.Discipline{
		Driver: underTest, Busy: busyUnderTest, Journal: store.WAL, Synchronous: store.Off, Transaction: store.Immediate,
		BusyTimeout: 5000, Writer: store.Direct, Pool: 2,
	}
	if change != nil {
		change(&d)
	}
	return d
}

func open(t *testing.T, path string, d store.Discipline, o app.Options) *app.DB {
	t.Helper()
	db, err := app.Open(t.Context(), sqlite.At(path), d, o)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "shared.db") }
