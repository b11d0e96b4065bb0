package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"example.com/contend/check"
	"example.com/contend/internal/run"
)

// JSON writes run as one indented document, the one that docs/json.md
// documents. Lists and maps that are empty are written as empty and never as
// null, so that a script can go through them without asking.
func JSON(w io.Writer, doc *run.Run) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(complete(doc)); err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	return nil
}

// complete returns a copy of run that has no nil list or map.
func complete(doc *run.Run) *run.Run {
	c := *doc
	c.Command, c.Places = listed(c.Command), listed(c.Places)
	c.Experiments = listed(c.Experiments)
	for i := range c.Experiments {
		x := &c.Experiments[i]
		x.Arms = listed(x.Arms)
		for j := range x.Arms {
			completeArm(&x.Arms[j])
		}
		x.Skipped = listed(x.Skipped)
		for j := range x.Skipped {
			x.Skipped[j].Arms = listed(x.Skipped[j].Arms)
		}
		x.Charts = listed(x.Charts)
		for j := range x.Charts {
			completeChart(&x.Charts[j])
		}
	}
	c.Comparison = completeComparison(c.Comparison)
	return &c
}

func completeComparison(c *run.Comparison) *run.Comparison {
	if c == nil {
		return nil
	}
	d := *c
	d.Rungs, d.Servers, d.Missing, d.Advice = listed(d.Rungs), listed(d.Servers), listed(d.Missing), listed(d.Advice)
	for i := range d.Rungs {
		r := &d.Rungs[i]
		r.Figures, r.Rates, r.Survives = listed(r.Figures), listed(r.Rates), listed(r.Survives)
	}
	for i := range d.Missing {
		d.Missing[i].Rungs = listed(d.Missing[i].Rungs)
	}
	for i := range d.Advice {
		d.Advice[i].Rests = listed(d.Advice[i].Rests)
	}
	return &d
}

func completeArm(arm *run.ArmResult) {
	completeTotals(&arm.Totals)
	arm.Trials = listed(arm.Trials)
	for i := range arm.Trials {
		t := &arm.Trials[i]
		completeTotals(&t.Totals)
		t.Figures, t.Steps, t.Faults = listed(t.Figures), listed(t.Steps), listed(t.Faults)
	}
	arm.Findings = listed(arm.Findings)
	for i := range arm.Findings {
		arm.Findings[i].Witness = completeWitness(arm.Findings[i].Witness)
	}
}

func completeTotals(t *run.Totals) {
	if t.Codes == nil {
		t.Codes = map[string]int{}
	}
	if t.Extended == nil {
		t.Extended = map[string]int{}
	}
	t.Recordings, t.Engines = listed(t.Recordings), listed(t.Engines)
}

func completeChart(c *run.Chart) {
	c.Series, c.Lanes, c.Marks = listed(c.Series), listed(c.Lanes), listed(c.Marks)
	for i := range c.Series {
		c.Series[i].Points = listed(c.Series[i].Points)
	}
	for i := range c.Lanes {
		lane := &c.Lanes[i]
		lane.Attempts, lane.Faults = listed(lane.Attempts), listed(lane.Faults)
	}
}

func completeWitness(all []check.Witness) []check.Witness {
	all = listed(all)
	for i := range all {
		all[i].Ops = listed(all[i].Ops)
	}
	return all
}

// listed returns a copy of s that is not nil.
func listed[T any](s []T) []T { return append([]T{}, s...) }

// Decode reads the document that [JSON] writes. Name is the file's, for the
// error, which says whether it is no JSON, no run, or a run of another schema.
// Fields that it does not know are ignored: a schema may gain some.
func Decode(r io.Reader, name string) (*run.Run, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read run: %s: %w", name, err)
	}
	doc, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode run: %s: %w", name, err)
	}
	return doc, nil
}

func decode(data []byte) (*run.Run, error) {
	var kind struct {
		Schema      json.RawMessage `json:"schema"`
		Experiments json.RawMessage `json:"experiments"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, placed(data, err)
	}
	var schema int
	switch err := json.Unmarshal(kind.Schema, &schema); {
	case err != nil || !bytes.HasPrefix(kind.Experiments, []byte("[")):
		return nil, errors.New("this is no run: want a schema number and experiments")
	case schema != run.Schema:
		return nil, fmt.Errorf("this is a run of schema %d, of another version of contend; this one reads schema %d", schema, run.Schema)
	}
	var doc run.Run
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, placed(data, err)
	}
	return &doc, nil
}

// placed adds the line to an error of package json that knows its place.
func placed(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	default:
		return err
	}
	before := data[:min(max(offset, 0), int64(len(data)))]
	return fmt.Errorf("line %d: %w", 1+bytes.Count(before, []byte("\n")), err)
}
