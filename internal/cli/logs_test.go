package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/logs"
)

// What the nodes logged is what their clients were told: without retries every
// refusal is one line and one answer. The two come from different processes.
func TestLogsAgreeWithTheLedger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := program(dir, "run", "busy", "--seed", "3", "--arm", "red/burst", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := program(dir, "logs", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc logsDocument
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	run, err := archive.Load(filepath.Join(dir, "runs", archive.Latest))
	if err != nil {
		t.Fatal(err)
	}
	logged := map[string]int{}
	for _, c := range doc.Codes {
		logged[c.Code] = int(c.Failures)
	}
	arm := run.Experiments[0].Arms[0]
	if diff := cmp.Diff(arm.Extended, logged); diff != "" || len(logged) == 0 {
		t.Errorf("told clients -, logged +\n%s", diff)
	}
	if doc.First.IsZero() || doc.Untimed > 0 || doc.Logs != len(arm.Recordings)*(arm.Setup.Nodes+1) {
		t.Errorf("first refusal at %s, %d without a time, %d logs", doc.First, doc.Untimed, doc.Logs)
	}
}

// Following a log ends with Ctrl-C, and then what has come is counted.
func TestLogsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "logs", "-", "--json")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Once it has taken more than a pipe holds it is reading, and its signals are caught.
	const lines = 1 << 14
	if _, err := io.WriteString(in, strings.Repeat("SQLITE_BUSY\n", lines)); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	var doc logsDocument
	if err := json.NewDecoder(out).Decode(&doc); err != nil {
		t.Error(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d: %v", code, exitInterrupted, err)
	}
	if !doc.Interrupted || doc.Refusals == 0 || doc.Refusals > lines {
		t.Errorf("interrupted: %t, %d refusals", doc.Interrupted, doc.Refusals)
	}
}

// Advice sends nobody to an experiment that does not exist.
func TestLogsAdvice(t *testing.T) {
	names := []string{}
	for _, x := range catalogue.All(catalogue.Options{}) {
		names = append(names, x.Name)
	}
	var tally logs.Tally
	for _, code := range []string{"BUSY_SNAPSHOT", "BUSY_RECOVERY", "LOCKED", "CORRUPT", "READONLY_DBMOVED", "IOERR_SHMMAP"} {
		if err := tally.Read(strings.NewReader("SQLITE_"+code+"\n"), "x"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 { // a burst every hour in one container of two
		if err := tally.Read(strings.NewReader(fmt.Sprintf("a-1  | 2026-05-04T0%d:00:00Z SQLITE_BUSY\nb-1  | hello\n", i)), "x"); err != nil {
			t.Fatal(err)
		}
	}
	advice := tally.Summary().Advice
	if len(advice) < 7 {
		t.Errorf("only %d pieces of advice: %+v", len(advice), advice)
	}
	for _, a := range advice {
		words := strings.Fields(strings.TrimPrefix(a.Command, "contend run "))
		for _, word := range words {
			if strings.HasPrefix(word, "-") {
				break
			}
			if !slices.Contains(names, word) {
				t.Errorf("%s: %q is no experiment", a.Command, word)
			}
		}
	}
}

// docs/logs.md names every field of the document, and no other.
func TestLogsDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\.[^`]*)` \\|").FindAllStringSubmatch(string(text), -1) {
		named[row[1]] = true
	}
	fields := map[string]bool{}
	addJSONFields(fields, "", reflect.TypeFor[logsDocument]())
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(named))); diff != "" {
		t.Errorf("docs/logs.md differs from the document (-fields +page)\n%s", diff)
	}
}

// addJSONFields adds the jq paths of what t marshals to.
func addJSONFields(paths map[string]bool, base string, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			addJSONFields(paths, base, field.Type)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		paths[base+"."+name] = true
		if field.Type.Kind() == reflect.Slice {
			addJSONFields(paths, base+"."+name+"[]", field.Type.Elem())
		}
	}
}
