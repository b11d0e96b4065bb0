package report

import (
	"encoding"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/run"
)

const document = "../../docs/json.md"

func readDocument(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestDocumentNamesEveryField compares the fields that docs/json.md names with
// those of the types: neither may have one that the other lacks.
func TestDocumentNamesEveryField(t *testing.T) {
	want := map[string]bool{}
	addFields(t, want, "", reflect.TypeFor[run.Run]())
	got := documented(readDocument(t))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("docs/json.md differs from the fields of run.Run (-fields +document):\n%s", diff)
	}
}

var (
	pathInHeading = regexp.MustCompile("`(\\.[^`]*)`")
	listedRow     = regexp.MustCompile("^\\| `(\\.[^`]*)` \\|")
)

// documented returns the paths of the tables' rows, each behind those that its
// section's heading names.
func documented(text string) map[string]bool {
	paths := map[string]bool{}
	var bases [][]string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "## ") {
			bases = pathInHeading.FindAllStringSubmatch(line, -1)
		}
		if m := listedRow.FindStringSubmatch(line); m != nil {
			for _, base := range bases {
				paths[strings.TrimSuffix(base[1], ".")+m[1]] = true
			}
		}
	}
	return paths
}

// addFields adds the paths of what t marshals to. A list, or an object that may
// be missing, is a path of its own and its elements' fields; an object that is
// only a group is not.
func addFields(t *testing.T, paths map[string]bool, base string, typ reflect.Type) {
	if typ == reflect.TypeFor[history.Op]() {
		addOpFields(t, paths, base)
		return
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			addFields(t, paths, base, field.Type)
		case name == "":
			t.Errorf("%s.%s has no name in JSON", typ, field.Name)
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			paths[base+"."+name] = true
			addFields(t, paths, base+"."+name+"[]", field.Type.Elem())
		case field.Type.Kind() == reflect.Pointer && field.Type.Elem().Kind() == reflect.Struct:
			paths[base+"."+name] = true
			addFields(t, paths, base+"."+name, field.Type.Elem())
		case field.Type.Kind() == reflect.Struct && !field.Type.Implements(reflect.TypeFor[encoding.TextMarshaler]()) && field.Type != reflect.TypeFor[history.Value](): // a number
			addFields(t, paths, base+"."+name, field.Type)
		default:
			paths[base+"."+name] = true
		}
	}
}

// addOpFields adds what an op marshals to by itself when nothing of it is zero.
func addOpFields(t *testing.T, paths map[string]bool, base string) {
	op := history.Op{
		Index: 1, Process: 1, Node: "n", Func: history.Transfer, Key: "k", To: "t", Amount: 1, Value: history.Some(1),
		Intended: 1, Invoked: 2, Returned: 3, Attempts: 1, Outcome: history.Failed, Status: 503,
		Code: "SQLITE_BUSY", Extended: "SQLITE_BUSY",
	}
	for i, v := 0, reflect.ValueOf(op); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("history.Op.%s is new: fill it in here", v.Type().Field(i).Name)
		}
	}
	text, err := json.Marshal(op)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		paths[base+"."+name] = true
	}
}

// TestDocumentsExamples runs the jq commands of docs/json.md over the sample run.
func TestDocumentsExamples(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("jq is missing: apt-get install jq")
		}
		t.Skip("jq is missing, so the examples of docs/json.md were not run: apt-get install jq")
	}
	dir := t.TempDir()
	latest := filepath.Join(dir, "runs", "latest")
	if err := os.MkdirAll(latest, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(latest, "run.json"), []byte(encoded(t, sampleRun())), 0o644); err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```sh\n(jq .*?)```").FindAllStringSubmatch(readDocument(t), -1)
	if len(examples) != 3 {
		t.Fatalf("docs/json.md has %d examples, want 3", len(examples))
	}
	var all strings.Builder
	for _, example := range examples {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", example[1])
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) == 0 {
			t.Errorf("%s\n%v, output %q", example[1], err, out)
		}
		all.Write(out)
		all.WriteString("\n")
	}
	golden(t, "jq", all.String())
}
