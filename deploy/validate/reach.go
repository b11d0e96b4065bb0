package validate

import (
	"net/url"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// checkReach wants whoever is told to go to a URL (--on) to find a Service of
// that name there, and to be let in by the pods behind it.
func checkReach(s stack) []Problem {
	var found []Problem
	for _, w := range s.workloads {
		p := problems{where: nameOf(w)}
		for _, c := range w.containers() {
			for _, target := range flagValues(c.Args, "--on") {
				s.checkTarget(&p, w, target)
			}
		}
		found = append(found, p.found...)
	}
	return found
}

func (s stack) checkTarget(p *problems, from workload, target string) {
	u, err := url.Parse(target)
	if err != nil {
		p.add("--on: %v", err)
		return
	}
	service := s.service(u.Hostname())
	if service == nil {
		p.add("--on %s: no Service is called %q", target, u.Hostname())
		return
	}
	p.unless(slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
		return strconv.Itoa(int(port.Port)) == u.Port()
	}), "--on %s: that is no port of the Service", target)
	for _, to := range s.selected(service.Spec.Selector) {
		p.unless(s.admits(to, from), "--on %s: a NetworkPolicy keeps it out of %s", target, nameOf(to))
	}
}

// admits reports whether the policies let from connect to to. Where a pod is
// under policies, one of them has to admit.
func (s stack) admits(to, from workload) bool {
	restricted := false
	for _, policy := range s.policies {
		if applies, _ := matches(&policy.Spec.PodSelector, to.pod.Labels); !applies {
			continue
		}
		restricted = true
		for _, rule := range policy.Spec.Ingress {
			if slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool {
				ok, _ := matches(peer.PodSelector, from.pod.Labels)
				return ok
			}) && allowsPorts(rule, to) {
				return true
			}
		}
	}
	return !restricted
}

// allowsPorts reports whether every port of a rule is one of the workload's.
func allowsPorts(rule networkingv1.NetworkPolicyIngressRule, w workload) bool {
	for _, port := range rule.Ports {
		if port.Port == nil {
			continue
		}
		if _, ok := w.port(*port.Port); !ok {
			return false
		}
	}
	return true
}

// flagValues returns what follows each flag of that name.
func flagValues(args []string, name string) []string {
	var out []string
	for i := range args[:max(0, len(args)-1)] {
		if args[i] == name {
			out = append(out, args[i+1])
		}
	}
	return out
}
