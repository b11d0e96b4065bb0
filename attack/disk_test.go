//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noSpace is how contend says that a disk is full.
var noSpace = regexp.MustCompile(`no space left|free on its disk`)

const (
	smallDisk = 1 << 20   // bytes: less than anything needs
	disk      = 160 << 20 // enough to begin
)

// On a disk without space contend says so at once.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.disk = smallDisk
	must(t, os.Mkdir(w.path("disk"), 0o755))
	for _, args := range [][]string{
		{"up", "--listen", "127.0.0.1:0"},
		{"run", "lost-update", "--quick"},
		{"compare", "--quick", "--rung", "red"},
	} {
		disks.tries(1)
		e := run(t, w.command(append(args, "--dir", w.path("disk", "runs"))...), time.Minute)
		if e.late || e.code != 4 || e.out.panic() != "" || !noSpace.MatchString(e.out.String()) {
			disks.failed(t, 1, "contend %s without space: %v", args[0], e)
		}
	}
}

// The disk of contend run becomes full at some moment: the run ends and says why.
func TestDiskFillsUpUnderRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.disk = disk
	must(t, os.Mkdir(w.path("disk"), 0o755))
	chance := chance(t)
	for range form(1, 8) {
		disks.tries(1)
		after := time.Duration(500+chance.IntN(2500)) * time.Millisecond
		e := end{out: new(output)}
		cmd := w.command("run", "lost-update", "--dir", w.path("disk", "runs"), "--color", "never")
		cmd.Stdout, cmd.Stderr = e.out, e.out
		began := time.Now()
		must(t, cmd.Start())
		time.Sleep(after)
		must(t, fill(cmd.Process.Pid, w.path("disk")))
		if e.wait(cmd, began, time.Minute); e.late || e.code != 4 || e.out.panic() != "" || !noSpace.MatchString(e.out.String()) {
			disks.failed(t, 1, "contend run whose disk is full after %s: %v", after, e)
		}
	}
}

// fill fills the disk at dir that the process pid sees, to the last byte, once it is there.
func fill(pid int, dir string) error {
	seen := fmt.Sprintf("/proc/%d/root%s", pid, dir)
	var stat unix.Statfs_t
	for deadline := time.Now().Add(20 * time.Second); stat.Type != unix.TMPFS_MAGIC || int64(stat.Blocks)*stat.Bsize != disk; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("no disk of %d bytes at %s", disk, seen)
		}
		_ = unix.Statfs(seen, &stat)
	}
	f, err := os.Create(filepath.Join(seen, filler))
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
	return nil
}

// empty removes what fill wrote, and returns once the space is there: a process that is just
// being forked may still have the file open.
func empty(pid int, dir string) error {
	seen := fmt.Sprintf("/proc/%d/root%s", pid, dir)
	if err := os.Remove(filepath.Join(seen, filler)); err != nil {
		return err
	}
	var stat unix.Statfs_t
	for deadline := time.Now().Add(20 * time.Second); int64(stat.Bavail)*stat.Bsize < disk/2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("the disk at %s stays full", seen)
		}
		if err := unix.Statfs(seen, &stat); err != nil {
			return err
		}
	}
	return nil
}

// filler is the name of the file that fills a disk.
const filler = "filler"

// The disk under contend up becomes full and has space again: a write that was acknowledged
// is there, and the nodes are unhealthy as long as writes fail.
func TestDiskFillsUpUnderUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.disk = disk
	must(t, os.Mkdir(w.path("disk"), 0o755))
	s, err := w.up(1, "--dir", w.path("disk", "runs"), "--think", "0", "--retries", "0")
	if err != nil {
		t.Fatal(err)
	}
	node := &server{addr: s.addr + "/app-1"}
	body := fmt.Sprintf(`{"data":%q}`, strings.Repeat("x", 32<<10))
	acknowledged := 0
	write := func() int {
		resp, err := http.Post("http://"+s.addr+"/api/write", "application/json", strings.NewReader(body))
		if err != nil {
			disks.failed(t, 1, "write: %v", err)
			return 0
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			acknowledged++
		}
		return resp.StatusCode
	}
	for round := range form(1, 5) {
		disks.tries(1)
		must(t, fill(s.cmd.Process.Pid, w.path("disk")))
		status := http.StatusOK
		for n := 0; status == http.StatusOK && n < 2000; n++ {
			status = write()
		}
		if status != http.StatusInternalServerError {
			disks.failed(t, 1, "round %d: a write on a full disk is answered %d", round, status)
		}
		if err := node.healthy(http.StatusServiceUnavailable); err != nil {
			disks.failed(t, 1, "round %d: while writes fail, %v", round, err)
		}
		must(t, empty(s.cmd.Process.Pid, w.path("disk")))
		if err := node.healthy(http.StatusOK); err != nil {
			disks.failed(t, 1, "round %d: with space again, %v", round, err)
		}
		if status := write(); status != http.StatusOK {
			disks.failed(t, 1, "round %d: with space again, a write is answered %d", round, status)
		}
	}
	records, err := records(node.addr)
	if err != nil || records < acknowledged {
		disks.failed(t, max(1, acknowledged-records), "%d writes were acknowledged, %d are there (%v)", acknowledged, records, err)
	}
	if e := s.stop(); e.late || e.code != 0 || e.out.panic() != "" {
		disks.failed(t, 1, "contend up: %v", e)
	}
}

// records asks a node how many records it has.
func records(addr string) (int, error) {
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Database struct {
			Records *int `json:"total_records"`
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Database.Records == nil {
		return 0, fmt.Errorf("status %d, no number of records (%v)", resp.StatusCode, err)
	}
	return *answer.Database.Records, nil
}
