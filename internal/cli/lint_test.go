//go:build !image

package cli

import (
	"slices"
	"testing"

	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/lint"
	"example.com/contend/internal/place"
	"example.com/contend/internal/run"
)

// Every rule names an experiment and arms that there are, in the place that they need.
func TestLintProofs(t *testing.T) {
	for _, rule := range lint.Rules {
		asked := run.Asked{Experiments: []string{rule.Proof.Experiment}, Arms: rule.Proof.Arms}
		chosen, err := catalogue.Choose(asked)
		if err != nil || len(chosen) != 1 || len(chosen[0].Arms) == 0 {
			t.Errorf("%s: %v", rule.ID, err)
			continue
		}
		if needs := rule.Proof.Experiment == "mounts"; needs != rule.Proof.Containers {
			t.Errorf("%s: mounts needs containers, %s does not", rule.ID, rule.Proof.Experiment)
		}
		if line := proofLine(rule.Proof); slices.Contains(line, place.Compose) != rule.Proof.Containers {
			t.Errorf("%s: %q", rule.ID, line)
		}
	}
}
