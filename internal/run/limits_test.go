package run

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/contend/history"
)

func TestARunIsBounded(t *testing.T) {
	long := strings.Repeat("n", MaxName+1)
	one := func(arm ArmResult) *Run { return &Run{Experiments: []Result{{Arms: []ArmResult{arm}}}} }
	rung := func(r ...Rung) *Run { return &Run{Comparison: &Comparison{Rungs: r}} }
	var figures []Measured
	var loads []Figures
	var pools []PoolStep
	for i := range MaxLoads + 1 {
		if i <= MaxFigures {
			figures = append(figures, Measured{Name: fmt.Sprint(i)})
			pools = append(pools, PoolStep{Pool: i})
		}
		loads = append(loads, Figures{Clients: i})
	}
	for _, c := range []struct {
		doc  *Run
		want string // "" where it is valid
	}{
		{&Run{}, ""},
		{one(ArmResult{Name: long[1:], Place: strings.Repeat("p", MaxPlace), Trials: []TrialResult{{Figures: figures[1:]}, {Figures: figures[1:]}}}), ""},
		{&Run{Experiments: make([]Result, MaxExperiments+1)}, "101 experiments, and 100 are the most"},
		{&Run{Experiments: []Result{{Arms: make([]ArmResult, 1500)}, {Arms: make([]ArmResult, 501)}}}, "2,001 arms"},
		{one(ArmResult{Trials: make([]TrialResult, MaxTrials+1)}), "20,001 trials"},
		{one(ArmResult{Trials: []TrialResult{{Steps: make([]StepResult, MaxSteps)}, {Steps: make([]StepResult, 1)}}}), "10,001 steps"},
		{one(ArmResult{Trials: []TrialResult{{Faults: make([]FaultResult, MaxSteps+1)}}}), "10,001 faults"},
		{one(ArmResult{Trials: []TrialResult{{Figures: figures}}}), "101 different figures"},
		{&Run{Experiments: []Result{{Name: long}}}, "257 bytes in a name, and 256 are the most"},
		{one(ArmResult{Name: long}), "257 bytes in a name"},
		{one(ArmResult{Place: strings.Repeat("p", MaxPlace+1)}), "8,193 bytes in the name of a place"},
		{one(ArmResult{Findings: []Finding{{Claim: long}}}), "257 bytes in a name"},
		{one(ArmResult{Trials: []TrialResult{{Name: long}}}), "257 bytes in a name"},
		{one(ArmResult{Trials: []TrialResult{{Figures: []Measured{{Unit: long}}}}}), "257 bytes in a name"},
		{rung(make([]Rung, MaxRungs+1)...), "101 rungs"},
		{rung(Rung{Title: long}), "257 bytes in a name"},
		{rung(Rung{Figures: []Figures{{Workload: long}}}), "257 bytes in a name"},
		{rung(Rung{Figures: loads}), "1,001 different loads"},
		{rung(Rung{Pools: pools}), "101 different pools"},
	} {
		if err := c.doc.Validate(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// All recordings of a run are bounded together.
func TestReadingARunIsBounded(t *testing.T) {
	read := func(change func(*Reader, map[string]string)) error {
		r := NewReader(nil)
		files := map[string]string{}
		for _, dir := range []string{"01", "02"} {
			files[dir+"/"+RecordingFile] = "{}" + strings.Repeat(" ", 98)
			files[dir+"/"+HistoryFile] = `{"op":"read","key":"k","outcome":"ok"}` + "\n"
			files[dir+"/app-1.trace.jsonl"] = `{"kind":"read","began":1}` + "\n"
		}
		change(r, files)
		disk := fstest.MapFS{}
		for name, content := range files {
			disk[name] = &fstest.MapFile{Data: []byte(content)}
		}
		r.fsys = disk
		if _, err := r.Recording("01"); err != nil {
			return fmt.Errorf("the first: %w", err)
		}
		_, err := r.Recording("02")
		return err
	}
	for want, change := range map[string]func(*Reader, map[string]string){
		"":                                func(*Reader, map[string]string) {},
		"those of the run have more than": func(r *Reader, _ map[string]string) { r.documents = Document.Bytes - 150 },
		"more than 5,000,000 operations":  func(r *Reader, _ map[string]string) { r.ops = history.MaxOps - 1 },
		"app-1.trace.jsonl: read trace: the trac": func(r *Reader, _ map[string]string) { r.traces = MaxTraces - 40 },
		"02/history.jsonl:1: line is longer than": func(_ *Reader, files map[string]string) { files["02/"+HistoryFile] = strings.Repeat("x", 2<<20) },
		"line 1: it is longer than 4096 bytes":    func(_ *Reader, files map[string]string) { files["02/app-1.trace.jsonl"] = strings.Repeat("x", 5000) },
	} {
		err := read(change)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "recording 02: ")) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// oneDir has the same two files in every directory.
type oneDir struct{ recording, trace []byte }

func (d oneDir) Open(name string) (fs.File, error) {
	return fstest.MapFS{
		"r/" + RecordingFile:    {Data: d.recording},
		"r/" + HistoryFile:      {},
		"r/app-1.trace.jsonl":   {Data: d.trace},
		"r/a/app-2.trace.jsonl": {Data: d.trace},
	}.Open(name)
}

// Whatever a recording says, reading it ends with a recording or an error that names it.
func FuzzRecording(f *testing.F) {
	text, err := everything().MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"setup":`+string(text)+`,"repeat":2,"place":"processes","started":"2026-05-04T03:02:01.000000007Z"}`), []byte(`{"kind":"write","began":20}`+"\n"))
	f.Add([]byte(`{"facts":{"integrity":"ok"},"cpu_ns":3,"steps":[{"session":"A","got":0}],"faults":[{"kind":"look","rows":4}]}`), []byte("\n"))
	f.Add([]byte(`{"setup":{"workload":{"mix":{"a":{"read":{}},"b":{"mix":{}}}},"fault":{"hold":{}},"load":{"seconds":1e300}}}`), []byte(`{"kind":`))
	f.Fuzz(func(t *testing.T, recording, trace []byte) {
		r, err := NewReader(oneDir{recording, trace}).Recording("r")
		if (err == nil) == (r == nil) || err != nil && !strings.HasPrefix(err.Error(), "recording r: ") {
			t.Fatalf("%v, %v", r, err)
		}
		if err != nil {
			return
		}
		r.Counts()
		r.Deficit()
		r.Setup.Key()
	})
}
