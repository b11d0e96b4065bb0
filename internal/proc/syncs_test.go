package proc

import (
	"os"
	"os/exec"
	"testing"
)

// What a program syncs is counted, also where a child of it does, and nothing else.
func TestCountSyncs(t *testing.T) {
	none, err := CountSyncs(nil)
	if err != nil && (os.Geteuid() != 0 || os.Getenv("CI") != "true") { // root of a machine may count
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n, err := none.Stop(); n != 0 || err != nil {
		t.Errorf("nobody synced %d times, %v", n, err)
	}
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `read go; for i in 1 2 3; do dd if=/dev/zero of=a bs=1 count=1 conv=fsync; dd if=/dev/zero of=b bs=1 count=1 conv=fdatasync; cat a; done 2>/dev/null`)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	counted, err := CountSyncs([]int{p.PID()})
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("dd", "if=/dev/zero", "of="+dir+"/c", "bs=1", "count=1", "conv=fsync").Run(); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if n, err := counted.Stop(); n != 6 || err != nil {
		t.Errorf("counted %d syncs, %v; want 6", n, err)
	}
}
