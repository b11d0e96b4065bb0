package postgres

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A target is a server, a database and a schema to speak to.
type target struct {
	config *pgconn.Config
	schema string // "" where the URL names none
}

// errURL describes a valid URL and shows nothing of the one given: it may hold a
// password, and in a URL that cannot be parsed nobody knows where.
var errURL = errors.New("the URL is not one of PostgreSQL's: want postgres://USER:PASSWORD@HOST:PORT/DATABASE?search_path=SCHEMA")

// plainName is a schema that needs no quoting, whatever reads it.
var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// parse reads a URL. What it does not say, the variables of PostgreSQL's own
// clients do: PGPASSWORD, PGSSLMODE and so on
// (https://www.postgresql.org/docs/current/libpq-envars.html).
func parse(text string) (*target, error) {
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return nil, errURL
	}
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, errURL // pgconn hides passwords as well as it can, which is not always
	}
	if _, given := config.RuntimeParams["application_name"]; !given {
		config.RuntimeParams["application_name"] = "contend"
	}
	return &target{config: config, schema: config.RuntimeParams["search_path"]}, nil
}

func (t *target) needSchema() error {
	switch {
	case t.schema == "":
		return errors.New("the URL names no schema to make tables in: add ?search_path=SCHEMA")
	case !plainName.MatchString(t.schema):
		return errors.New("search_path is not one schema of at most 63 small letters, digits and _")
	}
	return nil
}

// String names the target for people, without user and password.
func (t *target) String() string {
	u := url.URL{Scheme: "postgres", Host: net.JoinHostPort(t.config.Host, strconv.Itoa(int(t.config.Port))), Path: "/" + t.config.Database}
	if strings.HasPrefix(t.config.Host, "/") {
		u.Host = "" // a Unix socket
		return u.String() + " at " + t.config.Host
	}
	return u.String()
}
