package lint

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

// What SARIF returns is SARIF by the schema of its authors, and has every finding.
func TestSARIF(t *testing.T) {
	r := Files([]Source{
		{"a b/compose.yaml", []byte("services: {app: {image: example/app, env_file: no.env, volumes: ['./a.db:/a.db', '.:/app'], environment: {DB: /app/x.sqlite}}}\n")},
		{"broken.yaml", []byte("a: [\n")},
	}, none)
	text, err := json.Marshal(SARIF(r, "1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	var doc sarif.Report
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if err := valid(text); err != nil {
		t.Error(err)
	}
	run := doc.Runs[0]
	if len(run.Results) != len(r.Findings) || len(run.Results) < 2 || len(run.Tool.Driver.Rules) != len(Rules) || *run.Invocations[0].ExecutionSuccessful || len(run.Invocations[0].ToolExecutionNotifications) != 2 {
		t.Errorf("%s", text)
	}
	for i, result := range run.Results {
		at := result.Locations[0].PhysicalLocation
		if *at.ArtifactLocation.URI != "a%20b/compose.yaml" || *at.Region.StartLine != r.Findings[i].Line {
			t.Errorf("result %d at %s:%d", i, *at.ArtifactLocation.URI, *at.Region.StartLine)
		}
		if level := result.Level; level != "error" && level != "note" {
			t.Errorf("level %s", level)
		}
	}
	// The positive control: a document that is none.
	if valid(bytes.Replace(text, []byte(`"level":"error"`), []byte(`"level":"fatal"`), 1)) == nil {
		t.Error("a wrong level is taken for a right one")
	}
}

// valid holds a document against the schema. The library writes values that may be left
// out, empty ones too, which the schema refuses: they get their defaults.
func valid(text []byte) error {
	doc, err := sarif.FromBytes(text)
	if err != nil {
		return err
	}
	for _, run := range doc.Runs {
		usual := sarif.NewRun()
		run.Language, run.NewlineSequences, run.Tool.Driver.Language = usual.Language, usual.NewlineSequences, usual.Language
	}
	return doc.Validate()
}
