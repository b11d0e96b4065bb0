package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"example.com/contend/history"
	"example.com/contend/internal/locktrace"
)

// Names of a recording's files within its directory.
const (
	RecordingFile = "recording.json"
	HistoryFile   = "history.jsonl"
	TraceFiles    = "*.trace.jsonl" // a pattern; in containers they are one directory deeper
)

// ReadRecording reads the recording that is stored in dir, a path of fsys, which becomes its
// Dir. The error names the file that is missing or cannot be read.
func ReadRecording(fsys fs.FS, dir string) (*Recording, error) {
	text, err := fs.ReadFile(fsys, path.Join(dir, RecordingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("recording %s has no %s: contend wrote none before schema 2", dir, RecordingFile)
	}
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	r := &Recording{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("recording %s: read %s: %w", dir, RecordingFile, err)
	}
	r.Dir = dir
	name := path.Join(dir, HistoryFile)
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	defer f.Close()
	ops := history.NewReader(f, name)
	r.Ops = slices.Collect(ops.Ops())
	if err := ops.Err(); err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	if r.Attempts, err = LoadTraces(fsys, dir); err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	return r, nil
}

// LoadTraces reads what the nodes wrote of their attempts into dir, a path of fsys, in
// the order in which the attempts began.
func LoadTraces(fsys fs.FS, dir string) ([]locktrace.Attempt, error) {
	var all []locktrace.Attempt
	for _, pattern := range []string{TraceFiles, "*/" + TraceFiles} {
		names, err := fs.Glob(fsys, path.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			f, err := fsys.Open(name)
			if err != nil {
				return nil, fmt.Errorf("read trace: %w", err)
			}
			attempts, err := locktrace.Read(f)
			f.Close() // it was only read
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, attempts...)
		}
	}
	slices.SortStableFunc(all, func(a, b locktrace.Attempt) int { return cmp.Compare(a.Began, b.Began) })
	return all, nil
}
