package owner

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHere(t *testing.T) {
	for _, test := range []struct {
		name              string
		space, boot, id   string
		sameAfter, always bool // the machine is the same after it was started anew, and for another process
	}{
		{"a machine", first, "b", "m", true, true},
		{"a container", "4026532211", "b", "m", false, true},
		{"no machine id", first, "b", "", false, true},
		{"no boot id", first, "", "m", false, false},
		{"no namespace", "", "b", "m", false, false},
	} {
		root := t.TempDir()
		put := func(path, text string) {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o700))
			must(t, os.WriteFile(filepath.Join(root, path), []byte(text), 0o600))
		}
		put("etc/machine-id", test.id+"\n")
		if test.boot != "" {
			put("proc/sys/kernel/random/boot_id", test.boot+"\n")
		}
		if test.space != "" {
			must(t, os.MkdirAll(filepath.Join(root, "proc/self/ns"), 0o700))
			must(t, os.Symlink("pid:["+test.space+"]", filepath.Join(root, "proc/self/ns/pid")))
		}
		space, boot, machine := here(root)
		if _, _, again := here(root); (again == machine) != test.always {
			t.Errorf("%s: machine %q, and %q for another process", test.name, machine, again)
		}
		if test.always && (space != test.space || boot != test.boot) {
			t.Errorf("%s: namespace %s, boot %s", test.name, space, boot)
		}
		if test.boot != "" {
			put("proc/sys/kernel/random/boot_id", "c\n")
		}
		if _, _, after := here(root); (after == machine) != test.sameAfter {
			t.Errorf("%s: machine %q, and %q after it was started anew", test.name, machine, after)
		}
	}
}
