package node

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/testproc"
)

// A full disk is ill health once writes have failed for it, and good health again once there is space.
func TestHealthOnAFullDisk(t *testing.T) {
	const disk, filling = 4 << 20, 3 << 20
	path := filepath.Join(t.TempDir(), "shared.db")
	p := startProcess(t, "app-1", path, quick(nil), func(cmd *exec.Cmd) {
		cmd.SysProcAttr = testproc.OwnMounts(t)
		cmd.Env = append(cmd.Env, fmt.Sprint(diskEnv, "=", disk))
	})
	filler := fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, filepath.Join(filepath.Dir(path), "filler"))
	health := func(want int, says string) {
		t.Helper()
		if r := send(t, "GET", p.url+nodeapi.PathHealth, ""); r.status != want || !strings.Contains(r.body, says) {
			t.Errorf("health is %d %s; want %d and %q", r.status, r.body, want, says)
		}
	}
	write := func() reply {
		return send(t, "POST", p.url+nodeapi.PathWrite, fmt.Sprintf(`{"data":%q}`, strings.Repeat("x", 32<<10)))
	}
	must(t, os.WriteFile(filler, make([]byte, filling), 0o600))
	health(http.StatusOK, "") // nothing has failed yet
	r := write()
	for tries := 1; r.status == http.StatusOK && tries < disk>>15; tries++ {
		r = write()
	}
	if r.status != http.StatusInternalServerError || r.failure(t).Code != codeFull {
		t.Errorf("a write on a full disk is answered %d %s", r.status, r.body)
	}
	health(http.StatusServiceUnavailable, codeFull+": writes fail: the disk has ")
	if r := send(t, "GET", p.url+nodeapi.PathCounter+"?key=k", ""); r.status != http.StatusOK {
		t.Errorf("a read is answered %d %s", r.status, r.body)
	}
	must(t, os.Remove(filler))
	health(http.StatusOK, "")
	if r := write(); r.status != http.StatusOK {
		t.Errorf("with space again a write is answered %d %s", r.status, r.body)
	}
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, p.log)
	}
}
