package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"example.com/contend/internal/run"
)

// JSON writes run as one indented document, which docs/json.md documents. Empty
// lists and maps are written as [] and {} and never as null, so that a script can
// go through them without a test.
func JSON(w io.Writer, doc *run.Run) error {
	err := jsonv2.MarshalWrite(w, doc, jsonv1.DefaultOptionsV1(), jsonv2.FormatNilSliceAsNull(false), jsonv2.FormatNilMapAsNull(false),
		jsontext.EscapeForHTML(false), jsontext.WithIndent("  "))
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	return nil
}

// Decode reads the document that [JSON] writes. Name is the file's, for the
// error, which says whether it is no JSON, no run, a run of another schema, or has more than
// [run.Document] and [run.Run.Validate] allow. Fields that it does not know are ignored: a
// schema may gain some.
func Decode(r io.Reader, name string) (*run.Run, error) {
	data, err := run.Document.Read(r)
	if err != nil {
		return nil, fmt.Errorf("read run: %s: %w", name, err)
	}
	doc, err := decode(data)
	if err == nil {
		err = doc.Validate()
	}
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
	var offset int64
	if syntax, is := errors.AsType[*json.SyntaxError](err); is {
		offset = syntax.Offset
	} else if kind, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		offset = kind.Offset
	} else {
		return err
	}
	before := data[:min(max(offset, 0), int64(len(data)))]
	return fmt.Errorf("line %d: %w", 1+bytes.Count(before, []byte("\n")), err)
}
