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

	doc := &run.Run{Schema: run.Schema, Places: []string{"processes"}, Command: []string{"contend", "run"}, Seed: 7, Started: now, Experiments: []run.Result{}}
	for _, dir := range dirs {
		if err := Save(filepath.Join(root, dir), doc); err != nil {
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
