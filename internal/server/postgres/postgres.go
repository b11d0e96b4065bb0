// Package postgres is the PostgreSQL server of a run: a private one, started
// from the machine's own binaries and removed in the end, or one that somebody
// else runs.
//
// Nodes never share what it hands out: each cluster gets a schema of its own.
// On somebody else's server nothing but those schemas is touched.
package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/store"
	pgstore "example.com/contend/internal/store/postgres"
)

// A Server is a PostgreSQL server, or an engine that speaks its protocol. Its
// methods may be called by any goroutine.
type Server struct {
	url     string // with a password, and without a schema
	about   pgstore.About
	private *private // nil where somebody else started it
}

// A private is what contend has started.
type private struct {
	bin  string // of initdb and postgres
	dir  string // everything of the server's is in it
	port int

	mu      sync.Mutex
	process *proc.Process
	before  time.Duration // processor time of those before process
}

// errGiven is the answer to what may be done only to a server of one's own.
var errGiven = errors.New("the PostgreSQL server is somebody else's: contend neither kills nor measures it")

// Use returns the server at url, which somebody else has started: PostgreSQL or
// any engine that speaks its protocol. The role must be allowed to make schemas
// in the database that url names. No error shows the password.
func Use(ctx context.Context, url string) (*Server, error) {
	about, err := pgstore.Ask(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Server{url: url, about: about}, nil
}

// Name returns "PostgreSQL", also for an engine that only speaks its protocol;
// Version tells them apart.
func (s *Server) Name() string { return "PostgreSQL" }

// Version returns what the server says it is, in a few words: "15.18" of
// PostgreSQL itself, or "CockroachDB CCL v23.1.11".
func (s *Server) Version() string { return strings.TrimPrefix(s.about.Engine, "PostgreSQL ") }

// Found says in a sentence what the server was when it was first asked: version,
// default isolation and replicas.
func (s *Server) Found() string {
	return fmt.Sprintf("%s, default isolation %s, %s.", s.about.Engine, s.about.Isolation, s.about.Replicas)
}

// Dir returns the directory that a private server's files are in, "" for
// somebody else's server. It is not always the one that Start was given.
func (s *Server) Dir() string {
	if s.private == nil {
		return ""
	}
	return s.private.dir
}

// schemaPrefix begins the name of every schema that contend makes.
const schemaPrefix = "contend_"

// Fresh makes an empty schema and returns the URL that nodes open it by. The
// URL may hold a password: hand it to a process by its environment, since every
// user of a machine can read command lines.
func (s *Server) Fresh(ctx context.Context) (string, error) {
	random := make([]byte, 8)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("name a schema: %w", err)
	}
	schema := schemaPrefix + hex.EncodeToString(random)
	if err := pgstore.MakeSchema(ctx, s.url, schema); err != nil {
		return "", err
	}
	return withSchema(s.url, schema)
}

// withSchema returns base with a search_path of schema alone.
func withSchema(base, schema string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the server's URL cannot be parsed") // the reason would show the password
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// Inspect reads what the schema at url, from Fresh, holds.
func (s *Server) Inspect(ctx context.Context, url string) (store.Facts, error) {
	return app.Inspect(ctx, pgstore.At(url))
}

// Drop removes the schema at url, from Fresh, with everything in it. It removes
// no other.
func (s *Server) Drop(ctx context.Context, text string) error {
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

// Kill sends SIGKILL to a private server, its postmaster and every process that
// serves a connection or writes a file, and returns when the postmaster is gone.
func (s *Server) Kill(context.Context) error {
	if s.private == nil {
		return fmt.Errorf("kill: %w", errGiven)
	}
	s.private.kill()
	return nil
}

// Restart starts again what Kill has ended, at the same port, and returns once
// it has recovered and answers.
func (s *Server) Restart(ctx context.Context) error {
	if s.private == nil {
		return fmt.Errorf("restart: %w", errGiven)
	}
	return s.private.restart(ctx, s.url)
}

// CPU returns the processor time that a private server and all its processes
// have had so far, those that were killed included. Of a backend that has not
// ended it counts what /proc tells. It is an error for somebody else's server.
func (s *Server) CPU() (time.Duration, error) {
	if s.private == nil {
		return 0, fmt.Errorf("processor time: %w", errGiven)
	}
	return s.private.cpu()
}

// Close stops a private server and removes its directory. Somebody else's
// server is left as it is; what Fresh made there is for Drop.
func (s *Server) Close() error {
	if s.private == nil {
		return nil
	}
	s.private.stop()
	if err := os.RemoveAll(s.private.dir); err != nil {
		return fmt.Errorf("remove PostgreSQL's directory: %w", err)
	}
	return nil
}
