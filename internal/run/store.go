package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"example.com/contend/history"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/units"
)

// Names of a recording's files within its directory.
const (
	RecordingFile = "recording.json"
	HistoryFile   = "history.jsonl"
	TraceFiles    = "*.trace.jsonl" // a pattern; in containers they are one directory deeper
)

// A Reader reads the stored recordings of one run, all of them together within [Document],
// [MaxOps] and [MaxTraces].
type Reader struct {
	fsys              fs.FS
	ops               int
	documents, traces int64 // bytes
}

// NewReader returns a Reader of the run whose directory is fsys.
func NewReader(fsys fs.FS) *Reader { return &Reader{fsys: fsys} }

// Recording reads the recording that is stored in dir, a path within the run, which becomes
// its Dir. The error names the file that is missing or cannot be read.
func (r *Reader) Recording(dir string) (*Recording, error) {
	rec := &Recording{Dir: dir}
	err := r.document(rec)
	if err == nil {
		err = r.history(rec)
	}
	if err == nil {
		rec.Attempts, err = loadTraces(r.fsys, dir, &r.traces)
	}
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	return rec, nil
}

func (r *Reader) document(rec *Recording) error {
	f, err := r.fsys.Open(path.Join(rec.Dir, RecordingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it has no %s: contend wrote none before schema 2", RecordingFile)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := Document.Read(f)
	if r.documents += int64(len(text)); err == nil && r.documents > Document.Bytes {
		err = fmt.Errorf("those of the run have more than %s bytes together, which is the most", units.Count(Document.Bytes))
	}
	if err == nil {
		err = json.Unmarshal(text, rec)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", RecordingFile, err)
	}
	return nil
}

func (r *Reader) history(rec *Recording) error {
	name := path.Join(rec.Dir, HistoryFile)
	f, err := r.fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	// In parts: one list that grows by a quarter again and again takes five times what it has.
	const most = 1 << 16
	var parts [][]history.Op
	var part []history.Op
	ops := history.NewReader(f, name)
	for op := range ops.Ops() {
		if r.ops++; r.ops > MaxOps {
			return fmt.Errorf("read %s: a run with more than %s operations is not judged anew", name, units.Count(MaxOps))
		}
		if len(part) == most {
			parts, part = append(parts, part), make([]history.Op, 0, most)
		}
		part = append(part, op)
	}
	rec.Ops = slices.Concat(append(parts, part)...)
	return ops.Err()
}

// LoadTraces reads what the nodes wrote of their attempts into dir, a path of fsys, in
// the order in which the attempts began. They may have [MaxTraces].
func LoadTraces(fsys fs.FS, dir string) ([]locktrace.Attempt, error) {
	var read int64
	return loadTraces(fsys, dir, &read)
}

// loadTraces adds the bytes that it reads to read, which may come to [MaxTraces].
func loadTraces(fsys fs.FS, dir string, read *int64) ([]locktrace.Attempt, error) {
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
			attempts, err := locktrace.Read(counted{f, read})
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

// counted is a trace of which every byte counts.
type counted struct {
	io.Reader
	read *int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if *c.read += int64(n); *c.read > MaxTraces {
		return 0, fmt.Errorf("the traces have more than %s bytes together, which is the most", units.Count(MaxTraces))
	}
	return n, err
}
