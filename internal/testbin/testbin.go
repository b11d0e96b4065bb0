// Package testbin builds contend for tests that need it as a program: a
// cluster starts its own binary again, and a test's binary is not that.
package testbin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.com/contend/internal/docker"
)

// Main builds contend once for a package's tests, puts its path into *binary,
// runs the tests and removes it. It returns the tests' exit code, and 1 where
// contend does not build.
//
//	func TestMain(m *testing.M) { os.Exit(testbin.Main(&binary, m.Run)) }
func Main(binary *string, run func() int) int {
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
