package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/contend/internal/proc"
	pgstore "example.com/contend/internal/store/postgres"
)

const (
	role       = "contend"
	maxClients = 300 // four nodes with the default pool, and as many again
	startWait  = 60 * time.Second
	stopWait   = 10 * time.Second
	portTries  = 5
	saidLines  = 5 // of its log in an error
)

// Start makes a private PostgreSQL server in a directory of its own under dir,
// which must exist, and returns once it answers. It is as durable as PostgreSQL
// is by default (fsync and synchronous_commit on), listens on 127.0.0.1 only,
// and asks for a password that its URL holds, so that no other user of the
// machine can have it run programs. It dies when this process does (Linux).
//
// PostgreSQL does not run as root: started by root it runs as postgres or nobody
// (https://www.postgresql.org/docs/current/postgres-user.html). Where that user
// cannot reach dir, the server's directory is made under [os.TempDir], which
// may be another file system; see [Server.Dir].
func Start(ctx context.Context, dir string) (*Server, error) {
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	p := &private{bin: bin}
	owner, err := credential()
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	if p.dir, err = makeDir(dir, owner); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s, err := p.start(ctx, owner)
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("start PostgreSQL: %w", errors.Join(err, os.RemoveAll(p.dir)))
	}
	return s, nil
}

// start makes the cluster and starts it.
func (p *private) start(ctx context.Context, owner *syscall.Credential) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	password, err := secret()
	if err != nil {
		return nil, err
	}
	if err := p.initdb(ctx, owner, password); err != nil {
		return nil, err
	}
	s := &Server{private: p}
	// Between asking for a free port and taking it, another may have it.
	for range portTries {
		if p.port, err = freePort(); err != nil {
			return nil, err
		}
		s.url = (&url.URL{
			Scheme: "postgres", User: url.UserPassword(role, password),
			Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)), Path: "/postgres", RawQuery: "sslmode=disable",
		}).String()
		if s.about, err = p.launch(ctx, owner, s.url); !errors.Is(err, errPortTaken) {
			break
		}
	}
	return s, err
}

func secret() (string, error) {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make a password: %w", err)
	}
	return hex.EncodeToString(random), nil
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

func (p *private) data() string { return filepath.Join(p.dir, "data") }
func (p *private) log() string  { return filepath.Join(p.dir, "log") }

// command returns a program of PostgreSQL's, to be run as owner where that is
// not nil. Variables of the people's own PostgreSQL are not for this one.
func (p *private) command(owner *syscall.Credential, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	cmd.Env = []string{"LC_ALL=C"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// initdb makes the files. They need not survive a power cut yet: --no-sync
// leaves that to the server's first checkpoint.
func (p *private) initdb(ctx context.Context, owner *syscall.Credential, password string) error {
	file := filepath.Join(p.dir, "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	defer os.Remove(file)
	if err := give(file, owner); err != nil {
		return err
	}
	cmd := p.command(owner, "initdb", "-D", p.data(), "-U", role, "-A", "scram-sha-256", "--pwfile="+file,
		"-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := proc.Run(ctx, cmd, 0); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, proc.LastLines(said.String(), saidLines))
	}
	return nil
}

// errPortTaken is a server that did not get its port.
var errPortTaken = errors.New("the port is taken")

// launch starts the server and waits until it answers.
func (p *private) launch(ctx context.Context, owner *syscall.Credential, url string) (about pgstore.About, err error) {
	process, err := proc.StartLogged(p.command(owner, "postgres", p.settings()...), p.log())
	if err != nil {
		return about, fmt.Errorf("start postgres: %w", err)
	}
	p.mu.Lock()
	if p.process != nil {
		used, _ := p.process.CPU() // that of the dead is known
		p.before += used
	}
	p.process = process
	p.mu.Unlock()
	var unanswered error
	err = process.Await(ctx, 10*time.Millisecond, func() bool {
		about, unanswered = pgstore.Ask(ctx, url)
		return unanswered == nil
	})
	switch said := proc.LastWords(p.log(), saidLines); {
	case err == nil:
		return about, nil
	case !errors.Is(err, proc.ErrEnded):
		return about, fmt.Errorf("wait for postgres to answer: %w", unanswered)
	case strings.Contains(said, "could not bind"):
		return about, fmt.Errorf("%w: %s", errPortTaken, said)
	default:
		return about, fmt.Errorf("postgres ended (%w): %s", process.Err(), said)
	}
}

// settings are the server's command line. Dynamic shared memory is in files of
// the cluster's own, because what is in /dev/shm outlives a kill -9.
func (p *private) settings() []string {
	args := []string{"-D", p.data()}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(p.port), "unix_socket_directories=",
		"max_connections=" + strconv.Itoa(maxClients), "dynamic_shared_memory_type=mmap",
		"fsync=on", "synchronous_commit=on", "full_page_writes=on", "logging_collector=off",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

// kill ends everything at once.
func (p *private) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.process.Kill()
}

func (p *private) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.Running()
}

// restart starts the server again. A backend that was forked while the others
// were being killed ends by itself, but until then it keeps the new postmaster
// from its shared memory; and someone may have the port for a moment.
func (p *private) restart(ctx context.Context, url string) error {
	if p.running() {
		return errors.New("restart PostgreSQL: it is running")
	}
	owner, err := credential()
	if err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for range portTries {
		if _, err = p.launch(ctx, owner, url); err == nil {
			return nil
		}
		p.kill()
		select {
		case <-ctx.Done():
			return fmt.Errorf("restart PostgreSQL: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return fmt.Errorf("restart PostgreSQL: %w", err)
}

func (p *private) cpu() (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	used, err := p.process.CPU()
	return p.before + used, err
}

// stop ends the server as SIGINT does, which rolls back what is open and does
// not wait for clients
// (https://www.postgresql.org/docs/current/server-shutdown.html).
func (p *private) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	_ = p.process.Stop(ctx, os.Interrupt) // where that takes too long, it has been killed
	p.removeSegment()
}
