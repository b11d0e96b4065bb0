package app_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestPostgres(t *testing.T) {
	database := startPostgres(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, rung := range []string{"postgres-update", "postgres-for-update", "postgres-serializable"} {
		t.Run(rung, func(t *testing.T) { losesNothing(t, rung, database); checkHTTP(t, rung, database) })
	}
	for _, rung := range []string{"postgres-naive", "postgres-read-committed"} {
		t.Run(rung, func(t *testing.T) { losesSome(t, rung, database); checkHTTP(t, rung, database) })
	}
}

func TestRqlite(t *testing.T) {
	database := startRqlite(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("rqlite-update", func(t *testing.T) {
		losesNothing(t, "rqlite-update", database)
		checkHTTP(t, "rqlite-update", database)
	})
	t.Run("rqlite-naive", func(t *testing.T) {
		losesSome(t, "rqlite-naive", database)
		checkHTTP(t, "rqlite-naive", database)
	})
}

// startPostgres starts a private server and returns its database's URL.
func startPostgres(t *testing.T) string {
	t.Helper()
	bin := lookPostgres(t)
	// Not t.TempDir: the server runs as another user where we are root, and that
	// one has to get at it.
	dir, err := os.MkdirTemp("", "contend-app-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{Credential: unprivileged(t, dir)}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "contend", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
	server.SysProcAttr, server.Dir = as, dir
	running := start(t, server)
	t.Cleanup(func() { // "fast": killed, it would leave a piece of shared memory behind
		running.Signal(syscall.SIGINT)
		select {
		case <-running.Done():
		case <-time.After(10 * time.Second):
		}
	})
	database := "postgres://contend@" + address + "/postgres?sslmode=disable"
	await(t, func() error {
		s, err := openers["postgres-update"](database)
		if err == nil {
			err = s.Close()
		}
		return err
	})
	return database
}

// lookPostgres returns the directory of PostgreSQL's programs.
func lookPostgres(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	packaged, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(packaged) == 0 {
		missing(t, "PostgreSQL is missing, so its rungs were not run: apt-get install postgresql")
	}
	return packaged[len(packaged)-1]
}

// unprivileged gives dir to a user that PostgreSQL runs as, which refuses root.
// It returns nil where we are not root.
func unprivileged(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			t.Fatal(err)
		}
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID, os.Chown(dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// startRqlite starts a cluster of one node and returns its URL.
func startRqlite(t *testing.T) string {
	t.Helper()
	rqlited, err := exec.LookPath("rqlited")
	if err != nil {
		t.Skip("no rqlited on PATH, so its rungs were not run: https://rqlite.io/docs/install-rqlite/")
	}
	address := freeAddress(t)
	start(t, exec.Command(rqlited, "-http-addr", address, "-raft-addr", freeAddress(t), t.TempDir()))
	await(t, func() error {
		answer, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
	return "http://" + address
}

// await returns when ready does without an error.
func await(t *testing.T, ready func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %v", err)
		}
	}
}
