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
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

func encoded(t testing.TB, doc *run.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	doc := sampleRun()
	doc.Experiments = doc.Experiments[1:]
	doc.Experiments[0].Arms = doc.Experiments[0].Arms[4:5]
	doc.Experiments[0].Question = `Is 1 < 2 && "so on"?`
	golden(t, "json", encoded(t, doc))
}

func TestJSONIsReadBack(t *testing.T) {
	for _, doc := range []*run.Run{sampleRun(), compareRun(), bareComparison()} {
		got, err := Decode(strings.NewReader(encoded(t, doc)), "run.json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(doc, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the run read differs from the one written (-want +got):\n%s", diff)
		}
	}
}

// Scripts go through lists without asking whether they are there.
func TestJSONHasNoNullList(t *testing.T) {
	doc := &run.Run{Schema: run.Schema, Experiments: []run.Result{
		{Name: "no arms", Charts: []run.Chart{
			{}, {Series: []run.Series{{Name: "s"}}, Lanes: []run.Lane{{Node: "n"}, {Attempts: []run.LaneAttempt{{}}}}},
		}},
		{Name: "one", Arms: []run.ArmResult{{Name: "bare"}, {Name: "found", Findings: []run.Finding{
			{Claim: "c"}, {Claim: "d", Witness: []check.Witness{{Anomaly: "a"}}},
		}}, {Name: "tried", Trials: []run.TrialResult{{Name: "t"}}}}},
	}, Comparison: &run.Comparison{
		Rungs:   []run.Rung{{}, {Figures: []run.Figures{{}}, Asked: &run.RateStep{}, Survives: []run.Survival{{}}}},
		Missing: []run.Missing{{}}, Advice: []run.Advice{{}},
	}}
	got := encoded(t, doc)
	for _, line := range strings.Split(got, "\n") {
		field, _, null := strings.Cut(strings.TrimSpace(line), ": null")
		if null && !slices.Contains([]string{`"final"`, `"lost"`, `"lost_max"`, `"locked_ms"`, `"asked"`, `"lines"`, `"cpu_ms_per_op"`, `"syncs_per_op"`, `"highest_rate_between"`, `"throughput_interval"`}, field) {
			t.Errorf("%s is null", field)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"empty", "", "decode run: x/run.json: line 1: unexpected end of JSON input"},
		{"cut short", "{\n\"schema\": 2,\n\"experiments\": [", "line 3: unexpected end of JSON input"},
		{"not JSON", "schema: 1\n", "line 1: invalid character"},
		{"a list", "[]", "line 1: json: cannot unmarshal array"},
		{"null", "null", "this is no run: want a schema number and experiments"},
		{"no schema", `{"experiments":[]}`, "this is no run"},
		{"no number", `{"schema":"1","experiments":[]}`, "this is no run"},
		{"no experiments", `{"schema":2}`, "this is no run"},
		{"experiments null", `{"schema":2,"experiments":null}`, "this is no run"},
		{"another schema", `{"schema":1,"experiments":[]}`, "this is a run of schema 1, of another version of contend; this one reads schema 2"},
		{"schema 0", `{"schema":0,"experiments":[]}`, "schema 0"},
		{"schema twice in letter case", `{"schema":2,"experiments":[],"SCHEMA":3}`, "schema 3"},
		{"a field of another kind", "{\"schema\":2,\n\"experiments\":[{\"arms\":[{\"lost\":\"many\"}]}]}", "line 2: json: cannot unmarshal string"},
		{"no verdict", `{"schema":2,"experiments":[{"arms":[{"findings":[{"verdict":"maybe"}]}]}]}`, `verdict "maybe" is none of`},
		{"two documents", `{"schema":2,"experiments":[]}{}`, "invalid character"},
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
	if _, err := Decode(strings.NewReader(`{"schema":2,"experiments":[],"weather":"fine"}`), "run.json"); err != nil {
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
	f.Add([]byte(`{"schema":2,"experiments":[{"arms":[{"name":"red/x","error":"e","findings":[{"claim":"c","witness":[{"ops":[]}]}]},{}]}]}`))
	f.Add([]byte(`{"schema":2,"experiments":[{"arms":[{"lost":3,"codes":null,"setup":{"load":{"rate_per_s":1e300}}},{"lost":1,"lost_max":-1}]}]}`))
	f.Add([]byte(`{"schema":2,"experiments":[{"arms":[{"trials":[{"name":"t","steps":[{"do":"commit","frames":2,"checkpointed":1}],
		"faults":[{"kind":"look"}],"figures":[{"count":2,"min":1,"median":2,"max":3}]},{}]}]}]}`))
	f.Add([]byte(`{"schema":2,"experiments":[{"charts":[
		{"kind":"lines","series":[{"name":"s","points":[{"x":1,"y":2,"low":1,"high":3},{"x":9}]}],"marks":[{"from":1,"to":2,"label":"m"}]},
		{"kind":"waits","series":[{"points":[{"x":0.1,"y":0.5},{"x":10,"y":1}]}]},{"kind":"bars","series":[{"points":[{"y":7,"label":"b"}]}]},
		{"kind":"lanes","lanes":[{"node":"n","attempts":[{"began_ms":1,"locked_ms":2,"ended_ms":3},{"code":"c"}]}]}]}]}`))
	f.Add([]byte(`{"schema":2,"experiments":[],"comparison":{"nodes":4,"rate_per_s":200,"rungs":[{"title":"red","figures":[
		{"workload":"counter","clients":10,"ok":3,"lost":1,"lost_max":2,"cpu_ms_per_op":0.5}],"rates":[{"rate_per_s":9,"errors":0.5}],
		"asked":{"errors":1e300},"survives":[{"mishap":"power loss","answer":"yes","says":"s","gap_s":1}],"lines":{"of":-1}},{}],
		"servers":[{"label":"p"}],"missing":[{"rungs":[""]}],"advice":[{"rests":["r"]}]}}`))
	f.Add([]byte(`{"schema":2}`))
	f.Add([]byte(`[{"schema":2`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Decode(bytes.NewReader(data), "run.json")
		if err != nil {
			if !strings.Contains(err.Error(), "run.json") {
				t.Errorf("%v does not name the file", err)
			}
			return
		}
		for _, o := range []Options{{Color: true, Width: 60}, {Color: true, Verbose: true, Japanese: true}} {
			if err := Terminal(io.Discard, doc, o); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(HTML(io.Discard, doc, false), Claims(io.Discard, doc)); err != nil {
			t.Error(err)
		}
		again := encoded(t, doc)
		if !json.Valid([]byte(again)) {
			t.Errorf("JSON wrote %s", again)
		}
		if _, err := Decode(strings.NewReader(again), "run.json"); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}
