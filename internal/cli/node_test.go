package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/store"
)

func TestDisciplineFlags(t *testing.T) {
	green, red := store.Green(), store.Red()
	changed := red
	changed.Journal, changed.BusyTimeout, changed.Transaction = store.WAL, 250, store.Deferred
	changed.Retries, changed.Backoff = 2, store.Backoff{Base: time.Second, Max: 4 * time.Second, Jitter: true}
	serializable := green.With(store.Pgx)
	serializable.Transaction = store.Serializable
	queued := green.With(store.Pgx)
	queued.Writer = store.Queue
	for name, c := range map[string]struct {
		args  []string
		want  store.Discipline
		wrong string // what the error names; "" where there is none
	}{
		"nothing given": {nil, green, ""},
		"red":           {[]string{"--preset", "red"}, red, ""},
		"settings in the preset's place": {[]string{"--journal", "wal", "--preset", "red", "--busy-timeout", "250",
			"--transaction", "Deferred", "--retries", "2", "--backoff", "1s..4s+jitter"}, changed, ""},
		"no such preset":               {[]string{"--preset", "blue"}, red, "--preset"},
		"no such journal":              {[]string{"--journal", "memory"}, red, "journal"},
		"no such transaction":          {[]string{"--transaction", "serial"}, red, "transaction"},
		"malformed backoff":            {[]string{"--backoff", "1s"}, red, "--backoff"},
		"out of range":                 {[]string{"--pool", "0"}, red, "pool"},
		"no such driver":               {[]string{"--driver", "oracle"}, red, "driver"},
		"no such busy policy":          {[]string{"--busy-policy", "hurry"}, red, "busy_policy"},
		"no such writer":               {[]string{"--writer", "twice"}, red, "writer"},
		"another engine":               {[]string{"--driver", "pgx", "--transaction", "serializable"}, serializable, ""},
		"a queue on another engine":    {[]string{"--driver", "pgx", "--writer", "queue"}, queued, ""},
		"a queue without transactions": {[]string{"--driver", "rqlite", "--transaction", "separate", "--writer", "queue"}, red, "the queue's are atomic"},
		"an engine without a journal":  {[]string{"--driver", "pgx", "--journal", "wal"}, red, "journal"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
			discipline := disciplineFlags(fs)
			if err := fs.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			got, err := discipline()
			switch {
			case c.wrong == "" && (err != nil || got != c.want):
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
				t.Errorf("error is %v, want one about %s", err, c.wrong)
			}
		})
	}
}

// runLine runs the command line as a person would, until ctx is done.
func runLine(ctx context.Context, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = execute(ctx, args, streams{strings.NewReader(""), &stdout, &stderr})
	return code, stdout.String(), stderr.String()
}

func TestNodeSaysWhatIsWrong(t *testing.T) {
	db := filepath.Join(t.TempDir(), "shared.db")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no database":        {nil, exitUsage, "add --db PATH, or set DB_PATH"},
		"no directory":       {[]string{"--db", "/nowhere/at/all/x.db"}, exitCannotRun, "hint: create it first"},
		"an argument":        {[]string{"--db", db, "x.db"}, exitUsage, "x.db"},
		"a wrong setting":    {[]string{"--db", db, "--journal", "memory"}, exitUsage, `journal "MEMORY" is none of`},
		"a wrong name":       {[]string{"--db", db, "--name", ""}, exitUsage, "--name"},
		"in flight":          {[]string{"--db", db, "--max-in-flight", "0"}, exitUsage, "--max-in-flight 0"},
		"every interface":    {[]string{"--db", db, "--listen", ":0"}, exitUsage, "--allow-remote"},
		"an address in use":  {[]string{"--db", db, "--listen", taken.Addr().String()}, exitCannotRun, "address already in use"},
		"a directory for db": {[]string{"--db", t.TempDir(), "--listen", "127.0.0.1:0"}, exitCannotRun, "it is a directory, and a database is a regular file\nhint: name a file"},
		"a device for db":    {[]string{"--db", "/dev/null", "--listen", "127.0.0.1:0"}, exitCannotRun, "open /dev/null: it is a device"},
		"a long name for db": {[]string{"--db", db + strings.Repeat("x", 250), "--listen", "127.0.0.1:0"}, exitCannotRun, "hint: choose a name of at most 247 bytes"},
		"a text for db":      {[]string{"--db", text, "--listen", "127.0.0.1:0"}, exitCannotRun, "it is no SQLite database, or an encrypted one\nhint: name a file that does not exist yet"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := runLine(t.Context(), append([]string{"node"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.says) || out != "" {
				t.Errorf("exit %d, stdout %q, stderr:\n%s\nwant exit %d and %q", code, out, errs, c.code, c.says)
			}
		})
	}
}

// untilItListens is the stderr of a node that is stopped once it has said where it listens.
type untilItListens struct {
	bytes.Buffer
	stop func()
}

func (u *untilItListens) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`"address":"`)) {
		u.stop()
	}
	return u.Buffer.Write(p)
}

// What the command line says stands above what the environment says.
func TestNodeReadsTheSeedsEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CONTAINER_ID", "app-7")
	t.Setenv("DB_PATH", filepath.Join(dir, "env.db"))
	t.Setenv("PORT", "0")
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"environment alone": {nil, []string{`"container":"app-7"`, "env.db"}},
		"flags above it":    {[]string{"--name", "app-8", "--db", filepath.Join(dir, "flag.db")}, []string{`"container":"app-8"`, "flag.db"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			stderr := untilItListens{stop: cancel}
			code := execute(ctx, append([]string{"node", "--pool", "1"}, c.args...), streams{strings.NewReader(""), io.Discard, &stderr})
			errs := stderr.String()
			if code != exitOK {
				t.Errorf("exit %d:\n%s", code, errs)
			}
			for _, want := range append(c.says, `"address":"127.0.0.1:`, `"msg":"database closed"`) {
				if !strings.Contains(errs, want) {
					t.Errorf("no %s in\n%s", want, errs)
				}
			}
		})
	}
	t.Setenv("PORT", "99999")
	if code, _, errs := runLine(t.Context(), "node"); code != exitUsage || !strings.Contains(errs, "PORT=99999") {
		t.Errorf("exit %d:\n%s", code, errs)
	}
}

// The queue of writers stands on PostgreSQL behind the same flag.
func TestNodeWithAQueueOnPostgreSQL(t *testing.T) {
	started, err := server.StartPostgres(t.Context(), t.TempDir())
	if errors.Is(err, server.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := started.Close(); err != nil {
			t.Error(err)
		}
	}()
	schema, err := started.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DB_PATH", schema)
	ready, announced, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	// The node closes the descriptor that it announces on: a copy, which is nobody else's.
	fd, err := syscall.Dup(int(announced.Fd()))
	announced.Close()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan string)
	go func() {
		code, _, errs := runLine(ctx, "node", "--driver", "pgx", "--writer", "queue", "--pool", "2", "--listen", "127.0.0.1:0",
			"--ready-fd", strconv.Itoa(fd))
		ended <- fmt.Sprintf("exit %d: %s", code, errs)
	}()
	address, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, <-ended)
	}
	resp, err := http.Post("http://"+strings.TrimSpace(address)+"/api/increment", "application/json", strings.NewReader(`{"key":"k"}`))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	stop()
	if !strings.Contains(string(body), `"value":1`) {
		t.Errorf("the increment was answered %d %s", resp.StatusCode, body)
	}
	if said := <-ended; !strings.HasPrefix(said, "exit 0: ") || !strings.Contains(said, `"writer":"queue"`) {
		t.Errorf("the node ended with %s", said)
	}
}
