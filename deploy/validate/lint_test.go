package validate

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
)

// `contend lint` reads what kustomize makes of our own manifests: it finds the
// anti-pattern's faults, and none in what works.
func TestLint(t *testing.T) {
	for name, dirs := range stacks {
		t.Run(name, func(t *testing.T) {
			var stream []byte
			for _, dir := range dirs {
				built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(tree(t), "/"+dir)
				if err != nil {
					t.Fatal(err)
				}
				text, err := built.AsYaml()
				if err != nil {
					t.Fatal(err)
				}
				stream = append(append(stream, "---\n"...), text...)
			}
			cmd := exec.Command(contend, "lint", "--json", "--fail-on", "never", "-")
			cmd.Stdin = bytes.NewReader(stream)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Workloads int
				Findings  []struct{ Severity, Rule, At, Message string }
			}
			if err := json.Unmarshal(out, &doc); err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, f := range doc.Findings {
				if f.Severity == "error" {
					rules = append(rules, f.Rule)
				}
				t.Log(f)
			}
			var want []string
			if name == "anti-pattern" {
				want = []string{"network-filesystem", "replicas-one-file"}
			}
			if slices.Sort(rules); !slices.Equal(rules, want) || doc.Workloads < 2 {
				t.Errorf("errors %q, want %q, in %d workloads", rules, want, doc.Workloads)
			}
		})
	}
}
