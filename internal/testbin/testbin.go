// Package testbin builds contend for tests that need it as a program: a
// cluster starts its own binary again, and a test's binary is not that.
package testbin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"go.uber.org/goleak"
)

// Main builds contend once for a package's tests, puts its path into *binary,
// runs the tests and removes it. Where the variable CONTEND_BIN names a static
// contend, that one is taken instead: `make test` builds it once for all packages.
// Main returns the tests' exit code, and 1 where there is no contend.
//
//	func TestMain(m *testing.M) { os.Exit(testbin.Main(&binary, m.Run)) }
func Main(binary *string, run func() int) int {
	if built := os.Getenv("CONTEND_BIN"); built != "" {
		// Go forgets the cached result of a test when a file has changed that it looked at.
		if _, err := os.Stat(built); err != nil {
			fmt.Fprintln(os.Stderr, "testbin: CONTEND_BIN:", err)
			return 1
		}
		*binary = built
		return run()
	}
	dir, err := os.MkdirTemp("", "contend-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbin:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	*binary = filepath.Join(dir, "contend")
	build := exec.Command("go", "build", "-o", *binary, "example.com/contend/cmd/contend")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // static, so that it also runs in an image of its own
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "testbin: build contend: %v\n%s", err, out)
		return 1
	}
	return run()
}

// nginx is the image that stands before nodes in containers.
const nginx = "nginx:alpine"

// Docker returns the Docker that is here, with the image of nginx in it. Where
// there is none, it skips the test, or fails it where nothing may be skipped: in CI.
func Docker(t testing.TB) *docker.Docker {
	t.Helper()
	d, err := docker.Find(t.Context())
	if err == nil {
		err = d.Ensure(t.Context(), nginx)
	}
	switch {
	case err == nil:
		return d
	case os.Getenv("CI") == "true":
		t.Fatalf("nothing may be skipped in CI, but: %v", err)
	}
	t.Skipf("not tested on containers: %v (scripts/base-images.sh makes images)", err)
	return nil
}

// Spec says to start three nodes that are red but for immediate transactions and
// a busy_timeout of 5 s, of the contend at binary. The test fails where it leaves a goroutine.
func Spec(t testing.TB, binary string) cluster.Spec {
	t.Helper()
	goleak.VerifyNone(t)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	d := store.Red()
	d.Transaction, d.BusyTimeout, d.Think, d.Pool = store.Immediate, 5000, 0, 4
	return cluster.Spec{Nodes: 3, Discipline: d, Dir: t.TempDir(), Binary: binary}
}

// Increment sends one increment to url and returns the status and the name of the
// node that answered.
func Increment(t testing.TB, url string) (status int, container string) {
	t.Helper()
	resp, err := http.Post(url+nodeapi.PathIncrement, "application/json", strings.NewReader(`{"key":"k"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Container string }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return resp.StatusCode, answer.Container
}
