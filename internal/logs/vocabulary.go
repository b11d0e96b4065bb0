package logs

// A meaning is what a word in a line says.
type meaning uint8

const (
	isText      meaning = iota // SQLite's own words for a code, which others use as well
	isAlias                    // another library's name for a code, which nobody else uses
	isName                     // the begin of a code's name
	isNumber                   // a number behind it is a code
	isHex                      // the last four digits behind it are a code
	isError                    // something failed
	isSQLite                   // SQLite is spoken of
	isSupposed                 // what follows may not have happened: advice, source, a test\'s name
	isTakenBack                // what stands before may not have happened
	isRetry                    // told is of an attempt, of which there may be more
)

// A word is looked for in every line; its text is in lower case.
type word struct {
	text string
	mean meaning
	code code
}

// words are all that make a line speak of a failure. A new library's name for a
// code goes here, in lower case, with where it comes from.
var words = newAutomaton([]word{
	{"sqlite_", isName, 0},

	// sqlite3_errstr for codes that a shared file may cause (https://sqlite.org/c3ref/errcode.html), and SQLite's words for locked things.
	{"database is locked", isText, 5},
	{"database file is locked", isText, 5}, // sqlite-jdbc
	{"database connection is busy", isText, 5},
	{"database table is locked", isText, 6},
	{"database schema is locked", isText, 6},
	{"vtable constructor called recursively", isText, 6},
	{"locking protocol", isText, 15},
	{"database disk image is malformed", isText, 11},
	{"malformed database schema", isText, 11},
	{"file is not a database", isText, 26},
	{"file is encrypted or is not a database", isText, 26}, // before 3.24
	{"disk i/o error", isText, 10},
	{`disk i\/o error`, isText, 10}, // JSON as PHP writes it
	{"database or disk is full", isText, 13},
	{"unable to open database file", isText, 14},
	{"attempt to write a readonly database", isText, 8},
	{"database schema has changed", isText, 17},
	{"another database connection has already written to the database", isText, 517}, // sqlite-jdbc
	{"unique constraint failed", isText, 2067}, {"foreign key constraint failed", isText, 787}, {"not null constraint failed", isText, 1299}, {"check constraint failed", isText, 275},
	{"database locked, sleeping then retrying", isAlias, 5},       // Grafana
	{"database table locked, sleeping then retrying", isAlias, 6}, // Grafana up to 6.1

	{"code: databasebusy", isAlias, 5}, {"code: databaselocked", isAlias, 6}, {"code: systemiofailure", isAlias, 10}, {"code: databasecorrupt", isAlias, 11}, // rusqlite's ErrorCode
	{"code: filelockingprotocolfailed", isAlias, 15},
	{"sqlite3::busyexception", isAlias, 5}, {"sqlite3::lockedexception", isAlias, 6}, {"sqlite3::ioexception", isAlias, 10}, // Ruby
	{"sqlite3::corruptexception", isAlias, 11}, {"sqlite3::fullexception", isAlias, 13}, {"sqlite3::cantopenexception", isAlias, 14},
	{"sqlite3::readonlyexception", isAlias, 8}, {"sqlite3::notadatabaseexception", isAlias, 26}, {"sqlite3::protocolexception", isAlias, 15},
	{"sqlitedatabaselockedexception", isAlias, 5}, {"sqlitetablelockedexception", isAlias, 6}, {"sqlitediskioexception", isAlias, 10}, // Android
	{"sqlitedatabasecorruptexception", isAlias, 11}, {"sqlitefullexception", isAlias, 13}, {"sqlitecantopendatabaseexception", isAlias, 14},
	{"sqlitereadonlydatabaseexception", isAlias, 8},
	{"apsw.busyerror", isAlias, 5}, {"apsw.lockederror", isAlias, 6}, {"apsw.ioerror", isAlias, 10}, {"apsw.corrupterror", isAlias, 11}, // Python's apsw
	{"code = busy (5)", isAlias, 5}, {"code = locked (6)", isAlias, 6}, {"code = ioerr (10)", isAlias, 10}, {"code = corrupt (11)", isAlias, 11}, // System.Data.SQLite
	{"exqlite.error) database busy", isAlias, 5}, {"{error,{busy,", isAlias, 5}, // Elixir, Erlang
	{"sqlite.sqliteexception: busy", isAlias, 5}, {"sqlite.sqliteexception: locked", isAlias, 6}, // sqlite-net
	{"ns_error_storage_busy", isAlias, 5}, {"ns_error_storage_ioerr", isAlias, 10}, // mozStorage
	{"ns_error_file_is_locked", isAlias, 6}, {"ns_error_file_corrupted", isAlias, 11},
	{"failed to respond to a query within the configured timeout", isAlias, 5}, // Prisma on SQLite
	{"0x87af", isHex, 0}, // winsqlite's HRESULT

	{"sqlite error", isNumber, 0}, {"sqlite3 error", isNumber, 0}, {"sqlite failure", isNumber, 0}, {"sqlite code", isNumber, 0}, {"sqlite result", isNumber, 0},
	{"sqlite return code", isNumber, 0}, {"sqlitefailure(", isNumber, 0}, {"nssqliteerrordomain", isNumber, 0}, {"sqlite_errno", isNumber, 0},
	{"sqliteerrorcode", isNumber, 0}, {"sqliteextendederrorcode", isNumber, 0}, {"sql query failed with code", isNumber, 0},
	{"sql statement failed with code", isNumber, 0}, {"sqlite3_step returned", isNumber, 0}, {"sqlite3_step() returned", isNumber, 0}, {"sqlite3_step failed with", isNumber, 0},

	{"error", isError, 0}, {"fatal", isError, 0}, {"panic", isError, 0}, {"exception", isError, 0}, {"severe", isError, 0}, {"critical", isError, 0},
	{"panicked", isError, 0}, {"=eror", isError, 0}, {"[err]", isError, 0}, {"|err|", isError, 0}, {" err ", isError, 0}, {"[crit]", isError, 0}, {"[alert]", isError, 0}, {"[emerg]", isError, 0},
	{"[e]", isError, 0},

	{"sqlite", isSQLite, 0}, {"sqlstate[hy000]", isSQLite, 0},

	{"if you get", isSupposed, 0}, {"if you see", isSupposed, 0}, {"if you encounter", isSupposed, 0}, {"if there", isSupposed, 0}, {"if it says", isSupposed, 0},
	{"in case of", isSupposed, 0}, {"when you", isSupposed, 0}, {"to avoid", isSupposed, 0}, {"avoids", isSupposed, 0}, {"avoiding", isSupposed, 0},
	{"to prevent", isSupposed, 0}, {"prevents", isSupposed, 0}, {"to reduce", isSupposed, 0}, {"reduces", isSupposed, 0}, {"may cause", isSupposed, 0},
	{"might cause", isSupposed, 0}, {"can cause", isSupposed, 0}, {"could cause", isSupposed, 0}, {"may lead", isSupposed, 0}, {"can lead", isSupposed, 0},
	{"could lead", isSupposed, 0}, {"may result", isSupposed, 0}, {"can result", isSupposed, 0}, {"may fail with", isSupposed, 0}, {"can fail with", isSupposed, 0},
	{"see docs", isSupposed, 0}, {"retry on", isSupposed, 0}, {"retries on", isSupposed, 0},
	{"so that", isSupposed, 0}, {"handler for", isSupposed, 0}, {"hint:", isSupposed, 0}, {"grep ", isSupposed, 0}, {"such as", isSupposed, 0},
	{"fix:", isSupposed, 0}, {"fix for", isSupposed, 0}, {"fixes #", isSupposed, 0}, {"fixed: ", isSupposed, 0},
	{"✓", isSupposed, 0},

	{"retry", isRetry, 0}, {"attempt", isRetry, 0}, {"tries", isRetry, 0}, {"try ", isRetry, 0},

	{"errors should", isTakenBack, 0}, {"errors may", isTakenBack, 0}, {"errors can", isTakenBack, 0}, {"errors are", isTakenBack, 0}, {"errors will", isTakenBack, 0},
	{", please", isTakenBack, 0}, {"should not occur", isTakenBack, 0}, {"can be ignored", isTakenBack, 0}, {"can happen", isTakenBack, 0}, {"may happen", isTakenBack, 0},
	{"may occur", isTakenBack, 0}, {"can occur", isTakenBack, 0}, {"are retried", isTakenBack, 0}, {"will be retried", isTakenBack, 0},
})
