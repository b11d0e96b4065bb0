package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
)

func encoded(t testing.TB, run *experiment.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	run := sampleRun()
	run.Experiments = run.Experiments[1:]
	run.Experiments[0].Arms = run.Experiments[0].Arms[4:5]
	run.Experiments[0].Question = `Is 1 < 2 && "so on"?`
	golden(t, "json", encoded(t, run))
}

func TestJSONIsReadBack(t *testing.T) {
	for _, run := range []*experiment.Run{sampleRun(), compareRun(), bareComparison()} {
		got, err := Decode(strings.NewReader(encoded(t, run)), "run.json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(complete(run), got); diff != "" {
			t.Errorf("the run read differs from the one written (-want +got):\n%s", diff)
		}
	}
}

// Scripts go through lists without asking whether they are there.
func TestJSONHasNoNullList(t *testing.T) {
	run := &experiment.Run{Schema: experiment.Schema, Experiments: []experiment.Result{
		{Name: "no arms", Charts: []experiment.Chart{
			{}, {Series: []experiment.Series{{Name: "s"}}, Lanes: []experiment.Lane{{Node: "n"}, {Attempts: []experiment.LaneAttempt{{}}}}},
		}},
		{Name: "one", Arms: []experiment.ArmResult{{Name: "bare"}, {Name: "found", Findings: []experiment.Finding{
			{Claim: "c"}, {Claim: "d", Witness: []check.Witness{{Anomaly: "a"}}},
		}}, {Name: "tried", Trials: []experiment.TrialResult{{Name: "t"}}}}},
	}, Comparison: &experiment.Comparison{
		Rungs:   []experiment.Rung{{}, {Figures: []experiment.Figures{{}}, Asked: &experiment.RateStep{}, Survives: []experiment.Survival{{}}}},
		Missing: []experiment.Missing{{}}, Advice: []experiment.Advice{{}},
	}}
	got := encoded(t, run)
	for _, line := range strings.Split(got, "\n") {
		field, _, null := strings.Cut(strings.TrimSpace(line), ": null")
		if null && !slices.Contains([]string{`"final"`, `"lost"`, `"lost_max"`, `"locked_ms"`, `"asked"`, `"lines"`, `"cpu_ms_per_op"`}, field) {
			t.Errorf("%s is null", field)
		}
	}
	if run.Command != nil || run.Experiments[0].Arms != nil || run.Experiments[1].Arms[1].Findings[1].Witness[0].Ops != nil ||
		run.Experiments[0].Charts[1].Series[0].Points != nil || run.Experiments[1].Arms[2].Trials[0].Codes != nil ||
		run.Comparison.Servers != nil || run.Comparison.Rungs[0].Figures != nil || run.Comparison.Advice[0].Rests != nil {
		t.Error("JSON changed the run that it was given")
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"empty", "", "decode run: x/run.json: line 1: unexpected end of JSON input"},
		{"cut short", "{\n\"schema\": 1,\n\"experiments\": [", "line 3: unexpected end of JSON input"},
		{"not JSON", "schema: 1\n", "line 1: invalid character"},
		{"a list", "[]", "line 1: json: cannot unmarshal array"},
		{"null", "null", "this is no run: want a schema number and experiments"},
		{"no schema", `{"experiments":[]}`, "this is no run"},
		{"no number", `{"schema":"1","experiments":[]}`, "this is no run"},
		{"no experiments", `{"schema":1}`, "this is no run"},
		{"experiments null", `{"schema":1,"experiments":null}`, "this is no run"},
		{"another schema", `{"schema":2,"experiments":[]}`, "this is a run of schema 2; this contend reads schema 1"},
		{"schema 0", `{"schema":0,"experiments":[]}`, "schema 0"},
		{"schema twice in letter case", `{"schema":1,"experiments":[],"SCHEMA":3}`, "schema 3"},
		{"a field of another kind", "{\"schema\":1,\n\"experiments\":[{\"arms\":[{\"lost\":\"many\"}]}]}", "line 2: json: cannot unmarshal string"},
		{"no verdict", `{"schema":1,"experiments":[{"arms":[{"findings":[{"verdict":"maybe"}]}]}]}`, `verdict "maybe" is none of`},
		{"two documents", `{"schema":1,"experiments":[]}{}`, "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(tt.data), "x/run.json")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "x/run.json") {
				t.Errorf("Decode = %v, want an error with %q that names the file", err, tt.want)
			}
		})
	}
}

func TestDecodeIgnoresFieldsItDoesNotKnow(t *testing.T) {
	if _, err := Decode(strings.NewReader(`{"schema":1,"experiments":[],"weather":"fine"}`), "run.json"); err != nil {
		t.Error(err)
	}
}

func TestDecodeReadError(t *testing.T) {
	_, err := Decode(io.MultiReader(strings.NewReader("{"), failing{}), "run.json")
	if err == nil || err.Error() != "read run: run.json: broken pipe" {
		t.Errorf("Decode = %v, want the reader's error and the file's name", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// FuzzDecode feeds it damaged runs. What it takes can be drawn, written and read again.
func FuzzDecode(f *testing.F) {
	small := sampleRun() // mutating a large seed finds little
	for i := range small.Experiments {
		small.Experiments[i].Arms = small.Experiments[i].Arms[4:6]
	}
	f.Add([]byte(encoded(f, small)))
	f.Add([]byte(`{"schema":1,"experiments":[{"arms":[{"name":"red/x","error":"e","findings":[{"claim":"c","witness":[{"ops":[]}]}]},{}]}]}`))
	f.Add([]byte(`{"schema":1,"experiments":[{"arms":[{"lost":3,"codes":null,"load":{"rate_per_s":1e300}},{"lost":1,"lost_max":-1}]}]}`))
	f.Add([]byte(`{"schema":1,"experiments":[{"arms":[{"trials":[{"name":"t","steps":[{"do":"commit","frames":2,"checkpointed":1}],
		"faults":[{"kind":"look"}],"figures":[{"count":2,"min":1,"median":2,"max":3}]},{}]}]}]}`))
	f.Add([]byte(`{"schema":1,"experiments":[{"charts":[
		{"kind":"lines","series":[{"name":"s","points":[{"x":1,"y":2,"low":1,"high":3},{"x":9}]}],"marks":[{"from":1,"to":2,"label":"m"}]},
		{"kind":"waits","series":[{"points":[{"x":0.1,"y":0.5},{"x":10,"y":1}]}]},{"kind":"bars","series":[{"points":[{"y":7,"label":"b"}]}]},
		{"kind":"lanes","lanes":[{"node":"n","attempts":[{"began_ms":1,"locked_ms":2,"ended_ms":3},{"code":"c"}]}]}]}]}`))
	f.Add([]byte(`{"schema":1,"experiments":[],"comparison":{"nodes":4,"rate_per_s":200,"rungs":[{"title":"red","figures":[
		{"workload":"counter","clients":10,"ok":3,"lost":1,"lost_max":2,"cpu_ms_per_op":0.5}],"rates":[{"rate_per_s":9,"errors":0.5}],
		"asked":{"errors":1e300},"survives":[{"mishap":"power loss","answer":"yes","says":"s","gap_s":1}],"lines":{"of":-1}},{}],
		"servers":[{"label":"p"}],"missing":[{"rungs":[""]}],"advice":[{"rests":["r"]}]}}`))
	f.Add([]byte(`{"schema":2}`))
	f.Add([]byte(`[{"schema":1`))
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := Decode(bytes.NewReader(data), "run.json")
		if err != nil {
			if !strings.Contains(err.Error(), "run.json") {
				t.Errorf("%v does not name the file", err)
			}
			return
		}
		if err := Terminal(io.Discard, run, Options{Color: true}); err != nil {
			t.Error(err)
		}
		if err := errors.Join(HTML(io.Discard, run), Claims(io.Discard, run)); err != nil {
			t.Error(err)
		}
		again := encoded(t, run)
		if !json.Valid([]byte(again)) {
			t.Errorf("JSON wrote %s", again)
		}
		if _, err := Decode(strings.NewReader(again), "run.json"); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}
