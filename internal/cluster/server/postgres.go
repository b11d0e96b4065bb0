package server

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/store"
	pgstore "example.com/contend/internal/store/postgres"
)

const (
	role       = "contend"
	maxClients = 300 // four nodes with the default pool, and as many again
	portTries  = 5
)

// A Postgres is a PostgreSQL server, or an engine that speaks its protocol. Its
// methods may be called by any goroutine.
type Postgres struct {
	*private        // nil for a remote server
	url      string // with a password, and without a schema
	about    pgstore.About
}

// ErrNoPostgres says that this machine has no PostgreSQL to start, and how to get one.
var ErrNoPostgres = errors.New("no initdb and postgres on PATH or in /usr/lib/postgresql: apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora), brew install postgresql (macOS)")

// FindPostgres returns the directory of the initdb and postgres to start: the one on
// PATH, or the newest version in /usr/lib/postgresql, where Debian keeps them
// off PATH. Where there is none, it returns [ErrNoPostgres].
func FindPostgres() (bin string, err error) {
	var bins []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		bins = append(bins, filepath.Dir(initdb))
	}
	return firstOf(append(bins, installed("/usr/lib/postgresql")...))
}

// installed returns every DIR/VERSION/bin, the newest version first: 15, then 9.6.
func installed(dir string) []string {
	bins, _ := filepath.Glob(filepath.Join(dir, "*", "bin")) // the pattern is well formed
	version := func(bin string) float64 {
		v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64) // what is no number is the oldest
		return v
	}
	slices.SortFunc(bins, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	return bins
}

// firstOf returns the first directory that has both programs.
func firstOf(bins []string) (string, error) {
	for _, bin := range bins {
		_, errInitdb := exec.LookPath(filepath.Join(bin, "initdb"))
		_, errPostgres := exec.LookPath(filepath.Join(bin, "postgres"))
		if errInitdb == nil && errPostgres == nil {
			return bin, nil
		}
	}
	return "", ErrNoPostgres
}

// UsePostgres returns the server at url, which somebody else has started:
// PostgreSQL or any engine that speaks its protocol. The role must be allowed to
// make schemas in the database that url names. No error shows the password.
func UsePostgres(ctx context.Context, url string) (*Postgres, error) {
	about, err := pgstore.Ask(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Postgres{url: url, about: about}, nil
}

// StartPostgres makes a private PostgreSQL server in a directory of its own under
// dir, which must exist, signed by package owner, and returns once it answers. It is as durable as
// PostgreSQL is by default (fsync and synchronous_commit on), listens on 127.0.0.1
// only, and asks for a password that its URL holds, so that no other user of the
// machine can have it run programs. It dies when this process does (Linux).
//
// PostgreSQL does not run as root: started by root it runs as postgres or nobody
// (https://www.postgresql.org/docs/current/postgres-user.html). Where that user
// cannot reach dir, the server's directory is made under [os.TempDir], which
// may be another file system; see Dir.
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	bin, err := FindPostgres()
	if err != nil {
		return nil, err
	}
	in := installation{bin: bin}
	if in.user, err = credential(); err == nil {
		dir, err = makeDir(dir, in.user)
	}
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	in.dir = filepath.Join(dir, inner)
	// SIGINT rolls back what is open and does not wait for clients
	// (https://www.postgresql.org/docs/current/server-shutdown.html).
	s := &Postgres{private: &private{dir: dir, signal: os.Interrupt}}
	s.victim = func(context.Context) (*daemon, error) { return s.daemons[0], nil }
	if err := s.start(ctx, in); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// start makes the files and starts the server.
func (s *Postgres) start(ctx context.Context, in installation) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	password := rand.Text()
	err := in.initdb(ctx, password)
	// Between asking for a free port and taking it, another program may take it.
	for range portTries {
		if err != nil {
			return err
		}
		var addr []string
		if addr, err = freeAddresses(1); err != nil {
			return err
		}
		s.url = (&url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: addr[0], Path: "/postgres", RawQuery: "sslmode=disable"}).String()
		d := &daemon{
			name: "postgres", log: filepath.Join(in.dir, "log"),
			command: func() *exec.Cmd { return in.command("postgres", in.settings(addr[0])...) },
			ready:   func(ctx context.Context) (err error) { s.about, err = pgstore.Ask(ctx, s.url); return err },
		}
		s.daemons = []*daemon{d}
		if err = d.start(); err != nil {
			return err
		}
		if err = d.await(ctx); err == nil || !strings.Contains(err.Error(), "could not bind") {
			return err
		}
	}
	return err
}

// Label names the server with its version: "PostgreSQL 15.18", or another engine,
// "CockroachDB CCL v23.1.11".
func (s *Postgres) Label() string { return s.about.Engine }

// Says is what the server was set to when it was started or found.
func (s *Postgres) Says() string {
	return fmt.Sprintf("default isolation %s, %s.", s.about.Isolation, s.about.Replicas)
}

// schemaPrefix begins the name of every schema that contend makes.
const schemaPrefix = "contend_"

// Fresh makes an empty schema and returns the URL that nodes open it by. The
// URL may hold a password: hand it to a process by its environment, since every
// user of a machine can read command lines.
func (s *Postgres) Fresh(ctx context.Context) (string, error) {
	schema := schemaPrefix + strings.ToLower(rand.Text())
	if err := pgstore.MakeSchema(ctx, s.url, schema); err != nil {
		return "", err
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return "", errors.New("the server's URL cannot be parsed") // the reason would show the password
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// Inspect reads what the schema at url, from Fresh, holds.
func (s *Postgres) Inspect(ctx context.Context, url string) (store.Facts, error) {
	return app.Inspect(ctx, pgstore.At(url))
}

// Drop removes the schema at url, from Fresh, with everything in it. It removes
// no other.
func (s *Postgres) Drop(ctx context.Context, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("drop schema: the URL cannot be parsed")
	}
	schema := u.Query().Get("search_path")
	if !strings.HasPrefix(schema, schemaPrefix) {
		return errors.New("drop schema: the URL names none that contend has made")
	}
	return pgstore.DropSchema(ctx, s.url, schema)
}

// A server's directory has the mark of this process, and in it one that is the
// server's user's: inner, with data, which initdb makes.
const (
	inner = "server"
	data  = "data"
)

// An installation is where PostgreSQL's programs and a server's files are.
type installation struct {
	bin, dir string
	user     *syscall.Credential // of the programs; nil: our own
}

func (in installation) data() string { return filepath.Join(in.dir, data) }

// command returns a program of PostgreSQL's. It does not see the variables of the
// user's own PostgreSQL.
func (in installation) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(in.bin, program), args...)
	cmd.Dir = in.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: in.user}
	cmd.Env = []string{"LC_ALL=C"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// initdb makes the files and syncs them, as those of a server that has been up for long are.
// Otherwise recovery after a kill would have to (0.4 s of 1.7 s), and be blamed for it.
func (in installation) initdb(ctx context.Context, password string) error {
	file := filepath.Join(in.dir, "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	defer os.Remove(file)
	if err := give(file, in.user); err != nil {
		return err
	}
	cmd := in.command("initdb", "-D", in.data(), "-U", role, "-A", "scram-sha-256", "--pwfile="+file,
		"-E", "UTF8", "--locale=C", "--no-instructions")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := proc.Run(ctx, cmd, 0); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, proc.LastLines(said.String(), lastLines))
	}
	return nil
}

// settings are the server's command line. Dynamic shared memory is in files of
// the cluster's own, because what is in /dev/shm outlives a kill -9.
func (in installation) settings(addr string) []string {
	host, port, _ := net.SplitHostPort(addr)
	args := []string{"-D", in.data()}
	for _, setting := range []string{
		"listen_addresses=" + host, "port=" + port, "unix_socket_directories=",
		"max_connections=" + strconv.Itoa(maxClients), "dynamic_shared_memory_type=mmap",
		"fsync=on", "synchronous_commit=on", "full_page_writes=on", "logging_collector=off",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

// credential returns the user that the server runs as: nil for our own and, where
// that is root, postgres or else nobody.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// makeDir makes a server's directory under dir or, where user cannot get there, under
// [os.TempDir].
func makeDir(dir string, user *syscall.Credential) (made string, err error) {
	parent, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.ReadDir(parent); err != nil { // it is to be there, and a directory
		return "", err
	}
	if !reachable(parent, user) {
		if parent = os.TempDir(); !reachable(parent, user) {
			return "", fmt.Errorf("user %d can reach neither %s nor %s", user.Uid, dir, parent)
		}
	}
	if err := cluster.CheckSpace(parent, cluster.SpaceForServers); err != nil {
		return "", err
	}
	made, err = owner.MakeDir(parent, owner.Prefix+"postgres-")
	if err != nil {
		return "", err
	}
	own := filepath.Join(made, inner)
	// What is in it is nobody's but user's, who has to pass through the directory around it.
	if err := cmp.Or(os.Mkdir(own, 0o700), give(own, user), os.Chmod(made, 0o711)); err != nil {
		return "", errors.Join(err, os.RemoveAll(made))
	}
	return made, nil
}

// give makes user the owner of path, where it is not nil.
func give(path string, user *syscall.Credential) error {
	if user == nil {
		return nil
	}
	return os.Chown(path, int(user.Uid), int(user.Gid))
}

// reachable reports whether user may go to the directory at path: whether a
// program of user's can start there.
func reachable(path string, user *syscall.Credential) bool {
	if user == nil {
		return true // it is we, and have been here
	}
	cmd := exec.Command("true")
	cmd.Dir, cmd.SysProcAttr = path, &syscall.SysProcAttr{Credential: user}
	return cmd.Run() == nil
}
