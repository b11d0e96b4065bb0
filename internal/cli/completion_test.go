package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Flags and arguments complete to the words that they take, and to no names of files.
func TestCompletion(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string // among the words
		not  []string
	}{
		{"run ", []string{"busy", "wal-reset"}, nil},
		{"run busy ", []string{"lost-update"}, []string{"busy"}},
		{"list ", []string{"busy"}, nil},
		{"run busy --arm ", []string{"red/", "separate/"}, []string{"separate/5000/"}},
		{"run busy --arm separate/", []string{"separate/5000/"}, []string{"red/"}},
		{"run busy --arm separate/5000/WAL/", []string{"separate/5000/WAL/burst"}, nil},
		{"run --color ", []string{"auto", "always", "never"}, nil},
		{"compare --rung ", []string{"queue", "postgres/update", "given/naive", "rqlite/queue", "mixed-drivers"}, nil},
		{"compare --rung queue,", []string{"queue,single-writer"}, []string{"queue,queue"}},
		{"compare --workload counter,", []string{"counter,transfer"}, nil},
		{"compare --driver ", []string{"modernc"}, []string{"pgx"}},
		{"up --preset ", []string{"red", "green"}, nil},
		{"up --journal ", []string{"WAL", "DELETE"}, nil},
		{"up --transaction ", []string{"immediate"}, nil},
		{"node --driver ", []string{"modernc", "pgx"}, nil},
		{"help ", []string{"run", "arms", "exit-codes"}, nil},
	} {
		var out, err strings.Builder
		args := append([]string{"__complete"}, strings.Split(tt.line, " ")...)
		if code := execute(t.Context(), args, streams{strings.NewReader(""), &out, &err}); code != exitOK {
			t.Fatalf("%q: exit code %d: %s", tt.line, code, err.String())
		}
		var words []string
		for line := range strings.Lines(out.String()) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			words = append(words, word)
		}
		for _, word := range tt.want {
			if !slices.Contains(words, word) {
				t.Errorf("%q does not complete to %q: %q", tt.line, word, words)
			}
		}
		for _, word := range tt.not {
			if slices.Contains(words, word) {
				t.Errorf("%q completes to %q", tt.line, word)
			}
		}
	}
}

// A stored run completes by its directory, the latest first.
func TestRunsComplete(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"20260101T000000-busy", "20260201T000000-busy"} {
		dir := filepath.Join("runs", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "run.json"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := completeRuns(nil, nil, "")
	if want := []string{"runs/20260201T000000-busy", "runs/20260101T000000-busy"}; !slices.Equal(got, want) {
		t.Errorf("completes to %q, want %q", got, want)
	}
}

// Whoever mistypes a name is told which one was probably meant.
func TestDidYouMean(t *testing.T) {
	for line, want := range map[string]string{
		"run lost-updates":                        "did you mean lost-update?",
		"list bsy":                                "did you mean busy?",
		"run busy --arm seperate/5000":            "did you mean separate/5000?",
		"compare --rung quue":                     "did you mean queue?",
		"compare --workload countr":               "did you mean counter?",
		"up --preset gren":                        "did you mean green?",
		"up --journal wall":                       "did you mean WAL?",
		"up --transaction imediate":               "did you mean immediate?",
		"up --driver modern":                      "did you mean modernc?",
		"run busy --on compse":                    "did you mean compose?",
		"compre":                                  "compare",
		"compare --rung xyzzy --workload counter": "",
	} {
		var out, err strings.Builder
		code := execute(t.Context(), strings.Split(line, " "), streams{strings.NewReader(""), &out, &err})
		said := err.String()
		if code != exitUsage || !strings.Contains(said, want) || want == "" && strings.Contains(said, "did you mean") {
			t.Errorf("%s: exit code %d, said %q; want %q", line, code, said, want)
		}
	}
}
