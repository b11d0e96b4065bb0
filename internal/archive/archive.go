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
	"regexp"
	"slices"
	"strconv"
	"time"

	"example.com/contend/internal/cluster"
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
// two runs begin in one second the later gets a number behind its name. Only its owner may
// enter it. A disk without [cluster.SpaceToRecord] is an error, and nothing is made on it but root.
func Create(root, name string, now time.Time) (string, error) {
	err := os.MkdirAll(root, private)
	if err == nil {
		err = cluster.CheckSpace(root, cluster.SpaceToRecord)
	}
	if err != nil {
		return "", fmt.Errorf("make run directory: %w", err)
	}
	base := filepath.Join(root, now.Format("20060102T150405")+"-"+name)
	dir := base
	for n := 2; ; n++ {
		err := os.Mkdir(dir, private)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make run directory: %w", err)
		}
		dir = base + "-" + strconv.Itoa(n)
	}
}

// LetThrough lets other users through dir, a directory of [Create], for as long as a server of
// theirs has its data in there. They may enter it and not look into it. The same holds for the
// directory around it where that has nothing but runs in it. What LetThrough returns takes it back.
func LetThrough(dir string) (back func()) {
	back = func() {}
	open := []string{dir}
	if root := filepath.Dir(dir); onlyRuns(root) {
		open = append(open, root)
	}
	for _, path := range open {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != private || os.Chmod(path, private|0o011) != nil {
			continue // then they may not come through, and whoever needs it sees that
		}
		before := back
		back = func() { before(); _ = os.Chmod(path, private) }
	}
	return back
}

// private is the mode of a run's directory: its logs and its errors may hold secrets.
const private = 0o700

// runName is what [Create] calls a run.
var runName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}-`)

func onlyRuns(root string) bool {
	entries, err := os.ReadDir(root)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() != Latest && !(e.IsDir() && runName.MatchString(e.Name()))
	})
}

// Save writes run and its report into dir, each whole or not at all, and makes
// dir the latest. With evidence the report has nothing folded up.
func Save(dir string, doc *run.Run, evidence bool) error {
	if err := write(filepath.Join(dir, RunFile), func(w io.Writer) error { return report.JSON(w, doc) }); err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	if _, err := Draw(dir, doc, evidence); err != nil {
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
// returns its path. With evidence it has nothing folded up.
func Draw(dir string, doc *run.Run, evidence bool) (path string, err error) {
	path = filepath.Join(dir, ReportFile)
	if err := write(path, func(w io.Writer) error { return report.HTML(w, doc, evidence) }); err != nil {
		return "", fmt.Errorf("save report: %w", err)
	}
	return path, nil
}

// write makes a file at path that is there in whole or not at all.
func write(path string, content func(io.Writer) error) error {
	return replace(path, func(temporary string) error {
		f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
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
	all, stored := experiment.Recordings{}, run.NewReader(files)
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		r, err := stored.Recording("recordings/" + entry.Name())
		if err != nil {
			return nil, err
		}
		all[experiment.Take{Setup: r.Setup.Key(), Repeat: r.Repeat, Place: r.Place}] = r
	}
	return all, nil
}
