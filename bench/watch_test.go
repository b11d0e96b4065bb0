//go:build bench

package bench

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/testproc"
	"example.com/contend/internal/watch"
)

const (
	watchPairs     = 9
	watchWriters   = 4
	watchSeconds   = 2
	minOfUnwatched = 0.97 // of the load's throughput, without statements
	minWithSQL     = 0.9  // with them
	maxEventCPU    = 1.5  // µs of watch's processor time an attempt at a lock
	watchSteps     = 200_000
)

// TestWatch holds four processes that write as fast as they can against themselves under contend watch. The two take turns.
func TestWatch(t *testing.T) {
	contend := buildContend(t)
	db := filepath.Join(t.TempDir(), "app.db")
	writeFor(t, db, 100*time.Millisecond)
	var alone, watched, ratios, costs []float64
	for pair := range watchPairs {
		var a, b, cost float64
		under := func() {
			stop := startWatch(t, contend, db, "--sql", "off")
			b = writeFor(t, db, watchSeconds*time.Second)
			r, cpu := stop()
			cost = float64(cpu.Microseconds()) / float64(r.Events)
			t.Logf("pair %d  %.0f attempts at locks a second, %d lost, %.2f µs of watch's CPU each", pair+1, float64(r.Events)/r.Seconds, r.Lost, cost)
			if r.Lost > 0 {
				t.Errorf("%d events were lost", r.Lost)
			}
		}
		if pair%2 == 0 {
			under()
		}
		a = writeFor(t, db, watchSeconds*time.Second)
		if pair%2 == 1 {
			under()
		}
		t.Logf("pair %d  alone %.0f, watched %.0f transactions/s, ratio %.3f", pair+1, a, b, b/a)
		alone, watched, ratios, costs = append(alone, a), append(watched, b), append(ratios, b/a), append(costs, cost)
	}
	ratio, cost := median(ratios), median(costs)
	t.Logf("medians of %d: alone %.0f, watched %.0f transactions/s, ratio %.3f (of the pairs' ratios; at least %.2f); %.2f µs an attempt (at most %.1f)",
		watchPairs, median(alone), median(watched), ratio, minOfUnwatched, cost, maxEventCPU)
	if ratio < minOfUnwatched {
		t.Errorf("throughput under watch is %.3f of that without, want at least %.2f", ratio, minOfUnwatched)
	}
	if cost > maxEventCPU {
		t.Errorf("watch takes %.2f µs an attempt, want at most %.1f", cost, maxEventCPU)
	}
}

// TestWatchStatements does the same with the sqlite3 shell, whose statements are seen: writing a database, and doing nothing but
// statements, the worst case, of which the figure is only printed.
func TestWatchStatements(t *testing.T) {
	need(t, "sqlite3")
	contend := buildContend(t)
	db := filepath.Join(t.TempDir(), "app.db")
	for _, c := range []struct {
		name, script string
		atLeast      float64
	}{
		{"writing", "PRAGMA journal_mode=wal; CREATE TABLE IF NOT EXISTS t(v);\n" + strings.Repeat("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); DELETE FROM t; COMMIT;\n", 3000), minWithSQL},
		{"nothing but statements", strings.Repeat("SELECT 1;\n", watchSteps), 0},
	} {
		run := func() float64 {
			cmd := exec.Command("sqlite3", db)
			cmd.Stdin = strings.NewReader(c.script)
			began := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("sqlite3: %v\n%s", err, out)
			}
			return time.Since(began).Seconds()
		}
		run()
		var alone, watched, ratios []float64
		for pair := range watchPairs {
			var a, b float64
			under := func() {
				// A shell that stays shows watch the library.
				stay := exec.Command("sqlite3", db)
				in, err := stay.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := stay.Start(); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(in, "SELECT 1;")
				time.Sleep(100 * time.Millisecond)
				stop := startWatch(t, contend, db)
				b = run()
				stop()
				in.Close()
				_ = stay.Wait()
			}
			if pair%2 == 0 {
				under()
			}
			a = run()
			if pair%2 == 1 {
				under()
			}
			alone, watched, ratios = append(alone, a), append(watched, b), append(ratios, a/b)
		}
		ratio := median(ratios)
		t.Logf("%s: medians of %d: alone %.3f s, watched %.3f s, throughput %.3f of that without (at least %.2f)", c.name, watchPairs, median(alone), median(watched), ratio, c.atLeast)
		if ratio < c.atLeast {
			t.Errorf("%s: throughput with statements is %.3f of that without, want at least %.2f", c.name, ratio, c.atLeast)
		}
	}
}

func buildContend(t *testing.T) string {
	t.Helper()
	contend := filepath.Join(t.TempDir(), "contend")
	if out, err := exec.Command("go", "build", "-o", contend, "example.com/contend/cmd/contend").CombinedOutput(); err != nil {
		t.Fatalf("build contend: %v\n%s", err, out)
	}
	return contend
}

// startWatch starts a watch; stop ends it and returns its report and its processor time.
func startWatch(t *testing.T, contend, db string, args ...string) (stop func() (watch.Report, time.Duration)) {
	t.Helper()
	cmd := exec.Command(contend, append([]string{"watch", db, "--json"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	return func() (r watch.Report, cpu time.Duration) {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait() // whose exit code tells of findings
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		last := bytes.ReplaceAll(lines[len(lines)-1], []byte(`"held":`), []byte(`"-":`)) // whose locks are names
		if err := json.Unmarshal(last, &r); err != nil || !r.Trace {
			t.Fatalf("watch: %v\n%s", err, last)
		}
		return r, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
}

// writeFor lets processes write for a time, and returns how many transactions a second they did together.
func writeFor(t *testing.T, db string, long time.Duration) float64 {
	t.Helper()
	var all []*exec.Cmd
	var outs [watchWriters]bytes.Buffer
	for i := range watchWriters {
		cmd := testproc.Command("watched writer", db, long.String())
		cmd.Stdout, cmd.Stderr = &outs[i], os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	sum := 0.0
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(outs[i].String()))
		if err != nil {
			t.Fatal(err)
		}
		sum += float64(n)
	}
	return sum / long.Seconds()
}

// writeWatched is the role of a process that writes small transactions, in WAL mode and without waiting for the disk.
func writeWatched(args []string) error {
	long, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+args[0]+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)&_txlock=immediate")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS n(v); INSERT INTO n SELECT 0 WHERE NOT EXISTS (SELECT * FROM n)"); err != nil {
		return err
	}
	n := 0
	for end := time.Now().Add(long); time.Now().Before(end); n++ {
		if _, err := db.Exec("UPDATE n SET v = v + 1"); err != nil {
			return err
		}
	}
	fmt.Println(n)
	return db.Close()
}
