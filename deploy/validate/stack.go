package validate

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A stack is the objects of one namespace, and the problems found in them.
type stack struct {
	objects   []object
	workloads []workload
	services  []*corev1.Service
	claims    []*corev1.PersistentVolumeClaim
	policies  []*networkingv1.NetworkPolicy
	found     []Problem
}

// A workload is an object that makes pods.
type workload struct {
	object
	pod       corev1.PodTemplateSpec
	selector  *metav1.LabelSelector // nil for a Job and a Pod
	replicas  *int32
	templates []corev1.PersistentVolumeClaim
	serves    bool // runs until it gets a signal
}

func newStack(objects []object) *stack {
	s := &stack{objects: objects}
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			s.workloads = append(s.workloads, workload{object: o, pod: o.Spec.Template, selector: o.Spec.Selector, replicas: o.Spec.Replicas, serves: true})
		case *appsv1.StatefulSet:
			s.workloads = append(s.workloads, workload{
				object: o, pod: o.Spec.Template, selector: o.Spec.Selector, replicas: o.Spec.Replicas,
				templates: o.Spec.VolumeClaimTemplates, serves: true,
			})
		case *batchv1.Job:
			s.workloads = append(s.workloads, workload{object: o, pod: o.Spec.Template})
		case *corev1.Pod:
			s.workloads = append(s.workloads, workload{object: o, pod: corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}})
		case *corev1.Service:
			s.services = append(s.services, o)
		case *corev1.PersistentVolumeClaim:
			s.claims = append(s.claims, o)
		case *networkingv1.NetworkPolicy:
			s.policies = append(s.policies, o)
		}
	}
	return s
}

func nameOf(o object) string {
	return o.GetObjectKind().GroupVersionKind().Kind + "/" + o.GetName()
}

// at returns the place of object o.
func (s *stack) at(o object) place { return place{nameOf(o), &s.found} }

// selected returns the workloads whose pods a selector matches.
func (s *stack) selected(selector *metav1.LabelSelector) []workload {
	return slices.DeleteFunc(slices.Clone(s.workloads), func(w workload) bool { return !matches(selector, w) })
}

// behind returns the workloads whose pods a Service selects.
func (s *stack) behind(service *corev1.Service) []workload {
	return s.selected(&metav1.LabelSelector{MatchLabels: service.Spec.Selector})
}

// matches reports whether a selector selects the pods of w. An empty selector
// and one that is invalid select nothing here.
func matches(selector *metav1.LabelSelector, w workload) bool {
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && !compiled.Empty() && compiled.Matches(labels.Set(w.pod.Labels))
}

// service returns the Service of that name, or nil.
func (s *stack) service(name string) *corev1.Service {
	i := slices.IndexFunc(s.services, func(service *corev1.Service) bool { return service.Name == name })
	if i < 0 {
		return nil
	}
	return s.services[i]
}

// containers returns those of a workload, init containers first.
func (w workload) containers() []corev1.Container {
	return slices.Concat(w.pod.Spec.InitContainers, w.pod.Spec.Containers)
}

// port returns the number of a port that a container of the workload has.
func (w workload) port(port intstr.IntOrString) (int32, bool) {
	for _, c := range w.containers() {
		for _, p := range c.Ports {
			if p.Name == port.StrVal && p.Name != "" || p.ContainerPort == port.IntVal && port.Type == intstr.Int {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}

// volumes returns the claim behind each volume by the volume's name: nil where
// the volume has none, or the claim does not exist.
func (w workload) volumes(s *stack) map[string]*corev1.PersistentVolumeClaim {
	out := map[string]*corev1.PersistentVolumeClaim{}
	for _, v := range w.pod.Spec.Volumes {
		out[v.Name] = nil
		for _, claim := range s.claims {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.Name {
				out[v.Name] = claim
			}
		}
	}
	for i := range w.templates {
		out[w.templates[i].Name] = &w.templates[i]
	}
	return out
}
