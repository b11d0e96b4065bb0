package postgres

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// secret is no part of anything else that a URL or an error could hold.
const secret = "hunter2hunter2"

// Neither an error nor a name of a server shows a password, wherever in the URL
// it stands.
func FuzzPasswordIsNeverShown(f *testing.F) {
	for _, s := range []string{
		"postgres://contend:" + secret + "@127.0.0.1:5432/postgres?search_path=x",
		"postgres://contend:" + secret + "@[::1]:5432/postgres", "postgres://u:" + secret + "@h1:1,h2:2/db",
		"postgresql://h/db?password=" + secret, "postgres://u:p" + secret + "@h:99999999/db", "postgres://u:" + secret + "@h:port/db",
		"postgres://u:%zz" + secret + "@h/db", "postgres://" + secret, "host=h password=" + secret, "postgres://u:" + secret + "@h/db?sslmode=no",
		"postgres://u:" + secret + "@h/db?connect_timeout=x", "postgres:///db?host=/tmp&password=" + secret, "postgres://u:a@b:" + secret + "@h/db",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to, err := parse(text)
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q: the error shows it: %v", text, err)
			}
			return
		}
		// A secret that the URL itself gives for another part is none.
		c := to.config
		if strings.Contains(c.Host+c.Database+c.RuntimeParams["search_path"], secret) {
			return
		}
		if strings.Contains(to.String(), secret) {
			t.Errorf("%q: the name shows it: %s", text, to)
		}
		if err := to.needSchema(); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error shows it: %v", text, err)
		}
	})
}

func TestTargetIsNamedForPeople(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://me:pw@db.example:5433/shop?search_path=a": "postgres://db.example:5433/shop",
		"postgres://me@[::1]:5433/shop":                       "postgres://[::1]:5433/shop",
		"postgres://me@/shop?host=/run/postgresql":            "postgres:///shop at /run/postgresql",
	} {
		to, err := parse(text)
		if err != nil || to.String() != want {
			t.Errorf("%s is %v, %v; want %s", text, to, err, want)
		}
		if _, err := url.Parse(want); err != nil {
			t.Error(err)
		}
	}
}

func TestShortVersion(t *testing.T) {
	for said, want := range map[string]string{
		"PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc": "PostgreSQL 15.18",
		"PostgreSQL 18.1 on aarch64-apple-darwin23, compiled by clang":                      "PostgreSQL 18.1",
		"CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27)":                  "CockroachDB CCL v23.1.11",
		"PostgreSQL 11.2-YB-2.20.0.0-b0 on x86_64-pc-linux-gnu":                             "PostgreSQL 11.2-YB-2.20.0.0-b0",
		"": "",
	} {
		if got := shortVersion(said); got != want {
			t.Errorf("%q is %q, want %q", said, got, want)
		}
	}
}

func TestWhatAnErrorProves(t *testing.T) {
	said := func(severity, code string) error { return &pgconn.PgError{Severity: severity, Code: code} }
	for name, c := range map[string]struct {
		err                       error
		certain                   bool
		refused, timedOut, unsure bool
		code                      string
	}{
		"serialization":               {said("ERROR", "40001"), false, true, false, false, "SERIALIZATION_FAILURE"},
		"deadlock":                    {said("ERROR", "40P01"), false, true, false, false, "DEADLOCK_DETECTED"},
		"lock_timeout":                {said("ERROR", "55P03"), false, true, true, false, "LOCK_NOT_AVAILABLE"},
		"cancelled":                   {said("ERROR", "57014"), false, true, false, false, "QUERY_CANCELED"},
		"no such table":               {said("ERROR", "42P01"), false, false, false, false, "UNDEFINED_TABLE"},
		"too many clients":            {said("FATAL", "53300"), true, true, false, false, "TOO_MANY_CONNECTIONS"},
		"shutdown, maybe too late":    {said("FATAL", "57P01"), false, false, false, true, "ADMIN_SHUTDOWN"},
		"shutdown, before any commit": {said("FATAL", "57P01"), true, true, false, false, "ADMIN_SHUTDOWN"},
		"ambiguous result":            {said("ERROR", "40003"), false, false, false, true, "STATEMENT_COMPLETION_UNKNOWN"},
		"lost":                        {pgconn.ErrConnClosed, false, false, false, true, "CONNECTION_FAILURE"},
		"lost, before any commit":     {pgconn.ErrConnClosed, true, true, false, false, "CONNECTION_FAILURE"},
		"unheard of":                  {said("ERROR", "ZZ999"), false, false, false, false, "SQLSTATE_ZZ999"},
	} {
		e := new(conn).Explain("test", c.err, 1, !c.certain)
		if e.Refused != c.refused || e.TimedOut != c.timedOut || e.Unsure != c.unsure || e.Code != c.code {
			t.Errorf("%s: got %+v", name, e)
		}
	}
}
