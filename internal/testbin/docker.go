package testbin

import (
	"os"
	"testing"

	"example.com/contend/internal/docker"
)

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
