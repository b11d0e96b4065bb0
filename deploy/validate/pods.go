package validate

import (
	"path"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// evaluator judges pods as the API server's admission does.
var evaluator = newEvaluator()

func newEvaluator() policy.Evaluator {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err) // the library's own list
	}
	return e
}

// checkPods wants every pod to have no right that it does not use, limits, and
// probes where it serves.
func checkPods(s stack) []Problem {
	var found []Problem
	for _, w := range s.workloads {
		p := problems{where: nameOf(w)}
		restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		for _, result := range evaluator.EvaluatePod(restricted, &w.pod.ObjectMeta, &w.pod.Spec) {
			p.unless(result.Allowed, "Pod Security: %s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
		context := w.pod.Spec.SecurityContext
		p.unless(context != nil && context.RunAsUser != nil && *context.RunAsUser != 0, "does not name the user that it runs as")
		p.unless(isFalse(w.pod.Spec.AutomountServiceAccountToken), "has a token of the API server, which it does not need")
		for _, c := range w.containers() {
			checkContainer(&p, w, c)
		}
		if job, ok := w.object.(*batchv1.Job); ok {
			checkJob(&p, job)
		}
		found = append(found, p.found...)
	}
	return found
}

func checkContainer(p *problems, w workload, c corev1.Container) {
	p.unless(c.Image != "", "container %s has no image", c.Name)
	p.unless(versioned(c.Image), "container %s: image %q says no version", c.Name, c.Image)
	p.unless(isTrue(securityOf(c).ReadOnlyRootFilesystem), "container %s can write to its root file system", c.Name)
	for _, resource := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceCPU} {
		limit, request := c.Resources.Limits[resource], c.Resources.Requests[resource]
		p.unless(limit.Sign() > 0, "container %s has no %s limit", c.Name, resource)
		p.unless(request.Sign() > 0 && request.Cmp(limit) <= 0, "container %s requests no %s, or more than its limit", c.Name, resource)
	}
	if w.serves {
		checkProbe(p, w, c.Name+" startup", c.StartupProbe)
		checkProbe(p, w, c.Name+" readiness", c.ReadinessProbe)
		checkProbe(p, w, c.Name+" liveness", c.LivenessProbe)
	}
}

// checkProbe wants GET /health on a port that exists, with more patience than
// the node has with its database: 2 s (probeWait in internal/node).
func checkProbe(p *problems, w workload, name string, probe *corev1.Probe) {
	if probe == nil || probe.HTTPGet == nil {
		p.add("%s probe: none over HTTP", name)
		return
	}
	p.unless(probe.HTTPGet.Path == "/health", "%s probe: asks %q, want /health", name, probe.HTTPGet.Path)
	_, ok := w.port(probe.HTTPGet.Port)
	p.unless(ok, "%s probe: port %s is no port of the pod", name, probe.HTTPGet.Port.String())
	p.unless(probe.TimeoutSeconds > 2, "%s probe: waits %d s, no longer than /health itself may take", name, probe.TimeoutSeconds)
}

// checkJob wants a run's answer to stand: a Job that tries again until it
// likes the answer hides the first one.
func checkJob(p *problems, job *batchv1.Job) {
	p.unless(job.Spec.BackoffLimit != nil && *job.Spec.BackoffLimit == 0, "tries again after a failure: backoffLimit is not 0")
	p.unless(job.Spec.Template.Spec.RestartPolicy == corev1.RestartPolicyNever, "restarts its container: restartPolicy is not Never")
}

// versioned reports whether an image has a tag other than latest, or a digest.
func versioned(image string) bool {
	_, tag, ok := strings.Cut(path.Base(image), ":") // a colon further left is a registry's port
	return ok && tag != "latest" || strings.Contains(image, "@")
}

func securityOf(c corev1.Container) corev1.SecurityContext {
	if c.SecurityContext == nil {
		return corev1.SecurityContext{}
	}
	return *c.SecurityContext
}

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }
