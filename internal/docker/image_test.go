package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/contend/internal/owner"
)

func TestWhatCannotBeAnImageOfItsOwn(t *testing.T) {
	shell, err := exec.LookPath("sh") // linked dynamically wherever there is a C library
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text, empty := filepath.Join(dir, "text"), filepath.Join(dir, "empty")
	if err := os.WriteFile(text, []byte("#!/bin/sh\necho this is no program of its own\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(empty, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	here := runtime.GOARCH
	for _, test := range []struct{ name, path, arch, want string }{
		{"linked dynamically", shell, here, "linked dynamically: build it with CGO_ENABLED=0, or name an image with --image"},
		{"for another engine", shell, "s390x", "GOARCH=s390x"},
		{"a script", text, here, "no Linux program"},
		{"an empty file", empty, here, "no Linux program"},
		{"nothing", filepath.Join(dir, "nothing"), here, "no such file"},
	} {
		d := &Docker{platform: "linux/" + test.arch}
		if _, err := d.Image(t.Context(), test.path, owner.Mark{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error = %v, want one that says %q", test.name, err, test.want)
		}
	}
}
