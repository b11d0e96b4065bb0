// Package archive keeps runs on disk: a directory each, named after the time
// and what was run, with run.json, the recordings and whatever is drawn from
// them. `latest` beside them points to the newest.
package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/report"
	"example.com/contend/internal/run"
)

// Names within the directory of runs and within a run.
const (
	Latest  = "latest"   // a symbolic link to the newest run
	RunFile = "run.json" // the run; package report decodes it

	ReportFile = "report.html" // the run, drawn to be looked at
)

// Create makes the directory root/<time>-<name> and returns its path. Where
// two runs begin in one second the later gets a number behind its name.
func Create(root, name string, now time.Time) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", fmt.Errorf("make run directory: %w", err)
	}
	base := filepath.Join(root, now.Format("20060102T150405")+"-"+name)
	dir := base
	for n := 2; ; n++ {
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make run directory: %w", err)
		}
		dir = base + "-" + strconv.Itoa(n)
	}
}

// Save writes run and its report into dir, each whole or not at all, and makes
// dir the latest.
func Save(dir string, doc *run.Run) error {
	if err := write(filepath.Join(dir, RunFile), func(w io.Writer) error { return report.JSON(w, doc) }); err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	if _, err := Draw(dir, doc); err != nil {
		return err
	}
	if err := replace(filepath.Join(filepath.Dir(dir), Latest), func(temporary string) error {
		return os.Symlink(filepath.Base(dir), temporary)
	}); err != nil {
		return fmt.Errorf("link latest run: %w", err)
	}
	return nil
}

// Draw writes the report of run into dir, in place of one that is there, and
// returns its path.
func Draw(dir string, doc *run.Run) (path string, err error) {
	path = filepath.Join(dir, ReportFile)
	if err := write(path, func(w io.Writer) error { return report.HTML(w, doc) }); err != nil {
		return "", fmt.Errorf("save report: %w", err)
	}
	return path, nil
}

// write makes a file at path that is there in whole or not at all.
func write(path string, content func(io.Writer) error) error {
	return replace(path, func(temporary string) error {
		f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return errors.Join(content(f), f.Sync(), f.Close())
	})
}

// replace makes something under a temporary name and renames it to path, so
// that nobody ever sees half of it.
func replace(path string, create func(temporary string) error) error {
	temporary := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	err := create(temporary)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

// Load reads the run at path: its directory, or its run.json.
func Load(path string) (*run.Run, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, RunFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load run: %w", err)
	}
	defer f.Close()
	return report.Decode(f, path)
}

// Recordings reads what the run in dir recorded. The error names the recording that
// lacks something, and what.
func Recordings(dir string) (experiment.Recordings, error) {
	files := os.DirFS(dir)
	entries, err := fs.ReadDir(files, "recordings")
	if err != nil {
		return nil, fmt.Errorf("read recordings: %w", err)
	}
	all := experiment.Recordings{}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		r, err := run.ReadRecording(files, "recordings/"+entry.Name())
		if err != nil {
			return nil, err
		}
		all[experiment.Take{Setup: r.Setup.Key(), Repeat: r.Repeat, Place: r.Place}] = r
	}
	return all, nil
}
