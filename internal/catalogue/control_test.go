package catalogue

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"example.com/contend/check"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A tampered cluster does something to its database once its nodes have
// stopped, just before it is read for the last time.
type tampered struct {
	*local.Cluster
	path    string
	tamper  func(path string) error
	stopped bool
}

func (c *tampered) Stop(ctx context.Context) error {
	c.stopped = true
	return c.Cluster.Stop(ctx)
}

func (c *tampered) Inspect(ctx context.Context) (store.Facts, error) {
	if c.stopped {
		// Inspect recovers what the last crash has left, so that there is a
		// database at rest to tamper with.
		if facts, err := c.Cluster.Inspect(ctx); err != nil {
			return facts, err
		}
		if err := c.tamper(c.path); err != nil {
			return store.Facts{}, err
		}
	}
	return c.Cluster.Inspect(ctx)
}

// statement runs one statement on the database at path.
func statement(text string) func(path string) error {
	return func(path string) error {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.Exec(text)
		return err
	}
}

// scribble overwrites the middle of the file, which no process has open.
func scribble(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(i * 7)
	}
	_, err = f.WriteAt(noise, info.Size()/2/4096*4096)
	return err
}

// The crash experiment says that nothing is lost, damaged or half done. So let
// something be, in a recording with real nodes and real crashes: it must see it.
func TestCrashSeesWhatIsWrong(t *testing.T) {
	const holds, refuted = check.Holds, check.Refuted
	for _, tt := range []struct {
		name   string
		tamper func(path string) error
		want   map[string]check.Verdict
	}{
		{"nothing", statement("SELECT 1"),
			map[string]check.Verdict{"ok-before": holds, "damaged-after": refuted, "writes-lost": refuted, "data-safe": holds, "all-or-nothing": holds}},
		{"an acknowledged row is gone", statement("DELETE FROM data WHERE id = (SELECT min(id) FROM data)"),
			map[string]check.Verdict{"ok-before": holds, "damaged-after": refuted, "writes-lost": holds, "data-safe": refuted, "all-or-nothing": holds}},
		{"a row of a transaction that was cut off", statement("INSERT INTO data (content) VALUES ('never committed')"),
			map[string]check.Verdict{"damaged-after": refuted, "writes-lost": refuted, "data-safe": refuted, "all-or-nothing": refuted}},
		{"a page is overwritten", scribble, // which one decides whether rows are missing
			map[string]check.Verdict{"ok-before": holds, "damaged-after": holds, "data-safe": refuted}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := verdictsOf(t, crash(Options{Quick: true}), "DELETE/OFF", tt.tamper)
			for id, want := range tt.want {
				if f := found[id]; f.Verdict != want {
					t.Errorf("%s is %s because %q, want %s", id, f.Verdict, f.Reason, want)
				}
			}
		})
	}
}

// verdictsOf runs one arm of x on a cluster whose database is tampered with,
// and returns what was found, by claim.
func verdictsOf(t *testing.T, x experiment.Experiment, arm string, tamper func(path string) error) map[string]run.Finding {
	t.Helper()
	for i := range x.Arms {
		if x.Arms[i].Name == arm {
			x.Arms = x.Arms[i : i+1]
			break
		}
	}
	engine := record.Engine{
		Dir: t.TempDir(), Seed: 1,
		Places: []record.Place{{Name: run.Processes, Start: func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
			spec.Binary = binary
			c, err := local.Start(ctx, spec)
			if err != nil {
				return nil, err
			}
			return &tampered{Cluster: c, path: filepath.Join(spec.Dir, cluster.Database), tamper: tamper}, nil
		}}},
	}
	results, err := engine.Run(t.Context(), []experiment.Experiment{x})
	if err != nil || len(results) != 1 || results[0].Arms[0].Error != "" {
		t.Fatalf("%+v, %v", results, err)
	}
	found := map[string]run.Finding{}
	for _, f := range results[0].Arms[0].Findings {
		found[f.Claim] = f
	}
	return found
}
