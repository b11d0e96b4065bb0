package archive

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/run"
)

func TestSaveAndLoad(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	now := time.Date(2026, 11, 22, 19, 42, 0, 0, time.UTC)
	var dirs []string
	for range 2 {
		dir, err := Create(root, "busy", now)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, filepath.Base(dir))
	}
	if want := []string{"20261122T194200-busy", "20261122T194200-busy-2"}; !cmp.Equal(dirs, want) {
		t.Errorf("directories = %q, want %q", dirs, want)
	}

	doc := &run.Run{Schema: run.Schema, Places: []string{"processes"}, Command: []string{"contend", "run"}, Seed: 7, Started: now, Experiments: []run.Result{}, Summary: run.Summary{Sentences: []run.Sentence{}}}
	for _, dir := range dirs {
		if err := Save(filepath.Join(root, dir), doc, false); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(filepath.Join(root, Latest))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(doc, got); diff != "" {
		t.Errorf("loaded run (-saved +loaded):\n%s", diff)
	}
	if target, _ := os.Readlink(filepath.Join(root, Latest)); target != dirs[1] {
		t.Errorf("latest -> %q, want %q", target, dirs[1])
	}
	if left, _ := filepath.Glob(filepath.Join(root, "*", "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// Another user may pass a run for a while, and the directory around it only where that is
// contend's.
func TestLetThrough(t *testing.T) {
	mode := func(path string) os.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	for _, c := range []struct {
		beside string // in the directory around the run
		around os.FileMode
	}{{"20261122T194200-busy", 0o711}, {"letters", 0o700}} {
		root := filepath.Join(t.TempDir(), "runs")
		dir, err := Create(root, "compare", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(root, c.beside), 0o755); err != nil {
			t.Fatal(err)
		}
		if mode(root) != 0o700 || mode(dir) != 0o700 {
			t.Errorf("made with modes %v and %v", mode(root), mode(dir))
		}
		back := LetThrough(dir)
		if mode(dir) != 0o711 || mode(root) != c.around {
			t.Errorf("beside %s: modes %v and %v, want 0711 and %v", c.beside, mode(dir), mode(root), c.around)
		}
		back()
		if mode(root) != 0o700 || mode(dir) != 0o700 {
			t.Errorf("afterwards modes %v and %v", mode(root), mode(dir))
		}
	}
}
