package validate

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// stack is what stands in one namespace.
type stack struct {
	objects   []object
	workloads []workload
	services  []*corev1.Service
	claims    []*corev1.PersistentVolumeClaim
	policies  []*networkingv1.NetworkPolicy
}

// workload is what makes pods.
type workload struct {
	object
	pod       corev1.PodTemplateSpec
	selector  *metav1.LabelSelector // nil for a Job and a Pod
	replicas  *int32
	templates []corev1.PersistentVolumeClaim
	serves    bool // runs until it is told to end
}

func newStack(objects []object) stack {
	s := stack{objects: objects}
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

// selected returns the workloads whose pods have the labels. No labels select
// nothing, as a Service has it.
func (s stack) selected(want map[string]string) []workload {
	var out []workload
	for _, w := range s.workloads {
		if len(want) > 0 && labels.SelectorFromSet(want).Matches(labels.Set(w.pod.Labels)) {
			out = append(out, w)
		}
	}
	return out
}

func (s stack) service(name string) *corev1.Service {
	for _, service := range s.services {
		if service.Name == name {
			return service
		}
	}
	return nil
}

func (s stack) claim(name string) *corev1.PersistentVolumeClaim {
	for _, claim := range s.claims {
		if claim.Name == name {
			return claim
		}
	}
	return nil
}

// containers returns all of a workload's, those that run first too.
func (w workload) containers() []corev1.Container {
	return append(append([]corev1.Container{}, w.pod.Spec.InitContainers...), w.pod.Spec.Containers...)
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
// the volume is none of a claim's, or the claim does not exist.
func (w workload) volumes(s stack) map[string]*corev1.PersistentVolumeClaim {
	out := map[string]*corev1.PersistentVolumeClaim{}
	for _, v := range w.pod.Spec.Volumes {
		out[v.Name] = nil
		if v.PersistentVolumeClaim != nil {
			out[v.Name] = s.claim(v.PersistentVolumeClaim.ClaimName)
		}
	}
	for i := range w.templates {
		out[w.templates[i].Name] = &w.templates[i]
	}
	return out
}
