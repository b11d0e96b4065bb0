package postgres

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/contend/internal/store"
)

// SQLSTATEs that this package decides by, or makes itself.
const (
	cannotConnect     = "08001" // nothing was sent
	connectionFailure = "08006" // something may have been
	completionUnknown = "40003"
	lockNotAvailable  = "55P03"
	tooManyClients    = "53300"
	startingUp        = "57P03"
)

// names are the conditions of PostgreSQL's that an application of this kind can
// meet (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var names = map[string]string{
	"08000": "CONNECTION_EXCEPTION", "08001": "SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION",
	"08003": "CONNECTION_DOES_NOT_EXIST", "08004": "SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION",
	"08006": "CONNECTION_FAILURE", "08007": "TRANSACTION_RESOLUTION_UNKNOWN", "08P01": "PROTOCOL_VIOLATION",
	"0A000": "FEATURE_NOT_SUPPORTED",
	"22003": "NUMERIC_VALUE_OUT_OF_RANGE", "22021": "CHARACTER_NOT_IN_REPERTOIRE", "22P05": "UNTRANSLATABLE_CHARACTER",
	"23502": "NOT_NULL_VIOLATION", "23505": "UNIQUE_VIOLATION", "23514": "CHECK_VIOLATION",
	"25001": "ACTIVE_SQL_TRANSACTION", "25006": "READ_ONLY_SQL_TRANSACTION", "25P01": "NO_ACTIVE_SQL_TRANSACTION",
	"25P02": "IN_FAILED_SQL_TRANSACTION", "25P03": "IDLE_IN_TRANSACTION_SESSION_TIMEOUT",
	"26000": "INVALID_SQL_STATEMENT_NAME", "28000": "INVALID_AUTHORIZATION_SPECIFICATION", "28P01": "INVALID_PASSWORD",
	"3D000": "INVALID_CATALOG_NAME", "3F000": "INVALID_SCHEMA_NAME",
	"40000": "TRANSACTION_ROLLBACK", "40001": "SERIALIZATION_FAILURE",
	"40002": "TRANSACTION_INTEGRITY_CONSTRAINT_VIOLATION", "40003": "STATEMENT_COMPLETION_UNKNOWN",
	"40P01": "DEADLOCK_DETECTED",
	"42501": "INSUFFICIENT_PRIVILEGE", "42601": "SYNTAX_ERROR", "42703": "UNDEFINED_COLUMN", "42883": "UNDEFINED_FUNCTION",
	"42P01": "UNDEFINED_TABLE", "42P06": "DUPLICATE_SCHEMA", "42P07": "DUPLICATE_TABLE",
	"53000": "INSUFFICIENT_RESOURCES", "53100": "DISK_FULL", "53200": "OUT_OF_MEMORY", "53300": "TOO_MANY_CONNECTIONS",
	"53400": "CONFIGURATION_LIMIT_EXCEEDED",
	"54000": "PROGRAM_LIMIT_EXCEEDED", "55000": "OBJECT_NOT_IN_PREREQUISITE_STATE", "55006": "OBJECT_IN_USE",
	"55P03": "LOCK_NOT_AVAILABLE",
	"57000": "OPERATOR_INTERVENTION", "57014": "QUERY_CANCELED", "57P01": "ADMIN_SHUTDOWN", "57P02": "CRASH_SHUTDOWN",
	"57P03": "CANNOT_CONNECT_NOW", "57P04": "DATABASE_DROPPED", "57P05": "IDLE_SESSION_TIMEOUT",
	"58000": "SYSTEM_ERROR", "58030": "IO_ERROR", "XX000": "INTERNAL_ERROR", "XX001": "DATA_CORRUPTED", "XX002": "INDEX_CORRUPTED",
}

// CodeName returns the condition that PostgreSQL's manual gives an SQLSTATE, in
// capitals, or "SQLSTATE_" and the code for one that is not known here.
func CodeName(sqlstate string) string {
	if name, ok := names[sqlstate]; ok {
		return name
	}
	return "SQLSTATE_" + sqlstate
}

// notNow reports whether a server that answers code when it is connected to may
// answer otherwise in a moment.
func notNow(code string) bool { return code == tooManyClients || code == startingUp }

// refusal reports whether an attempt that ended so, and had no effect, may
// succeed if it is made again as a whole.
func refusal(code string) bool {
	switch code {
	case "40000", "40001", "40P01", lockNotAvailable, "57014", "57P01", "57P02", "57P05", "25P03":
		return true
	}
	return notNow(code) || strings.HasPrefix(code, "08")
}

// Explain returns what an error proves. Inside a transaction nothing has been
// committed, whatever failed: a server that loses its client before it receives the
// COMMIT rolls back. Otherwise a write may have been committed before the
// connection broke.
func (c *conn) Explain(op string, err error, waited time.Duration, committing bool) *store.Error {
	code, undone := connectionFailure, false
	var answered *pgconn.PgError
	switch {
	case errors.As(err, &answered):
		// An answer that is an error means that the statement's transaction is rolled back
		// (https://www.postgresql.org/docs/current/protocol-flow.html). That does not go
		// for an error which ends the connection: it can come after the commit as well.
		code = answered.Code
		severity := cmp.Or(answered.SeverityUnlocalized, answered.Severity) // the first, if sent, is in no server's language
		undone = !strings.HasPrefix(code, "08") && code != completionUnknown && severity != "FATAL" && severity != "PANIC"
	case pgconn.SafeToRetry(err):
		code, undone = cannotConnect, true
	}
	certain := undone || !committing
	return &store.Error{
		Op:       op,
		Code:     CodeName(code),
		Extended: code,
		Refused:  certain && refusal(code),
		Waited:   waited,
		TimedOut: certain && code == lockNotAvailable, // no statement here has NOWAIT
		Unsure:   !certain,
		Err:      err,
	}
}
