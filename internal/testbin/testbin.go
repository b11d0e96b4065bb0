// Package testbin builds contend for tests that need it as a program: a
// cluster starts its own binary again, and a test's binary is not that.
package testbin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
