package validate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// contend is the real program, which knows its own flags. It is built once, or
// is that which CONTEND_BIN names.
var contend string

func TestMain(m *testing.M) { os.Exit(withContend(m.Run)) }

func withContend(run func() int) int {
	if contend = os.Getenv("CONTEND_BIN"); contend != "" {
		return run()
	}
	dir, err := os.MkdirTemp("", "contend-validate-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	contend = filepath.Join(dir, "contend")
	build := exec.Command("go", "build", "-o", contend, "./cmd/contend")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build contend: %v\n%s", err, out)
		return 1
	}
	return run()
}

// Every node starts with the arguments and the environment of its manifest,
// answers its probes, has the lab's paths open only in the anti-pattern, and
// ends on SIGTERM. Only where it listens and where its database lies are not
// the manifest's.
func TestNodesStartAsTheManifestsSay(t *testing.T) {
	for overlay := range stacks {
		t.Run(overlay, func(t *testing.T) {
			c := container(t, overlay, "contend")
			url := startNode(t, c, "contend-0", filepath.Join(t.TempDir(), "shared.db"))
			for _, path := range []string{
				c.StartupProbe.HTTPGet.Path, c.ReadinessProbe.HTTPGet.Path, c.LivenessProbe.HTTPGet.Path,
			} {
				if status := get(t, url+path); status != http.StatusOK {
					t.Errorf("GET %s: status %d", path, status)
				}
			}
			if open := get(t, url+"/lab/settings") == http.StatusOK; open != (overlay == "anti-pattern") {
				t.Errorf("the paths under /lab/ are open: %v", open)
			}
		})
	}
}

// Contend takes the address of the manifest too, with --allow-remote and not
// without: exit code 2 is a mistake in the arguments, 4 comes after them, here
// from a database that is a directory.
func TestNodeArguments(t *testing.T) {
	c := container(t, "anti-pattern", "contend")
	for _, a := range []struct {
		name string
		args []string
		want int
	}{
		{"as they are", c.Args, 4},
		{"without --allow-remote", without(c.Args, "--allow-remote"), 2},
		{"with a flag that contend does not have", append(slices.Clone(c.Args), "--laboratory"), 2},
	} {
		t.Run(a.name, func(t *testing.T) {
			args := put(t, a.args, "0.0.0.0:3000", "0.0.0.0:0")
			code, said := run(t, args, environment(t, c, "contend-0", t.TempDir()))
			if code != a.want {
				t.Errorf("contend %v: exit code %d, want %d: %s", args, code, a.want, said)
			}
		})
	}
}

// The experiment's Job, told to go to as many nodes as the anti-pattern has and
// to keep its report here, comes to a verdict, says nothing but the JSON
// document, and stores it.
func TestExperimentRunsAsItsManifestSays(t *testing.T) {
	db := filepath.Join(t.TempDir(), "shared.db")
	nodes := workloadOf(t, "anti-pattern", "contend")
	var urls []string
	for i := range *nodes.replicas {
		urls = append(urls, startNode(t, nodes.containers()[0], fmt.Sprintf("contend-%d", i), db))
	}
	dir := t.TempDir()
	args := container(t, "experiment", "contend-run").Args
	args = put(t, put(t, args, "http://contend-nodes:3000", strings.Join(urls, ",")), "/runs", dir)
	code, said := run(t, append(args, "--quick"), nil)
	if !slices.Contains([]int{0, 1, 3}, code) {
		t.Errorf("contend %v: exit code %d, which is no verdict", args, code)
	}
	var document struct{ Schema int }
	if err := json.Unmarshal([]byte(said), &document); err != nil || document.Schema == 0 {
		t.Errorf("its log is not the JSON document alone: %v\n%s", err, said)
	}
	if stored, _ := filepath.Glob(filepath.Join(dir, "*", "report.html")); len(stored) == 0 {
		t.Errorf("no report is stored in %s", dir)
	}
}

// The image runs as the user of the manifests, so that what one makes on a
// volume the other may write, and starts contend, so that arguments are enough.
func TestImageFitsTheManifests(t *testing.T) {
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := build(tree(t), "anti-pattern")
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{} // the last stage is the image
	for line := range strings.Lines(string(dockerfile)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		last[instruction] = strings.TrimSpace(rest)
	}
	for _, w := range newStack(objects).workloads {
		security := w.pod.Spec.SecurityContext
		if want := fmt.Sprintf("%d:%d", *security.RunAsUser, *security.RunAsGroup); last["USER"] != want {
			t.Errorf("%s runs as %s, the image as %s", nameOf(w), want, last["USER"])
		}
	}
	if last["ENTRYPOINT"] != `["/contend"]` {
		t.Errorf("the image's entry point is %s", last["ENTRYPOINT"])
	}
}

// workloadOf returns the workload called name with its one container, as built.
func workloadOf(t *testing.T, overlay, name string) workload {
	t.Helper()
	objects, err := build(tree(t), overlay)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range newStack(objects).workloads {
		if w.GetName() != name || len(w.containers()) != 1 {
			continue
		}
		if command := w.containers()[0].Command; len(command) > 0 {
			t.Fatalf("%s does not use the image's entry point: command %v", name, command)
		}
		return w
	}
	t.Fatalf("%s has no workload called %s with one container", overlay, name)
	return workload{}
}

func container(t *testing.T, overlay, name string) corev1.Container {
	t.Helper()
	return workloadOf(t, overlay, name).containers()[0]
}

// environment returns a container's variables in the pod of that name, with
// another database.
func environment(t *testing.T, c corev1.Container, pod, db string) []string {
	t.Helper()
	var out []string
	for _, v := range c.Env {
		switch {
		case v.Name == "DB_PATH":
			v.Value = db
		case v.ValueFrom != nil && v.ValueFrom.FieldRef != nil && v.ValueFrom.FieldRef.FieldPath == "metadata.name":
			v.Value = pod
		case v.ValueFrom != nil:
			t.Fatalf("variable %s comes from something that this test does not know", v.Name)
		}
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// startNode runs a pod's node until the test is over and returns its URL. The
// node must end by itself then, with exit code 0.
func startNode(t *testing.T, c corev1.Container, pod, db string) string {
	t.Helper()
	reads, writes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reads.Close()
	node := exec.Command(contend, append(put(t, c.Args, "0.0.0.0:3000", "127.0.0.1:0"), "--ready-fd", "3")...)
	node.Env = environment(t, c, pod, db)
	node.ExtraFiles = []*os.File{writes}
	var said strings.Builder
	node.Stderr = &said
	err = node.Start()
	writes.Close() // the node has its own; when that is closed, the reading below ends
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, node, &said) })
	addr, err := bufio.NewReader(reads).ReadString('\n')
	if err != nil {
		t.Fatalf("the node said no address: %v", err)
	}
	return "http://" + strings.TrimSpace(addr)
}

func stop(t *testing.T, node *exec.Cmd, said *strings.Builder) {
	_ = node.Process.Signal(syscall.SIGTERM) // an error: it has ended, and Wait says how
	kill := time.AfterFunc(30*time.Second, func() { _ = node.Process.Kill() })
	defer kill.Stop()
	if err := node.Wait(); err != nil {
		t.Errorf("node: %v\n%s", err, said)
	}
}

// run returns contend's exit code and what it said.
func run(t *testing.T, args, env []string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, contend, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func get(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// put returns args with to in the place of from, which must be there.
func put(t *testing.T, args []string, from, to string) []string {
	t.Helper()
	i := slices.Index(args, from)
	if i < 0 {
		t.Fatalf("%v has no %s", args, from)
	}
	args = slices.Clone(args)
	args[i] = to
	return args
}

func without(args []string, arg string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == arg })
}
