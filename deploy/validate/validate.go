// Package validate finds mistakes in the Kubernetes manifests in
// deploy/kubernetes and in the Compose file.
//
// It calls the libraries of which the real tools are made: kustomize builds the
// manifests, the Kubernetes API types decode them strictly, the Pod Security
// admission judges the pods, and the Compose library loads the Compose file.
// The rules here find what these accept and only a running cluster would show:
// a selector that matches nothing, a claim that does not exist, a second writer.
// No cluster and no network is needed.
//
// It is a module of its own, so that contend depends on none of these libraries.
package validate

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// A Problem is one mistake.
type Problem struct {
	Where string // "Deployment/contend", a file, or a Compose service
	What  string // in words
}

func (p Problem) String() string { return p.Where + ": " + p.What }

// A place adds the problems of one object to a list that all places share.
type place struct {
	where string
	found *[]Problem
}

// unless adds a problem where ok is false.
func (p place) unless(ok bool, format string, args ...any) {
	if !ok {
		*p.found = append(*p.found, Problem{p.where, fmt.Sprintf(format, args...)})
	}
}

// ReadTree copies the files below dir into a file system in memory, dir being
// its root. Kustomizations are built from it, so that a test can break one.
func ReadTree(dir string) (filesys.FileSystem, error) {
	tree := filesys.MakeFsInMemory()
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		return tree.WriteFile("/"+path, data)
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	return tree, nil
}

// CheckManifests builds the kustomizations in dirs and returns the problems of
// their objects, taken together as if they were applied to one namespace.
func CheckManifests(tree filesys.FileSystem, dirs ...string) []Problem {
	var all []object
	var found []Problem
	for _, dir := range dirs {
		objects, err := build(tree, dir)
		place{dir, &found}.unless(err == nil, "%v", err)
		all = append(all, objects...)
	}
	return append(found, newStack(all).check()...)
}

// CheckSources decodes every file below the root of tree strictly. The build
// is not enough: where a patch has a field twice, kustomize takes one of the two
// without an error.
func CheckSources(tree filesys.FileSystem) []Problem {
	var found []Problem
	err := tree.Walk("/", func(path string, info fs.FileInfo, err error) error {
		if err != nil || info.IsDir() || filepath.Ext(path) != ".yaml" || filepath.Base(path) == "kustomization.yaml" {
			return err // kustomize itself is strict about its own files
		}
		data, err := tree.ReadFile(path)
		if err == nil {
			_, err = decode(data)
		}
		place{path, &found}.unless(err == nil, "%v", err)
		return nil
	})
	place{"/", &found}.unless(err == nil, "%v", err)
	return found
}

// build returns the objects of the kustomization in dir.
func build(tree filesys.FileSystem, dir string) ([]object, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(tree, dir)
	if err != nil {
		return nil, err
	}
	data, err := built.AsYaml()
	if err != nil {
		return nil, err
	}
	return decode(data)
}

// object is what every object of the API implements.
type object interface {
	runtime.Object
	metav1.Object
}

// decode returns the objects of a stream of YAML documents. A field that its
// type does not have is an error, as is one given twice.
func decode(stream []byte) ([]object, error) {
	var objects []object
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return objects, err
		}
		decoded, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			lines := strings.SplitN(string(document), "\n", 6)
			return objects, fmt.Errorf("%w in\n%s", err, strings.Join(lines[:min(5, len(lines))], "\n"))
		}
		o, ok := decoded.(object)
		if !ok {
			return objects, fmt.Errorf("%T is no object", decoded)
		}
		objects = append(objects, o)
	}
}

var decoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err) // two types of one name: a mistake in this list
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}()

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
