package validate

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// check returns what is wrong with a stack.
func check(s stack) []Problem {
	var found []Problem
	for _, one := range []func(stack) []Problem{
		checkNames, checkSelectors, checkServices, checkReach, checkVolumes, checkClaims, checkPods, checkWriters,
	} {
		found = append(found, one(s)...)
	}
	return found
}

// checkNames wants names and labels that the API server takes, each object
// once, and no namespace, so that it is the user's to choose.
func checkNames(s stack) []Problem {
	var found []Problem
	seen := map[string]bool{}
	for _, o := range s.objects {
		p := problems{where: nameOf(o)}
		const namespaced = false // true would want one to be set
		for _, err := range validation.ValidateObjectMetaAccessor(o, namespaced, validation.NameIsDNSLabel, field.NewPath("metadata")) {
			p.add("%v", err)
		}
		p.unless(!seen[p.where], "is there twice")
		seen[p.where] = true
		found = append(found, p.found...)
	}
	for _, w := range s.workloads {
		p := problems{where: nameOf(w)}
		for _, err := range metavalidation.ValidateLabels(w.pod.Labels, field.NewPath("template", "labels")) {
			p.add("%v", err)
		}
		found = append(found, p.found...)
	}
	return found
}

// checkSelectors wants every selector to select something.
func checkSelectors(s stack) []Problem {
	var found []Problem
	for _, w := range s.workloads {
		if !w.serves {
			continue
		}
		p := problems{where: nameOf(w)}
		ok, err := matches(w.selector, w.pod.Labels)
		p.unless(err == nil, "selector: %v", err)
		p.unless(ok, "the selector does not match the labels of its own pods")
		found = append(found, p.found...)
	}
	for _, service := range s.services {
		p := problems{where: nameOf(service)}
		p.unless(len(s.selected(service.Spec.Selector)) > 0, "the selector matches no pod")
		found = append(found, p.found...)
	}
	for _, policy := range s.policies {
		p := problems{where: nameOf(policy)}
		var covered bool
		for _, w := range s.workloads {
			ok, err := matches(&policy.Spec.PodSelector, w.pod.Labels)
			p.unless(err == nil, "podSelector: %v", err)
			covered = covered || ok
		}
		p.unless(covered, "the podSelector matches no pod")
		found = append(found, p.found...)
	}
	return found
}

// matches reports whether a selector that selects something has these labels.
func matches(selector *metav1.LabelSelector, have map[string]string) (bool, error) {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, err
	}
	return !compiled.Empty() && compiled.Matches(labels.Set(have)), nil
}

// checkServices wants the ports of Services to be ports of their pods, and a
// StatefulSet's Service to be there.
func checkServices(s stack) []Problem {
	var found []Problem
	for _, service := range s.services {
		p := problems{where: nameOf(service)}
		for _, port := range service.Spec.Ports {
			for _, w := range s.selected(service.Spec.Selector) {
				number, ok := w.port(port.TargetPort)
				p.unless(ok, "targetPort %s is no port of %s", port.TargetPort.String(), nameOf(w))
				if ok && service.Spec.ClusterIP == "None" {
					p.unless(number == port.Port, "is headless, so clients go to port %d, where %s does not listen: its port is %d", port.Port, nameOf(w), number)
				}
			}
		}
		found = append(found, p.found...)
	}
	for _, o := range s.objects {
		set, ok := o.(*appsv1.StatefulSet)
		if !ok {
			continue
		}
		p := problems{where: nameOf(set)}
		governing := s.service(set.Spec.ServiceName)
		p.unless(governing != nil && governing.Spec.ClusterIP == "None", "serviceName %q is no headless Service", set.Spec.ServiceName)
		found = append(found, p.found...)
	}
	return found
}
