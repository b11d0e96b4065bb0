package run

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// A setup with everything in it.
func everything() Setup {
	return Setup{
		Nodes: 4, Discipline: store.Green(), Drivers: []string{"modernc", "ncruces"}, SingleWriter: true, Server: "postgres",
		Mount: MountSingleFile, Build: "old-engine", Traced: true, Begin: Begin{Item: "book", Stock: 50, Accounts: 2, Balance: 10},
		Load: Load{Arrival: Open, Clients: 3, Rate: 2.5, Duration: 1500 * time.Millisecond, Then: Phase{Rate: 7, Duration: time.Nanosecond}, Timeout: time.Second},
		Workload: workload.Roles{First: 1, A: workload.Write{Size: 3}, B: workload.Mix{
			A: workload.Read{Key: "k"}, B: workload.Increment{Key: "k", Keys: 3}, Share: 10}},
		Fault: Checkpoint{Node: "app-4", Mode: store.CheckpointPassive, Sessions: 1, Times: 100},
		Scene: &Scene{Name: "s", Steps: []Step{{Session: "A", Node: "app-1", Do: "commit", Relative: true, Apart: true, After: time.Second}}},
	}
}

// Another value in any place makes another setup, and a setup has one key.
func TestSetupsAreToldApart(t *testing.T) {
	first, same := everything(), everything()
	if first.Key() != same.Key() || len(first.Key()) != 32 {
		t.Errorf("keys %q and %q; want one of 32 digits", first.Key(), same.Key())
	}
	seen := map[string]string{first.Key(): "everything"}
	for name, change := range map[string]func(*Setup){
		"nothing":    func(s *Setup) { *s = Setup{} },
		"nodes":      func(s *Setup) { s.Nodes++ },
		"discipline": func(s *Setup) { s.Discipline.Backoff.Jitter = true },
		"drivers":    func(s *Setup) { s.Drivers = s.Drivers[:1] },
		"writer":     func(s *Setup) { s.SingleWriter = false },
		"server":     func(s *Setup) { s.Server = "" },
		"mount":      func(s *Setup) { s.Mount = MountShared },
		"build":      func(s *Setup) { s.Build = "" },
		"traced":     func(s *Setup) { s.Traced = false },
		"begin":      func(s *Setup) { s.Begin.Stock = 0 },
		"load":       func(s *Setup) { s.Load.Then.Duration++ },
		"timeout":    func(s *Setup) { s.Load.Timeout++ },
		"workload":   func(s *Setup) { s.Workload = workload.Total{} },
		"part":       func(s *Setup) { s.Workload = workload.Roles{First: 1, A: workload.Write{Size: 4}, B: workload.Total{}} },
		"no load":    func(s *Setup) { s.Workload = nil },
		"fault":      func(s *Setup) { s.Fault = Hold{Node: "app-4", For: 1} },
		"longer":     func(s *Setup) { s.Fault = Hold{Node: "app-4", For: 2} },
		"no fault":   func(s *Setup) { s.Fault = nil },
		"step":       func(s *Setup) { s.Scene.Steps[0].Apart = false },
	} {
		s := everything()
		change(&s)
		if other, known := seen[s.Key()]; known {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[s.Key()] = name
	}
}

func stored(t *testing.T, change func(map[string]string)) (*Recording, error) {
	t.Helper()
	text, err := everything().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		RecordingFile: `{"setup":` + string(text) + `,"repeat":2,"place":"processes","started":"2026-05-04T03:02:01.000000007Z",
			"facts":{"integrity":"ok"},"cpu_ns":3,"steps":[{"session":"A","got":0,"wrote":null,"outcome":"ok"}],
			"faults":[{"kind":"look","from":"2026-05-04T03:02:01Z","to":"2026-05-04T03:02:02Z","rows":4}]}`,
		HistoryFile:           `{"process":-1,"op":"final-read","key":"k","value":7,"outcome":"ok"}` + "\n",
		"app-1.trace.jsonl":   `{"node":"app-1","kind":"write","began":20,"ended":30}` + "\n",
		"a/app-2.trace.jsonl": `{"node":"app-2","kind":"write","began":10,"ended":30}` + "\n",
		"app-1.log":           "not read",
	}
	if change != nil {
		change(files)
	}
	disk := fstest.MapFS{}
	for name, content := range files {
		disk["recordings/01/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return NewReader(disk).Recording("recordings/01")
}

func TestARecordingIsReadBack(t *testing.T) {
	r, err := stored(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything(), r.Setup); diff != "" {
		t.Errorf("setup (-written +read):\n%s", diff)
	}
	if r.Dir != "recordings/01" || r.Repeat != 2 || r.Started.Nanosecond() != 7 || *r.CPU != 3 || r.Faults[0].Rows != 4 ||
		r.Steps[0].Got != history.Some(0) || r.Steps[0].Wrote.Valid || r.Facts.Integrity != "ok" {
		t.Errorf("read %+v", r)
	}
	if value, ok := r.FinalRead("k"); value != 7 || !ok {
		t.Errorf("final read %d, %t; want 7", value, ok)
	}
	if len(r.Attempts) != 2 || r.Attempts[0].Node != "app-2" {
		t.Errorf("attempts %+v; want both, by their beginning", r.Attempts)
	}
}

// What is missing or cannot be read is named.
func TestARecordingSaysWhatItLacks(t *testing.T) {
	for _, tt := range []struct {
		file, content, want string // an empty content is a file that is gone
	}{
		{RecordingFile, "", "recording recordings/01: it has no recording.json"},
		{RecordingFile, "{", "read recording.json: unexpected end of JSON input"},
		{RecordingFile, `{"setup":{"workload":{"dance":{}}}}`, `"dance" is none of increment`},
		{RecordingFile, `{"setup":{"workload":{"mix":{"a":{"read":{"key":"k"}}}}}}`, "want two workloads"},
		{RecordingFile, `{"setup":{"fault":{"hold":{},"kill":{}}}}`, "is none of hold"},
		{RecordingFile, `{"setup":{"fault":{}}}`, "empty object"},
		{HistoryFile, "", "history.jsonl"},
		{HistoryFile, "{}\n", "history.jsonl"},
		{"app-1.trace.jsonl", "{}\n", "app-1.trace.jsonl: read trace: line 1"},
	} {
		_, err := stored(t, func(files map[string]string) {
			if files[tt.file] = tt.content; tt.content == "" {
				delete(files, tt.file)
			}
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "recordings/01") {
			t.Errorf("%s %q: error %v, want one with %q", tt.file, tt.content, err, tt.want)
		}
	}
}
