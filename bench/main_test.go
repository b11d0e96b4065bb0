//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{
		"node":           serveBalanceNode,
		"balancer":       serveBalancer,
		"load server":    serveLoad,
		"load driver":    driveLoad,
		"queue node":     serveQueueNode,
		"idle node":      serveIdleNode,
		"queue load":     driveQueueLoad,
		"watched writer": writeWatched,
	})
	os.Exit(m.Run())
}

// packages names the Debian and Ubuntu packages of the tools that we compare with.
var packages = map[string]string{"nginx": "nginx-light", "wrk": "wrk", "hey": "hey", "jq": "jq", "sqlite3": "sqlite3"}

// need skips the test where a tool is missing, and fails it in CI.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		message := fmt.Sprintf("%s is not on PATH: install the package %s (Debian, Ubuntu) and run again", tool, packages[tool])
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
}

// median returns the middle of an odd number of values.
func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
