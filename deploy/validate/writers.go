package validate

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	antiPattern = "contend.example.com/anti-pattern" // label
	whatHappens = "contend.example.com/what-happens" // annotation
)

// checkWriters wants one writer for each database file, or to be told that
// several are meant, and what comes of it.
func checkWriters(s stack) []Problem {
	var found []Problem
	for _, w := range s.workloads {
		if !w.serves {
			continue
		}
		p := problems{where: nameOf(w)}
		reasons := severalWriters(s, w)
		marked := w.GetLabels()[antiPattern] == "true"
		if marked {
			p.unless(len(reasons) > 0, "is labelled as the anti-pattern and has one writer")
			p.unless(w.pod.Labels[antiPattern] == "true", "is labelled as the anti-pattern, and its pods are not")
			p.unless(w.GetAnnotations()[whatHappens] != "", "does not say what happens: annotation %s", whatHappens)
		}
		for _, reason := range reasons {
			p.unless(marked, "%s, and it is not labelled %s", reason, antiPattern)
		}
		found = append(found, p.found...)
	}
	return found
}

// severalWriters returns each reason why a workload's file may at some moment
// have more than one writer.
func severalWriters(s stack, w workload) []string {
	var reasons []string
	if w.replicas == nil || *w.replicas != 1 {
		reasons = append(reasons, "does not say that it has one replica")
	}
	if d, ok := w.object.(*appsv1.Deployment); ok && d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		reasons = append(reasons, "starts the new pod before the old one has ended: strategy is not Recreate")
	}
	for name, claim := range w.volumes(s) {
		if claim != nil && slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteMany) {
			reasons = append(reasons, fmt.Sprintf("volume %q is ReadWriteMany", name))
		}
	}
	return reasons
}
