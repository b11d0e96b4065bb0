package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// golden compares got with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; go test ./internal/report -update rewrites it (-want +got):\n%s", path, diff)
	}
}

func drawn(t *testing.T, doc *run.Run, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Terminal(&b, doc, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTerminal(t *testing.T) {
	cut := sampleRun()
	cut.Interrupted = true
	cut.Experiments = cut.Experiments[:1]
	cut.Experiments[0].Arms = cut.Experiments[0].Arms[:4]
	tests := []struct {
		name string
		doc  *run.Run
		o    Options
	}{
		{"sample", sampleRun(), Options{Verbose: true}},
		{"colour", sampleRun(), Options{Verbose: true, Color: true}},
		{"narrow", sampleRun(), Options{Verbose: true, Width: 72}},
		{"whole", wholeRun(), Options{Verbose: true}},
		{"lab", labRun(), Options{Verbose: true, Japanese: true}},
		{"short", sampleRun(), Options{}},
		{"short-whole", wholeRun(), Options{}},
		{"short-lab", labRun(), Options{Width: 80}},
		{"short-60", sampleRun(), Options{Width: 60, Color: true}},
		{"short-160", sampleRun(), Options{Width: 160}},
		{"compare", compareRun(), Options{}},
		{"bare", bareComparison(), Options{}},
		{"interrupted", cut, Options{Verbose: true}},
		{"nothing", finish(&run.Run{Interrupted: true, Experiments: []run.Result{{Name: "busy", Question: "Well?"}}}), Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { golden(t, tt.name, drawn(t, tt.doc, tt.o)) })
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColourAddsNothing(t *testing.T) {
	for name, doc := range map[string]*run.Run{"sample": sampleRun(), "compare": compareRun()} {
		for _, verbose := range []bool{false, true} {
			plain, coloured := drawn(t, doc, Options{Verbose: verbose}), drawn(t, doc, Options{Verbose: verbose, Color: true})
			if plain == coloured {
				t.Errorf("%s: colour changes nothing", name)
			}
			if diff := cmp.Diff(plain, trimLines(escapes.ReplaceAllString(coloured, ""))); diff != "" {
				t.Errorf("%s: without its colours the coloured drawing differs (-plain +coloured):\n%s", name, diff)
			}
		}
	}
}

func trimLines(s string) string { return regexp.MustCompile(" +\n").ReplaceAllString(s, "\n") }

func TestTerminalFitsItsWidth(t *testing.T) {
	for _, tt := range []struct {
		name string
		doc  *run.Run
		want int
	}{{"sample", sampleRun(), 120}, {"whole", wholeRun(), 120}, {"compare", compareRun(), 140}, {"long names", longNames(), 150}} {
		for _, line := range strings.Split(drawn(t, tt.doc, Options{Verbose: true}), "\n") {
			if w := text.StringWidth(line); w > tt.want {
				t.Errorf("%s: %d columns, want at most %d: %s", tt.name, w, tt.want, line)
			}
		}
	}
}

// On a terminal nothing is wider than it but addresses and the line to be copied.
func TestTerminalFitsTheTerminal(t *testing.T) {
	lab := labRun()
	lab.Experiments = lab.Experiments[:4] // the last has a name that is wider than a terminal
	for name, doc := range map[string]*run.Run{"sample": sampleRun(), "whole": wholeRun(), "lab": lab} {
		for _, verbose := range []bool{false, true} {
			for _, width := range []int{60, 80, 160} {
				for _, line := range strings.Split(drawn(t, doc, Options{Verbose: verbose, Width: width}), "\n") {
					w := text.StringWidth(line)
					if w > width && !strings.Contains(line, "://") && !strings.HasPrefix(line, "again with: ") {
						t.Errorf("%s, verbose %t: %d columns, want at most %d: %s", name, verbose, w, width, line)
					}
				}
			}
		}
	}
}

// An address is whole in one line, however narrow the terminal is.
func TestAddressesAreWhole(t *testing.T) {
	const address = "https://sqlite.org/lang_transaction.html#read_transactions_versus_write_transactions"
	doc := sampleRun()
	doc.Experiments[0].Arms[0].Findings[0].Source = address
	if got := drawn(t, doc, Options{Verbose: true, Width: 40}); !strings.Contains(got, address) {
		t.Errorf("%s is broken:\n%s", address, got)
	}
}

// The source is Japanese, and a terminal speaks one language unless it is asked for both.
func TestTerminalSpeaksOneLanguage(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		if got := drawn(t, labRun(), Options{Verbose: verbose}); japanese(got) {
			t.Errorf("verbose %t: it quotes Japanese:\n%s", verbose, got)
		}
	}
	for _, quoted := range []string{"大量のBUSYエラーが発生することを確認", "1. Container A: トランザクション開始"} {
		if got := drawn(t, labRun(), Options{Verbose: true, Japanese: true}); !strings.Contains(got, quoted) {
			t.Errorf("%s is missing:\n%s", quoted, got)
		}
	}
}

// The answer is last, in both forms.
func TestTheBottomLineIsLast(t *testing.T) {
	for name, doc := range map[string]*run.Run{"sample": sampleRun(), "lab": labRun()} {
		all := BottomLine(doc)
		for _, verbose := range []bool{false, true} {
			got := strings.TrimSpace(drawn(t, doc, Options{Verbose: verbose, Width: 1000}))
			if last := plain("• " + all[len(all)-1].Text); !strings.HasSuffix(got, last) {
				t.Errorf("%s, verbose %t: the last line is not %q:\n%s", name, verbose, last, got)
			}
		}
	}
}

// What was made quickly says so.
func TestAQuickRunIsMarked(t *testing.T) {
	for _, quick := range []bool{false, true} {
		doc := sampleRun()
		doc.Asked.Quick = quick
		for _, verbose := range []bool{false, true} {
			if got := drawn(t, doc, Options{Verbose: verbose}); strings.Contains(got, quickWords) != quick || strings.Contains(got, "busy, quick:") != quick {
				t.Errorf("quick %t, verbose %t:\n%s", quick, verbose, got)
			}
		}
	}
}

// Of many claims each has one line.
func TestManyClaimsHaveALineEach(t *testing.T) {
	result := crashResult()
	for i := range result.Arms {
		for n := range 20 {
			result.Arms[i].Findings = append(result.Arms[i].Findings, run.Finding{Claim: fmt.Sprint("claim-", n), Verdict: check.Holds,
				Text: "This is claimed in a sentence that is longer than any line of a terminal with eighty columns, as most sentences are."})
		}
	}
	got := drawn(t, finish(&run.Run{Experiments: []run.Result{result}}), Options{Width: 80})
	if n := strings.Count(got, "This is claimed in a sentence that is longer than any line of a …\n"); n != 20 {
		t.Errorf("%d of 20 claims have one line:\n%s", n, got)
	}
}

// A long table is made short by leaving out arms that came out like another, and it says so.
func TestALongTableShowsOneArmOfEachOutcome(t *testing.T) {
	whole := wholeRun()
	shown, words := telling(&whole.Experiments[0])
	if n := rowsOf(shown.Arms); n == 0 || n > mostRows || !strings.Contains(words, "all 44 rows") {
		t.Errorf("%d rows, %q", n, words)
	}
	few := sampleRun()
	if shown, words := telling(&few.Experiments[0]); len(shown.Arms) != len(few.Experiments[0].Arms) || words != "" {
		t.Errorf("of %d arms %d are shown: %q", len(few.Experiments[0].Arms), len(shown.Arms), words)
	}
}

// A run that was stored and read is drawn as it was before.
func TestStoredRunIsDrawnTheSame(t *testing.T) {
	for name, doc := range map[string]*run.Run{"sample": sampleRun(), "whole": wholeRun(), "compare": compareRun()} {
		var stored bytes.Buffer
		if err := JSON(&stored, doc); err != nil {
			t.Fatal(err)
		}
		read, err := Decode(&stored, "run.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []Options{{Color: true}, {Color: true, Verbose: true}} {
			if diff := cmp.Diff(drawn(t, doc, o), drawn(t, read, o)); diff != "" {
				t.Errorf("%s is drawn differently once stored (-before +after):\n%s", name, diff)
			}
		}
	}
}

// The same run gives the same bytes, in every form.
func TestDrawnTwiceIsTheSame(t *testing.T) {
	for name, doc := range map[string]func() *run.Run{"lab": labRun, "compare": compareRun} {
		for form, draw := range map[string]func(*run.Run) string{
			"terminal": func(doc *run.Run) string { return drawn(t, doc, Options{Verbose: true}) },
			"short":    func(doc *run.Run) string { return drawn(t, doc, Options{}) },
			"page":     func(doc *run.Run) string { return paged(t, doc) },
			"claims":   func(doc *run.Run) string { return claimed(t, doc) },
			"JSON":     func(doc *run.Run) string { return encoded(t, doc) },
		} {
			if diff := cmp.Diff(draw(doc()), draw(doc())); diff != "" {
				t.Errorf("%s, %s: drawn twice it differs:\n%s", name, form, diff)
			}
		}
	}
}

// What a file says must not reach the terminal as a command.
func TestTerminalObeysNobody(t *testing.T) {
	const evil = "\x1b]0;owned\x07\u009b2J\u202egnp.exe\r\n"
	doc := sampleRun()
	doc.Contend.Version, doc.Machine.Kernel, doc.Command = evil, evil, []string{evil}
	x := &doc.Experiments[1]
	x.Name, x.Question = evil, evil
	for i := range x.Arms {
		arm := &x.Arms[i]
		arm.Name, arm.Error = evil+arm.Name, evil
		arm.Setup.Discipline.Journal += evil
		for j := range arm.Findings {
			f := &arm.Findings[j]
			f.Claim, f.Text, f.TextJA, f.Source, f.Reason = evil+f.Claim, evil, evil, evil, evil
			for k := range f.Witness {
				f.Witness[k].Anomaly, f.Witness[k].Ops[0].Node, f.Witness[k].Ops[1].Func = evil, evil, evil
			}
		}
	}
	doc.Experiments = append(doc.Experiments, hostileResult())
	for _, doc := range []*run.Run{doc, evilComparison()} {
		for _, verbose := range []bool{false, true} {
			if got := drawn(t, doc, Options{Verbose: verbose, Japanese: true}); strings.ContainsAny(got, "\x1b\x07\u009b\u202e\r") {
				t.Errorf("control characters came through: %q", got)
			}
		}
	}
}

type brokenPipe struct{}

var errBroken = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func TestWritersErrorComesBack(t *testing.T) {
	if err := Terminal(brokenPipe{}, sampleRun(), Options{}); !errors.Is(err, errBroken) {
		t.Errorf("Terminal = %v, want the writer's error", err)
	}
	if err := JSON(brokenPipe{}, sampleRun()); !errors.Is(err, errBroken) {
		t.Errorf("JSON = %v, want the writer's error", err)
	}
	if err := HTML(brokenPipe{}, sampleRun(), false); !errors.Is(err, errBroken) {
		t.Errorf("HTML = %v, want the writer's error", err)
	}
	if err := Claims(brokenPipe{}, sampleRun()); !errors.Is(err, errBroken) {
		t.Errorf("Claims = %v, want the writer's error", err)
	}
}
