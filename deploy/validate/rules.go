package validate

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// check applies every rule and returns the problems of the stack.
func (s *stack) check() []Problem {
	s.checkNames()
	for _, w := range s.workloads {
		p := s.at(w)
		s.checkPod(p, w)
		s.checkVolumes(p, w)
		s.checkTargets(p, w)
		if w.serves {
			p.unless(matches(w.selector, w), "the selector does not match the labels of its own pods")
			s.checkWriters(p, w)
		}
	}
	s.checkServices()
	for _, policy := range s.policies {
		s.at(policy).unless(len(s.selected(&policy.Spec.PodSelector)) > 0, "the podSelector matches no pod")
	}
	s.checkClaims()
	return s.found
}

// checkNames requires names and labels that the API server takes, each object
// once, and no namespace, which is the user's choice.
func (s *stack) checkNames() {
	seen := map[string]bool{}
	for _, o := range s.objects {
		p := s.at(o)
		const namespaced = false // true would require a namespace
		for _, err := range validation.ValidateObjectMetaAccessor(o, namespaced, validation.NameIsDNSLabel, field.NewPath("metadata")) {
			p.unless(false, "%v", err)
		}
		p.unless(!seen[p.where], "is there twice")
		seen[p.where] = true
	}
}

// checkServices requires a Service to select pods that have its ports, and a
// StatefulSet to have a headless Service.
func (s *stack) checkServices() {
	for _, service := range s.services {
		p := s.at(service)
		behind := s.behind(service)
		p.unless(len(behind) > 0, "the selector matches no pod")
		for _, port := range service.Spec.Ports {
			for _, w := range behind {
				number, ok := w.port(port.TargetPort)
				p.unless(ok, "targetPort %s is no port of %s", port.TargetPort.String(), nameOf(w))
				if ok && service.Spec.ClusterIP == "None" {
					p.unless(number == port.Port, "is headless, so clients go to port %d, where %s does not listen: its port is %d", port.Port, nameOf(w), number)
				}
			}
		}
	}
	for _, o := range s.objects {
		if set, ok := o.(*appsv1.StatefulSet); ok {
			governing := s.service(set.Spec.ServiceName)
			s.at(set).unless(governing != nil && governing.Spec.ClusterIP == "None", "serviceName %q is no headless Service", set.Spec.ServiceName)
		}
	}
}

// checkTargets requires a Service for every URL that a container gets with
// --on, and policies that let the container in.
func (s *stack) checkTargets(p place, from workload) {
	for _, c := range from.containers() {
		for _, target := range flagValues(c.Args, "--on") {
			u, err := url.Parse(target)
			if err != nil {
				p.unless(false, "--on: %v", err)
				continue
			}
			service := s.service(u.Hostname())
			if service == nil {
				p.unless(false, "--on %s: no Service is called %q", target, u.Hostname())
				continue
			}
			p.unless(slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
				return strconv.Itoa(int(port.Port)) == u.Port()
			}), "--on %s: that is no port of the Service", target)
			for _, to := range s.behind(service) {
				p.unless(s.admits(to, from), "--on %s: a NetworkPolicy keeps it out of %s", target, nameOf(to))
			}
		}
	}
}

// admits reports whether the policies let from connect to every port of to that
// they name. A pod that no policy selects admits everybody.
func (s *stack) admits(to, from workload) bool {
	restricted := false
	for _, policy := range s.policies {
		if !matches(&policy.Spec.PodSelector, to) {
			continue
		}
		restricted = true
		for _, rule := range policy.Spec.Ingress {
			peer := slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool { return matches(peer.PodSelector, from) })
			wrongPort := slices.ContainsFunc(rule.Ports, func(port networkingv1.NetworkPolicyPort) bool {
				if port.Port == nil {
					return false
				}
				_, ok := to.port(*port.Port)
				return !ok
			})
			if peer && !wrongPort {
				return true
			}
		}
	}
	return !restricted
}

// flagValues returns the argument after each flag of that name.
func flagValues(args []string, name string) []string {
	var out []string
	for i := range args[:max(0, len(args)-1)] {
		if args[i] == name {
			out = append(out, args[i+1])
		}
	}
	return out
}

// checkVolumes requires for every mount a volume, for every volume a claim
// and a mount, and for every path that a container writes a volume that it may write.
func (s *stack) checkVolumes(p place, w workload) {
	volumes := w.volumes(s)
	mounted := map[string]bool{}
	for _, c := range w.containers() {
		for _, m := range c.VolumeMounts {
			_, ok := volumes[m.Name]
			p.unless(ok, "container %s mounts %q, which is no volume", c.Name, m.Name)
			p.unless(m.SubPath == "", "container %s mounts a part of %q: SQLite's -wal and -shm would lie outside", c.Name, m.Name)
			mounted[m.Name] = true
		}
		written := slices.Concat(flagValues(c.Args, "--db"), flagValues(c.Args, "--dir"))
		for _, variable := range c.Env {
			if variable.Name == "DB_PATH" {
				written = append(written, variable.Value)
			}
		}
		for _, file := range written {
			p.unless(slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
				return !m.ReadOnly && strings.HasPrefix(path.Clean(file)+"/", path.Clean(m.MountPath)+"/")
			}), "container %s writes %s, which is on no volume that it may write", c.Name, file)
		}
	}
	for name := range volumes {
		p.unless(mounted[name], "volume %q is mounted nowhere", name)
	}
	for _, v := range w.pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			p.unless(volumes[v.Name] != nil, "volume %q wants claim %q, which nobody makes", v.Name, v.PersistentVolumeClaim.ClaimName)
		}
	}
}

// checkClaims requires every claim to be used, to have one access mode that can
// write, and to request storage.
func (s *stack) checkClaims() {
	claim := func(p place, spec corev1.PersistentVolumeClaimSpec) {
		p.unless(len(spec.AccessModes) == 1, "has %d access modes, want one", len(spec.AccessModes))
		for _, mode := range spec.AccessModes {
			p.unless(mode == corev1.ReadWriteOnce || mode == corev1.ReadWriteOncePod || mode == corev1.ReadWriteMany, "access mode %q does not exist or cannot be written", mode)
		}
		p.unless(spec.Resources.Requests.Storage().Sign() > 0, "asks for no storage")
	}
	used := map[string]bool{}
	for _, w := range s.workloads {
		for _, c := range w.volumes(s) {
			if c != nil {
				used[c.Name] = true
			}
		}
		for _, template := range w.templates {
			claim(place{nameOf(w) + ", claim " + template.Name, &s.found}, template.Spec)
		}
	}
	for _, c := range s.claims {
		s.at(c).unless(used[c.Name], "nobody uses it")
		claim(s.at(c), c.Spec)
	}
}

// evaluator judges pods as the API server's admission does.
var evaluator = func() policy.Evaluator {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err) // the library's own list
	}
	return e
}()

// checkPod requires valid labels, no right that the pod does not use, limits,
// probes where it serves, and the first answer of a Job to stand.
func (s *stack) checkPod(p place, w workload) {
	for _, err := range metavalidation.ValidateLabels(w.pod.Labels, field.NewPath("template", "labels")) {
		p.unless(false, "%v", err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &w.pod.ObjectMeta, &w.pod.Spec) {
		p.unless(result.Allowed, "Pod Security: %s: %s", result.ForbiddenReason, result.ForbiddenDetail)
	}
	context := w.pod.Spec.SecurityContext
	p.unless(context != nil && context.RunAsUser != nil && *context.RunAsUser != 0, "does not name the user that it runs as")
	token := w.pod.Spec.AutomountServiceAccountToken
	p.unless(token != nil && !*token, "has a token of the API server, which it does not need")
	for _, c := range w.containers() {
		checkContainer(p, w, c)
	}
	if job, ok := w.object.(*batchv1.Job); ok {
		// A Job that tries again hides the first answer.
		p.unless(job.Spec.BackoffLimit != nil && *job.Spec.BackoffLimit == 0, "tries again after a failure: backoffLimit is not 0")
		p.unless(job.Spec.Template.Spec.RestartPolicy == corev1.RestartPolicyNever, "restarts its container: restartPolicy is not Never")
	}
}

func checkContainer(p place, w workload, c corev1.Container) {
	p.unless(c.Image != "", "container %s has no image", c.Name)
	_, tag, tagged := strings.Cut(path.Base(c.Image), ":") // a colon further left is a registry's port
	p.unless(tagged && tag != "latest" || strings.Contains(c.Image, "@"), "container %s: image %q says no version", c.Name, c.Image)
	readOnly := c.SecurityContext != nil && c.SecurityContext.ReadOnlyRootFilesystem != nil && *c.SecurityContext.ReadOnlyRootFilesystem
	p.unless(readOnly, "container %s can write to its root file system", c.Name)
	for _, resource := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceCPU} {
		limit, request := c.Resources.Limits[resource], c.Resources.Requests[resource]
		p.unless(limit.Sign() > 0, "container %s has no %s limit", c.Name, resource)
		p.unless(request.Sign() > 0 && request.Cmp(limit) <= 0, "container %s requests no %s, or more than its limit", c.Name, resource)
	}
	if !w.serves {
		return
	}
	for name, probe := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		if probe == nil || probe.HTTPGet == nil {
			p.unless(false, "%s %s probe: none over HTTP", c.Name, name)
			continue
		}
		p.unless(probe.HTTPGet.Path == "/health", "%s %s probe: asks %q, want /health", c.Name, name, probe.HTTPGet.Path)
		_, ok := w.port(probe.HTTPGet.Port)
		p.unless(ok, "%s %s probe: port %s is no port of the pod", c.Name, name, probe.HTTPGet.Port.String())
		// A node waits 2 s for its database: probeWait in internal/node.
		p.unless(probe.TimeoutSeconds > 2, "%s %s probe: waits %d s, no longer than /health itself may take", c.Name, name, probe.TimeoutSeconds)
	}
}

const (
	antiPattern = "contend.example.com/anti-pattern" // label
	whatHappens = "contend.example.com/what-happens" // annotation
)

// checkWriters requires one writer for each database file, or the label of the
// anti-pattern and an annotation that says what happens.
func (s *stack) checkWriters(p place, w workload) {
	marked := w.GetLabels()[antiPattern] == "true"
	several := false
	one := func(ok bool, format string, args ...any) {
		several = several || !ok
		p.unless(ok || marked, format+", and it is not labelled "+antiPattern, args...)
	}
	one(w.replicas != nil && *w.replicas == 1, "does not say that it has one replica")
	if d, ok := w.object.(*appsv1.Deployment); ok {
		one(d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType, "starts the new pod before the old one has ended: strategy is not Recreate")
	}
	for name, claim := range w.volumes(s) {
		one(claim == nil || !slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteMany), "volume %q is ReadWriteMany", name)
	}
	if marked {
		p.unless(several, "is labelled as the anti-pattern and has one writer")
		p.unless(w.pod.Labels[antiPattern] == "true", "is labelled as the anti-pattern, and its pods are not")
		p.unless(w.GetAnnotations()[whatHappens] != "", "does not say what happens: annotation %s", whatHappens)
	}
}
