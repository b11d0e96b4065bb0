package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

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
		{"sample", sampleRun(), Options{}},
		{"colour", sampleRun(), Options{Color: true}},
		{"narrow", sampleRun(), Options{Width: 72}},
		{"whole", wholeRun(), Options{}},
		{"lab", labRun(), Options{}},
		{"compare", compareRun(), Options{}},
		{"bare", bareComparison(), Options{}},
		{"interrupted", cut, Options{}},
		{"nothing", finish(&run.Run{Interrupted: true, Experiments: []run.Result{{Name: "busy", Question: "Well?"}}}), Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { golden(t, tt.name, drawn(t, tt.doc, tt.o)) })
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColourAddsNothing(t *testing.T) {
	for name, doc := range map[string]*run.Run{"sample": sampleRun(), "compare": compareRun()} {
		plain, coloured := drawn(t, doc, Options{}), drawn(t, doc, Options{Color: true})
		if plain == coloured {
			t.Errorf("%s: colour changes nothing", name)
		}
		if diff := cmp.Diff(plain, trimLines(escapes.ReplaceAllString(coloured, ""))); diff != "" {
			t.Errorf("%s: without its colours the coloured drawing differs (-plain +coloured):\n%s", name, diff)
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
		for _, line := range strings.Split(drawn(t, tt.doc, Options{}), "\n") {
			if w := text.StringWidth(line); w > tt.want {
				t.Errorf("%s: %d columns, want at most %d: %s", tt.name, w, tt.want, line)
			}
		}
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
		if diff := cmp.Diff(drawn(t, doc, Options{Color: true}), drawn(t, read, Options{Color: true})); diff != "" {
			t.Errorf("%s is drawn differently once stored (-before +after):\n%s", name, diff)
		}
	}
}

// The same run gives the same bytes, in every form.
func TestDrawnTwiceIsTheSame(t *testing.T) {
	for name, doc := range map[string]func() *run.Run{"lab": labRun, "compare": compareRun} {
		for form, draw := range map[string]func(*run.Run) string{
			"terminal": func(doc *run.Run) string { return drawn(t, doc, Options{}) },
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
		if got := drawn(t, doc, Options{}); strings.ContainsAny(got, "\x1b\x07\u009b\u202e\r") {
			t.Errorf("control characters came through: %q", got)
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
