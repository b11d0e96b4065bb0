package docker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/docker"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/testbin"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(testbin.Main(&binary, func() int {
		code := m.Run()
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return max(code, 1)
		}
		return code
	}))
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	client, err := exec.LookPath("docker")
	if err != nil {
		testbin.Docker(t)
	}
	alone := t.TempDir() // a PATH on which there is docker and nothing else
	if err := os.Symlink(client, filepath.Join(alone, "docker")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, path, host string
		want             error
	}{
		{"no client", t.TempDir(), "", docker.ErrNoClient},
		{"no engine", os.Getenv("PATH"), "unix://" + filepath.Join(t.TempDir(), "no.sock"), docker.ErrNoEngine},
		{"no compose", alone, "", docker.ErrNoCompose},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == docker.ErrNoCompose {
				testbin.Docker(t)
				if exec.Command("docker", "compose", "version").Run() == nil {
					t.Skip("not tested: a Docker without compose, because it is part of the client here")
				}
			}
			t.Setenv("PATH", test.path)
			if test.host != "" {
				t.Setenv("DOCKER_HOST", test.host)
				t.Setenv("DOCKER_CONTEXT", "")
			}
			if _, err := docker.Find(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("error = %v, want %v", err, test.want)
			}
		})
	}
}

func TestImageRuns(t *testing.T) {
	d := testbin.Docker(t)
	self := owner.Self()
	tag, err := d.Image(t.Context(), binary, self)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.RemoveImage(t.Context(), tag); err != nil {
			t.Error(err)
		}
		if exec.Command("docker", "image", "inspect", tag).Run() == nil {
			t.Errorf("%s is still there", tag)
		}
	}()
	out, err := exec.Command("docker", "run", "--rm", "--read-only", "--network", "none", tag, "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "contend") {
		t.Errorf("it runs and says %q, %v", out, err)
	}
	user, err := exec.Command("docker", "image", "inspect", "--format", "{{.Config.User}}", tag).Output()
	if err != nil || strings.TrimSpace(string(user)) != "10001:10001" {
		t.Errorf("its user is %q, %v", user, err)
	}
}

// An image that is cut short in the making is not there, or has its name and its owner.
func TestImageCutShort(t *testing.T) {
	d := testbin.Docker(t)
	self := owner.Self()
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 80 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := d.Image(ctx, binary, self)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", after, err)
		}
		named, err := d.Owned(t.Context())
		out, errAll := exec.Command("docker", "image", "ls", "--all", "--quiet", "--filter", "label="+docker.OwnerLabel+"="+self.String()).Output()
		if err := errors.Join(err, errAll); err != nil {
			t.Fatal(err)
		}
		named = slices.DeleteFunc(named, func(o docker.Owned) bool { return o.Owner != self })
		if all := strings.Fields(string(out)); len(all) != len(named) {
			t.Errorf("cut short after %s, images %q are left, with a name %+v", after, all, named)
		}
		for _, o := range named {
			if err := d.RemoveOwned(t.Context(), o); err != nil {
				t.Error(err)
			}
		}
	}
}

// What carries our label counts only under a name that its owner has given.
func TestOwnedAreOursAlone(t *testing.T) {
	d := testbin.Docker(t)
	self := owner.Self()
	ours := docker.NewProjectName()
	other := strings.Replace(ours, "contend-", "contend-1", 1)
	for _, volume := range []struct{ name, owner, project string }{
		{ours + "_a", self.String(), ours},
		{ours + "_b", self.String(), "mine"},
		{ours + "_c", self.String(), other},
		{ours + "_d", "me", ours},
		{ours + "_e", self.String(), ""},
	} {
		if out, err := exec.Command("docker", "volume", "create", "--label", docker.OwnerLabel+"="+volume.owner,
			"--label", "com.docker.compose.project="+volume.project, volume.name).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		defer exec.Command("docker", "volume", "rm", volume.name).Run()
	}
	all, err := d.Owned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(o docker.Owned) bool { return o.Owner != self })
	if len(all) != 1 || all[0].Kind != "volume" || all[0].Name != ours+"_a" {
		t.Fatalf("ours are %+v, want the first volume", all)
	}
	if err := d.RemoveOwned(t.Context(), all[0]); err != nil || exec.Command("docker", "volume", "inspect", ours+"_a").Run() == nil {
		t.Errorf("it is still there: %v", err)
	}
}

const composeFile = `services:
  web:
    image: nginx:alpine
    entrypoint: ["nginx", "-g", "daemon off;"]
    user: "101:101"
    volumes: ["kept:/kept", "./nginx.conf:/etc/nginx/nginx.conf:ro"]
    ports: ["127.0.0.1:0:8080"]
volumes:
  kept:
networks:
  default:
    ipam:
      config: [{subnet: 198.19.%d.0/24}]
`

const nginxFile = `error_log stderr;
pid /tmp/pid;
events {}
http {
    client_body_temp_path /tmp/1;
    proxy_temp_path /tmp/2;
    fastcgi_temp_path /tmp/3;
    scgi_temp_path /tmp/4;
    uwsgi_temp_path /tmp/5;
    access_log off;
    server { listen 8080; return 204; }
}
`

// bringUp brings a project up on a subnet. It is removed after the test.
func bringUp(t *testing.T, d *docker.Docker, name string, subnet int) error {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "compose.yaml")
	err := errors.Join(os.WriteFile(file, fmt.Appendf(nil, composeFile, subnet), 0o644),
		os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(nginxFile), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Remove(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return d.Up(t.Context(), docker.Project{Name: name, File: file})
}

func TestAProjectFromUpToRemove(t *testing.T) {
	d := testbin.Docker(t)
	one, two := fmt.Sprintf("contend-test-%d-one", os.Getpid()), fmt.Sprintf("contend-test-%d-two", os.Getpid())
	subnet := os.Getpid() % 256
	if err := bringUp(t, d, one, subnet); err != nil {
		t.Fatal(err)
	}
	if err := bringUp(t, d, two, subnet); !errors.Is(err, docker.ErrOverlap) {
		t.Errorf("a second project on the same subnet: %v, want ErrOverlap", err)
	}
	ids, err := d.Containers(t.Context(), one)
	if err != nil || len(ids) != 1 || ids["web"] == "" {
		t.Fatalf("Containers = %v, %v; want the one of web", ids, err)
	}
	useContainer(t, d, ids["web"])
	left, err := d.Left(t.Context(), one)
	if err != nil || !slices.Equal(kindsOf(left), []string{"container", "volume", "network"}) {
		t.Errorf("Left = %q, %v; want a container, a volume and a network", left, err)
	}
	for range 2 { // the second time there is nothing to do
		if err := d.Remove(t.Context(), one); err != nil {
			t.Error(err)
		}
	}
	if left, err := d.Left(t.Context(), one); err != nil || len(left) > 0 {
		t.Errorf("Remove left %q, %v", left, err)
	}
}

func kindsOf(left []string) (kinds []string) {
	for _, what := range left {
		kind, _, _ := strings.Cut(what, " ")
		kinds = append(kinds, kind)
	}
	return kinds
}

// useContainer does with a container all that can be done.
func useContainer(t *testing.T, d *docker.Docker, id string) {
	t.Helper()
	ctx, into := t.Context(), t.TempDir()
	addr, err := d.Port(ctx, id, 8080)
	if err != nil || !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("Port = %q, %v", addr, err)
	}
	if err := d.CopyOut(ctx, id, "/etc/nginx", into); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(into, "nginx.conf")); err != nil {
		t.Errorf("CopyOut: %v", err)
	}
	want := func(when string, want docker.State) {
		t.Helper()
		if state, err := d.State(ctx, id); err != nil || state != want {
			t.Errorf("%s: state %+v, %v; want %+v", when, state, err, want)
		}
	}
	want("at first", docker.State{Running: true})
	if err := d.Kill(ctx, id); err != nil {
		t.Error(err)
	}
	want("killed", docker.State{ExitCode: 137})
	if err := d.Kill(ctx, id); err == nil {
		t.Error("killed twice without an error")
	}
	if err := d.Start(ctx, id); err != nil {
		t.Error(err)
	}
	want("started again", docker.State{Running: true})
	await(t, d, id) // before nginx listens to signals it would have to be killed
	if err := d.Stop(ctx, id, 10*time.Second); err != nil {
		t.Error(err)
	}
	want("stopped", docker.State{})
	if err := d.Logs(ctx, id, filepath.Join(into, "log")); err != nil {
		t.Error(err)
	}
}

// await waits until nginx in container id answers.
func await(t *testing.T, d *docker.Docker, id string) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	addr, err := d.Port(t.Context(), id, 8080)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if resp, err := http.Get("http://" + addr); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nginx does not answer")
}
