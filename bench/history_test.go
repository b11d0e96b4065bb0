//go:build bench

package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/contend/history"
)

const (
	historyOps    = 1_000_000
	historyRounds = 5
	minOfJQ       = 5.0 // how many times faster than jq merely reads
)

// TestHistoryCheck holds reading and judging a history against jq, which only
// reads and writes the same file. The two take turns.
func TestHistoryCheck(t *testing.T) {
	need(t, "jq")
	dir := t.TempDir()
	contend := filepath.Join(dir, "contend")
	if out, err := exec.Command("go", "build", "-o", contend, "example.com/contend/cmd/contend").CombinedOutput(); err != nil {
		t.Fatalf("build contend: %v\n%s", err, out)
	}
	path := filepath.Join(dir, "history.jsonl")
	writeHistory(t, path)

	var ours, jq []time.Duration
	for round := range historyRounds {
		a := timeCommand(t, contend, "check", "counter", path)
		b := timeCommand(t, "jq", "-c", ".", path)
		t.Logf("round %d  contend %.2f s, jq %.2f s, ratio %.1f", round+1, a.Seconds(), b.Seconds(), b.Seconds()/a.Seconds())
		ours, jq = append(ours, a), append(jq, b)
	}
	slices.Sort(ours)
	slices.Sort(jq)
	a, b := ours[historyRounds/2], jq[historyRounds/2]
	ratio := b.Seconds() / a.Seconds()
	t.Logf("median of %d: contend %.2f s, jq %.2f s for %d ops: %.1f times faster (at least %.0f)",
		historyRounds, a.Seconds(), b.Seconds(), historyOps, ratio, minOfJQ)
	if ratio < minOfJQ {
		t.Errorf("%.1f times faster than jq, want at least %.0f", ratio, minOfJQ)
	}
}

// writeHistory writes what a sound system at work would leave: some refusals,
// and answers in another order than the increments were made.
func writeHistory(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := history.NewWriter(f)
	rng := rand.New(rand.NewPCG(1, 2))
	acknowledged := int64(0)
	var near []history.Op
	write := func(op history.Op) {
		if err := w.Write(op); err != nil {
			t.Fatal(err)
		}
	}
	for i := range historyOps - 1 {
		invoked := time.Duration(i)*250*time.Microsecond + time.Duration(rng.IntN(100_000))
		op := history.Op{
			Index: i, Process: i % 64, Node: fmt.Sprintf("app-%d", i%4+1), Func: history.Increment, Key: "counter",
			Intended: time.Duration(i) * 250 * time.Microsecond, Invoked: invoked,
			Returned: invoked + time.Duration(rng.IntN(20_000_000)), Attempts: 1, Outcome: history.OK, Status: 200,
		}
		if rng.IntN(10) == 0 {
			op.Outcome, op.Status, op.Code, op.Extended = history.Failed, 503, "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"
		} else {
			acknowledged++
			op.Value = history.Some(acknowledged)
		}
		near = append(near, op)
		if len(near) == 64 || i == historyOps-2 {
			shuffleValues(rng, near)
			for _, op := range near {
				write(op)
			}
			near = near[:0]
		}
	}
	write(history.Op{
		Index: historyOps - 1, Process: -1, Func: history.FinalRead, Key: "counter", Value: history.Some(acknowledged),
		Intended: 1 << 50, Invoked: 1 << 50, Returned: 1 << 50, Outcome: history.OK,
	})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// shuffleValues deals the values of acknowledged ops out among them anew.
func shuffleValues(rng *rand.Rand, ops []history.Op) {
	for i := range ops {
		if j := rng.IntN(i + 1); ops[i].Value.Valid && ops[j].Value.Valid {
			ops[i].Value, ops[j].Value = ops[j].Value, ops[i].Value
		}
	}
}

// timeCommand runs a command that must succeed, and throws its answer away.
func timeCommand(t *testing.T, name string, args ...string) time.Duration {
	t.Helper()
	cmd := exec.Command(name, args...)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd.Stdout = null // not io.Discard, which would cost jq a pipe
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return time.Since(start)
}
