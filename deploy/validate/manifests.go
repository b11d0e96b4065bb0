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
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is what every object of the API can say of itself.
type object interface {
	runtime.Object
	metav1.Object
}

func nameOf(o object) string {
	return o.GetObjectKind().GroupVersionKind().Kind + "/" + o.GetName()
}

// ReadTree returns the files below dir as a file system in memory, dir being
// its root. Kustomizations are built from it, so that a test can break one.
func ReadTree(dir string) (filesys.FileSystem, error) {
	tree := filesys.MakeFsInMemory()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return tree.WriteFile("/"+filepath.ToSlash(name), data)
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	return tree, nil
}

// CheckManifests builds the kustomizations in dirs and returns what is wrong
// with their objects, taken together as if they were applied to one namespace.
func CheckManifests(tree filesys.FileSystem, dirs ...string) []Problem {
	var all []object
	var found []Problem
	for _, dir := range dirs {
		objects, err := build(tree, dir)
		if err != nil {
			found = append(found, Problem{dir, err.Error()})
		}
		all = append(all, objects...)
	}
	return append(found, check(newStack(all))...)
}

// CheckSources decodes every file below the root of tree strictly. The build
// alone would not do: where a patch has a field twice, kustomize takes one of
// the two without a word.
func CheckSources(tree filesys.FileSystem) []Problem {
	var found []Problem
	err := tree.Walk("/", func(path string, info fs.FileInfo, err error) error {
		if err != nil || info.IsDir() || filepath.Ext(path) != ".yaml" || filepath.Base(path) == "kustomization.yaml" {
			return err // kustomize itself is strict about its own files
		}
		data, err := tree.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := decode(data); err != nil {
			found = append(found, Problem{path, err.Error()})
		}
		return nil
	})
	if err != nil {
		found = append(found, Problem{"/", err.Error()})
	}
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
			return objects, fmt.Errorf("%w in\n%s", err, head(document))
		}
		o, ok := decoded.(object)
		if !ok {
			return objects, fmt.Errorf("%T is no object", decoded)
		}
		objects = append(objects, o)
	}
}

// head is enough of a document to find it by.
func head(document []byte) string {
	lines := strings.SplitN(string(document), "\n", 6)
	return strings.Join(lines[:min(5, len(lines))], "\n")
}

var decoder = newDecoder()

func newDecoder() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err) // two types of one name: a mistake in this list
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}
