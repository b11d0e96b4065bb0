package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/archive"
	"example.com/contend/internal/run"
)

// madeRun is a run of one arm that found v where e was expected.
func madeRun(v check.Verdict, e run.Expectation) *run.Run {
	return &run.Run{
		Schema: run.Schema, Started: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		Experiments: []run.Result{{Name: "busy", Question: "Is it?", Arms: []run.ArmResult{{
			Name: "red/burst", Findings: []run.Finding{{Claim: "busy-over-30", Text: "It is.", Verdict: v, Expected: e}},
		}}}},
	}
}

// storedRun saves run as runs/one of a new directory, enters it and returns the run's path.
func storedRun(t *testing.T, r *run.Run) string {
	t.Helper()
	t.Chdir(t.TempDir())
	dir := filepath.Join("runs", "one")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := archive.Save(dir, r, false); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contend runs the command line and returns the exit code and both streams.
func contend(in string, args ...string) (int, string, string) {
	var out, err bytes.Buffer
	code := execute(context.Background(), args, streams{strings.NewReader(in), &out, &err})
	return code, out.String(), err.String()
}

func TestReportFindsTheRun(t *testing.T) {
	dir := storedRun(t, madeRun(check.Holds, run.ExpectHolds))
	file := filepath.Join(dir, archive.RunFile)
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := contend("", "report", dir)
	if !strings.Contains(want, "✓ holds  It is.") {
		t.Fatalf("contend report drew\n%s", want)
	}
	if _, whole, _ := contend("", "report", "--verbose", dir); !strings.Contains(whole, "Holds in the only arm.") {
		t.Errorf("contend report --verbose drew\n%s", whole)
	}
	for _, args := range [][]string{{}, {file}, {"runs/latest"}, {"-"}, {"--color", "never"}} {
		code, out, stderr := contend(string(document), append([]string{"report"}, args...)...)
		if code != exitOK || out != want || stderr != "" {
			t.Errorf("report %q = %d, stderr %q, stdout\n%s\nwant 0 and\n%s", args, code, stderr, out, want)
		}
	}
	if code, out, _ := contend("", "report", "--json"); code != exitOK || out != string(document) {
		t.Errorf("report --json = %d,\n%s\nwant 0 and what is stored:\n%s", code, out, document)
	}
	if _, out, _ := contend("", "report", "--color", "always"); !strings.Contains(out, "\x1b[1mbusy:\x1b[0m") {
		t.Errorf("report --color always has no colour:\n%q", out)
	}
}

func TestReportErrors(t *testing.T) {
	dir := storedRun(t, madeRun(check.Holds, run.ExpectHolds))
	damaged := filepath.Join(dir, "damaged.json")
	if err := os.WriteFile(damaged, []byte(`{"schema":1,"experiments":[`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		in   string
		args []string
		code int
		want []string // on stderr
	}{
		{"no such run", "", []string{"runs/two"}, exitCannotRun, []string{"runs/two", "hint: make a run with: contend run busy"}},
		{"no run in a directory", "", []string{"empty"}, exitCannotRun, []string{"empty/run.json", "hint: make a run with: contend run busy"}},
		{"damaged", "", []string{damaged}, exitCannotRun, []string{"decode run", damaged, "line 1"}},
		{"damaged on standard input", "{", []string{"-"}, exitCannotRun, []string{"standard input"}},
		{"a colour", "", []string{"--color", "pink"}, exitUsage, []string{`--color "pink"`}},
		{"a language", "", []string{"--lang", "de"}, exitUsage, []string{`--lang "de" is none of en, ja`}},
		{"two runs", "", []string{dir, dir}, exitUsage, []string{"arg"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, stderr := contend(tt.in, append([]string{"report"}, tt.args...)...)
			if code != tt.code || out != "" {
				t.Errorf("exit code %d and stdout %q, want %d and nothing", code, out, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr %q does not have %q", stderr, want)
				}
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	with := func(change func(*run.Run), v check.Verdict, e run.Expectation) *run.Run {
		r := madeRun(v, e)
		change(r)
		return r
	}
	nothing := func(*run.Run) {}
	broken := func(r *run.Run) { r.Experiments[0].Arms[0].Error = "no such luck" }
	cut := func(r *run.Run) { r.Interrupted = true }
	tests := []struct {
		name string
		doc  *run.Run
		want int
	}{
		{"as expected", with(nothing, check.Holds, run.ExpectHolds), exitOK},
		{"either", with(nothing, check.Refuted, run.Either), exitOK},
		{"surprise", with(nothing, check.Refuted, run.ExpectHolds), exitSurprise},
		{"inconclusive", with(nothing, check.Inconclusive, run.ExpectHolds), exitInconclusive},
		{"an arm that could not run", with(broken, check.Inconclusive, run.ExpectHolds), exitCannotRun},
		{"a surprise in spite of an error", with(broken, check.Refuted, run.ExpectHolds), exitSurprise},
		{"interrupted with a surprise", with(cut, check.Refuted, run.ExpectHolds), exitInterrupted},
		{"interrupted before anything", &run.Run{Schema: run.Schema, Interrupted: true}, exitInterrupted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			storedRun(t, tt.doc)
			if code, _, _ := contend("", "report"); code != tt.want {
				t.Errorf("contend report = %d, want %d", code, tt.want)
			}
		})
	}
}
