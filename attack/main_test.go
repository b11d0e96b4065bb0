//go:build linux

package attack

import (
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"example.com/contend/internal/testbin"
	"example.com/contend/internal/units"
)

var (
	seed     = flag.Uint64("attack.seed", 1, "seed of all random choices")
	longForm = flag.Bool("attack.long", false, "the long form: minutes instead of seconds")
	table    = flag.String("attack.table", "", "write the table, as Markdown, to `FILE`")

	binary string // contend
)

func TestMain(m *testing.M) {
	flag.Parse()
	// They wait for others far more than they work.
	if err := flag.Set("test.parallel", form("8", "4")); err != nil {
		panic(err)
	}
	code := testbin.Main(&binary, m.Run)
	fmt.Println("seed", *seed)
	print(os.Stdout)
	if *table != "" {
		if err := os.WriteFile(*table, []byte(markdown()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "attack:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// A tally is a line of the table: how often an attack was tried, and how often what was
// promised did not hold.
type tally struct {
	test    string
	failure string // what counts as one

	mu              sync.Mutex
	tried, failures int // guarded by mu
}

// tallies are the lines in the order of the table. A line is shown once something was tried.
var (
	killedNodes  = &tally{test: "SIGKILL to a node under load", failure: "the file is damaged"}
	killedWrites = &tally{test: "writes acknowledged meanwhile", failure: "lost"}
	killedBal    = &tally{test: "SIGKILL to the balancer under load", failure: "the nodes do not go on"}
	killedIncr   = &tally{test: "increments acknowledged meanwhile", failure: "lost, or done twice"}
	ends         = &tally{test: "Ctrl-C, Ctrl-C twice, SIGTERM, SIGKILL, SIGPIPE to up, run and compare", failure: "something is left, it did not end, or a run is latest and empty"}
	malformed    = &tally{test: "malformed requests × 3 servers", failure: "another answer than the standard's"}
	mutated      = &tally{test: "mutated requests × 3 servers", failure: "no answer of HTTP, a panic, or an increment that nobody or somebody else was told of"}
	slow         = &tally{test: "slow clients", failure: "a server has more memory than it may, keeps it, or does not answer others"}
	files        = &tally{test: "hostile files", failure: "wrong exit code, a panic, out of bounds, a control character printed"}
	hostileNodes = &tally{test: "hostile nodes", failure: "wrong exit code, a panic, out of bounds, not in time"}
	disks        = &tally{test: "full disks", failure: "the cause is not said in time, or something acknowledged is lost"}

	tallies = []*tally{killedNodes, killedWrites, killedBal, killedIncr, ends, malformed, mutated, slow, files, hostileNodes, disks}
)

// tries counts n tries.
func (y *tally) tries(n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.tried += n
}

// failed counts n failures and fails the test.
func (y *tally) failed(t *testing.T, n int, format string, args ...any) {
	t.Helper()
	t.Errorf(format, args...)
	y.mu.Lock()
	defer y.mu.Unlock()
	y.failures += n
}

// rows are the lines of the table of which something was tried, with a head.
func rows() [][]string {
	all := [][]string{{"test", "tried", "failures", "a failure is"}}
	for _, y := range tallies {
		if y.tried > 0 {
			all = append(all, []string{y.test, units.Count(int64(y.tried)), units.Count(int64(y.failures)), y.failure})
		}
	}
	return all
}

// markdown is the table for a document.
func markdown() string {
	var b strings.Builder
	for i, row := range rows() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|---|---|---|---|\n")
		}
	}
	return b.String()
}

// print writes the table for a terminal, without its last column.
func print(w io.Writer) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows() {
		fmt.Fprintln(columns, strings.Join(row[:3], "\t"))
	}
	columns.Flush()
}

// chance returns the random choices of a test: they follow from the seed and from its name.
func chance(t *testing.T) *rand.Rand {
	name := fnv.New64a()
	name.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(*seed, name.Sum64()))
}

// form returns short, or long in the long form.
func form[T any](short, long T) T {
	if *longForm {
		return long
	}
	return short
}

// The document promises what the tests hold the program to.
func TestPromises(t *testing.T) {
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, promise := range []string{
		fmt.Sprintf("at most %d MiB each", mostServer),
		fmt.Sprintf("gone | at most %d MiB |", keptRest),
		fmt.Sprintf("at most %d MiB |", mostAsker),
		fmt.Sprintf("less than %d GB", mostReader/1000),
		fmt.Sprintf("%s MiB of address space", units.Count(addressSpace)),
	} {
		if !strings.Contains(string(text), promise) {
			t.Errorf("docs/reliability.md does not say %q", promise)
		}
	}
}
