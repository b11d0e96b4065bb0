package logs

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// read tallies a text as the log x.
func read(t testing.TB, text string) Summary {
	t.Helper()
	in, err := Text(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var tally Tally
	if err := tally.Read(in, "x"); err != nil {
		t.Fatal(err)
	}
	return tally.Summary()
}

// An outcome is what a careful reader says of a log.
type outcome struct {
	Codes      map[string]int64
	Containers []string // of failures
	Times      []string // of refusals by second, and the first and last of errors of SQLite
	NoDate     bool     // times lack a year or a date
}

func outcomeOf(s Summary) outcome {
	o := outcome{Codes: map[string]int64{}}
	times := map[string]bool{}
	for _, c := range s.Codes {
		o.Codes[c.Code] = c.Failures
		if c.Code != Other && !c.Refusal && !c.First.IsZero() {
			times[c.First.Format(time.DateTime)] = true
			times[c.Last.Format(time.DateTime)] = true
		}
	}
	for _, c := range s.Containers {
		if c.Refusals+c.Errors > 0 {
			o.Containers = append(o.Containers, c.Container)
		}
	}
	dated, undated := s.DatedBuckets()
	for _, b := range dated {
		times[b.Time.Format(time.DateTime)] = true
	}
	o.Times = slices.Sorted(maps.Keys(times))
	o.NoDate = len(undated) > 0
	return o
}

// Logs in the forms of real programs, beside what a careful reader counts.
func TestCases(t *testing.T) {
	logs, err := filepath.Glob("testdata/cases/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range logs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".log"), func(t *testing.T) {
			log, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			expect, err := os.ReadFile(strings.TrimSuffix(path, ".log") + ".expect")
			if err != nil {
				t.Fatal(err)
			}
			fields := map[string]string{}
			for line := range strings.Lines(string(expect)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				fields[key] = value
			}
			want := outcome{Codes: map[string]int64{}}
			for code := range strings.SplitSeq(fields["codes"], ", ") {
				if name, n, ok := strings.Cut(code, "="); ok {
					want.Codes[name], _ = strconv.ParseInt(n, 10, 64)
				}
			}
			if n, _ := strconv.ParseInt(fields["other_errors"], 10, 64); n > 0 {
				want.Codes[Other] = n
			}
			got := outcomeOf(read(t, string(log)))
			if fields["container"] != "not shown" {
				want.Containers = slices.Sorted(strings.SplitSeq(fields["container"], ", "))
			} else {
				got.Containers = nil
			}
			when, partial := strings.CutSuffix(fields["time"], " (no year or no date)")
			if want.NoDate = partial; !partial && when != "not shown" {
				for at := range strings.SplitSeq(when, ", ") {
					want.Times = append(want.Times, strings.TrimSuffix(strings.Replace(at, "T", " ", 1), "Z"))
				}
				want.Times = slices.Compact(want.Times)
			}
			if len(got.Times) == 0 || fields["codes"] == "none" {
				got.Times, want.Times = slices.Clip(got.Times), slices.Clip(want.Times)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(slices.Equal[[]string])); diff != "" {
				t.Errorf("%s\nwant -, got +\n%s\n%s", fields["why"], diff, log)
			}
		})
	}
}

// More forms, a line or a record of each.
func TestForms(t *testing.T) {
	busy := func(n int64) map[string]int64 { return map[string]int64{"SQLITE_BUSY": n} }
	one := []string{"2026-05-04 03:02:01"}
	for _, test := range []struct {
		name, log string
		want      outcome
	}{
		{"nothing", "", outcome{}},
		{"SQLAlchemy, chained", `Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/sqlalchemy/engine/base.py", line 1910, in _execute_context
    self.dialect.do_execute(
sqlite3.OperationalError: database is locked

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/x.py", line 3, in <module>
    session.commit()
sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked
[SQL: INSERT INTO hits (n) VALUES (?)]
[parameters: (1,)]
(Background on this error at: https://sqlalche.me/e/20/e3q8)
`, outcome{Codes: busy(1)}},
		{"two tracebacks", strings.Repeat("Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nsqlite3.OperationalError: database is locked\n", 2), outcome{Codes: busy(2)}},
		{"uvicorn", "INFO:     127.0.0.1:5 - \"POST /hits HTTP/1.1\" 500 Internal Server Error\nERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nsqlite3.OperationalError: database is locked\n",
			outcome{Codes: busy(1)}},
		{"Airflow", "[2026-05-04T03:02:01.123+0000] {taskinstance.py:1937} ERROR - Task failed with exception\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nsqlite3.OperationalError: database is locked\n",
			outcome{Codes: busy(1), Times: one}},
		{"loguru", "2026-05-04 03:02:01.123 | ERROR    | app.store:save:12 - could not save: database is locked", outcome{Codes: busy(1), Times: one}},
		{"apsw", "apsw.BusyError: BusyError: database is locked", outcome{Codes: busy(1)}},
		{"Sequelize", "SequelizeTimeoutError: SQLITE_BUSY: database is locked\n    at Query.formatError (/app/node_modules/sequelize/lib/dialects/sqlite/query.js:415:16) {\n  parent: [Error: SQLITE_BUSY: database is locked] {\n    errno: 5,\n    code: 'SQLITE_BUSY',\n    sql: 'INSERT'\n  },\n  original: [Error: SQLITE_BUSY: database is locked] {\n    errno: 5,\n    code: 'SQLITE_BUSY'\n  }\n}\n",
			outcome{Codes: busy(1)}},
		{"NestJS", "[Nest] 1  - 05/04/2026, 3:02:01 AM   ERROR [ExceptionsHandler] SQLITE_BUSY: database is locked\nQueryFailedError: SQLITE_BUSY: database is locked\n    at /app/x.js:1:2\n",
			outcome{Codes: busy(1), Times: one}},
		{"Prisma's connector", "Error occurred during query execution:\nConnectorError(ConnectorError { user_facing_error: None, kind: QueryError(SqliteError { extended_code: 517, message: Some(\"database is locked\") }), transient: false })",
			outcome{Codes: map[string]int64{"SQLITE_BUSY_SNAPSHOT": 1}}},
		{"Deno", "error: Uncaught (in promise) SqliteError: database is locked\n    at file:///app/main.ts:3:6", outcome{Codes: busy(1)}},
		{"Laravel", "[2026-05-04 03:02:01] production.ERROR: SQLSTATE[HY000]: General error: 5 database is locked (Connection: sqlite, SQL: insert into \"hits\" values (1)) {\"exception\":\"[object] (Illuminate\\\\Database\\\\QueryException(code: HY000): SQLSTATE[HY000]: General error: 5 database is locked at /app/x.php:760)\n[stacktrace]\n#0 /app/x.php(720): run()\n\n[previous exception] [object] (PDOException(code: HY000): SQLSTATE[HY000]: General error: 5 database is locked at /app/x.php:1)\n[stacktrace]\n#0 x\n\"}\n",
			outcome{Codes: busy(1), Times: one}},
		{"PHP with a place", "[04-May-2026 05:02:01 Europe/Berlin] PHP Warning:  SQLite3::exec(): database is locked in /srv/a.php on line 3", outcome{Codes: busy(1), Times: one}},
		{"PHP in UTC", "[04-May-2026 03:02:01 UTC] PHP Fatal error:  Uncaught Exception: database is locked in /srv/a.php:3", outcome{Codes: busy(1), Times: one}},
		{"Apache", "[Mon May 04 03:02:01.123456 2026] [php:error] [pid 12] [client 10.0.0.1:1] PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000]: General error: 5 database is locked in /srv/a.php:3", outcome{Codes: busy(1), Times: one}},
		{"Rails 7, tagged", "E, [2026-05-04T03:02:01.123456 #12] ERROR -- : [3f1c] SQLite3::BusyException: database is locked\nE, [2026-05-04T03:02:01.123999 #12] ERROR -- : [3f1c] app/models/hit.rb:7\n", outcome{Codes: busy(1), Times: one}},
		{"Go panic", "panic: database is locked (5) (SQLITE_BUSY)\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:9 +0x1d\nexit status 2\n", outcome{Codes: busy(1)}},
		{"GORM", "\n2026/05/04 03:02:01 \x1b[31;1m/app/db.go:42 \x1b[35;1mdatabase is locked\n\x1b[0m\x1b[33m[5001.234ms] \x1b[34;1m[rows:0]\x1b[0m INSERT INTO `hits` VALUES (1)\n", outcome{Codes: busy(1), Times: one}},
		{"slog text", `time=2026-05-04T05:02:01.123+02:00 level=ERROR msg="save failed" err="database is locked (517)"`, outcome{Codes: map[string]int64{"SQLITE_BUSY_SNAPSHOT": 1}, Times: one}},
		{"zerolog JSON", `{"level":"error","error":"database is locked","time":1777863721,"message":"save failed"}`, outcome{Codes: busy(1), Times: one}},
		{"structlog", `{"event": "save failed", "level": "error", "timestamp": "2026-05-04T03:02:01.123456Z", "exception": "Traceback (most recent call last):\n...\nsqlite3.OperationalError: database is locked"}`, outcome{Codes: busy(1), Times: one}},
		{"Serilog compact", `{"@t":"2026-05-04T03:02:01.1234567Z","@mt":"save failed","@l":"Error","@x":"Microsoft.Data.Sqlite.SqliteException (0x80004005): SQLite Error 5: 'database is locked'."}`, outcome{Codes: busy(1), Times: one}},
		{"log4j JSON", `{"instant":{"epochSecond":1777863721,"nanoOfSecond":123000000},"thread":"main","level":"ERROR","message":"[SQLITE_BUSY] The database file is locked (database is locked)"}`, outcome{Codes: busy(1), Times: one}},
		{"java.util.logging", "May 04, 2026 3:02:01 AM org.foo.Bar save\nSEVERE: could not save\norg.sqlite.SQLiteException: [SQLITE_BUSY] The database file is locked (database is locked)\n\tat org.sqlite.core.DB.newSQLException(DB.java:1179)\n", outcome{Codes: busy(1), Times: one}},
		{"Hikari and a cause", "2026-05-04 03:02:01.123 ERROR 7 --- [main] c.z.h.p.HikariPool : init failed\njava.lang.RuntimeException: x\n\tat a.B.c(B.java:1)\nCaused by: org.sqlite.SQLiteException: [SQLITE_BUSY] The database file is locked (database is locked)\n\t... 12 common frames omitted\n", outcome{Codes: busy(1), Times: one}},
		{"Android, one exception", "05-04 03:02:01.760  4599  4873 E SQLiteLog: (5) database is locked\n05-04 03:02:01.761  4599  4873 E AndroidRuntime: android.database.sqlite.SQLiteDatabaseLockedException: database is locked (code 5 SQLITE_BUSY[5])\n05-04 03:02:01.761  4599  4873 E AndroidRuntime: \tat x.y.z(Native Method)\n", outcome{Codes: busy(1), NoDate: true}},
		{"EF Core, Serilog", "[03:02:01 ERR] Failed executing DbCommand (30,012ms)\nMicrosoft.Data.Sqlite.SqliteException (0x80004005): SQLite Error 5: 'database is locked'.\n   at Microsoft.Data.Sqlite.SqliteException.ThrowExceptionForRC(Int32 rc, sqlite3 db)\n", outcome{Codes: busy(1), NoDate: true}},
		{"sqlx in a panic", "thread 'tokio-runtime-worker' panicked at src/db.rs:9:5:\ncalled `Result::unwrap()` on an `Err` value: Database(SqliteError { code: 5, message: \"database is locked\" })\nnote: run with `RUST_BACKTRACE=1`\n", outcome{Codes: busy(1)}},
		{"Chromium", "[1234:5678:0504/030201.123456:ERROR:database.cc(1234)] Web sqlite error 5, errno 0: database is locked, sql: BEGIN", outcome{Codes: busy(1)}},
		{"Core Data", "CoreData: error: (266) disk I/O error, NSSQLiteErrorDomain=266", outcome{Codes: map[string]int64{"SQLITE_IOERR_READ": 1}}},
		{"Elixir", "03:02:01.123 [error] GenServer X terminating\n** (Exqlite.Error) Database busy\nINSERT INTO hits\n", outcome{Codes: busy(1), NoDate: true}},
		{"Gitea", "2026/05/04 03:02:01 ...eb/routing/logger.go:102:func1() [E] router: failed handler: database is locked", outcome{Codes: busy(1), Times: one}},
		{"Redis' time", "1:M 04 May 2026 03:02:01.123 # database is locked", outcome{Codes: busy(1)}},

		{"huey", "[2026-05-04 03:02:01,123] ERROR:huey:Worker-1:Unhandled exception in task 5c0e.\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nsqlite3.OperationalError: database is locked\n", outcome{Codes: busy(1), Times: one}},
		{"Django's console", "Internal Server Error: /hits/\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nsqlite3.OperationalError: database is locked\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"y.py\", line 1, in g\ndjango.db.utils.OperationalError: database is locked\n[04/May/2026 03:02:01] \"POST /hits/ HTTP/1.1\" 500 145\n", outcome{Codes: busy(1)}},
		{"Kodi", "2026-05-04 03:02:01.123 T:1234   ERROR <general>: SQL: [MyVideos131.db] database is locked (5)\nQuery: SELECT 1\n", outcome{Codes: busy(1), Times: one}},
		{"Minecraft", "[03:02:01] [Server thread/ERROR]: could not save\norg.sqlite.SQLiteException: [SQLITE_BUSY]  The database file is locked (database is locked)\n\tat org.sqlite.core.DB.newSQLException(DB.java:941)\n", outcome{Codes: busy(1), NoDate: true}},
		{"Sidekiq", "2026-05-04T03:02:01.123Z pid=7 tid=abc class=HitJob jid=12 WARN: ActiveRecord::StatementTimeout: SQLite3::BusyException: database is locked\n2026-05-04T03:02:01.124Z pid=7 tid=abc class=HitJob jid=12 WARN: /app/models/hit.rb:7:in 'add'\n", outcome{Codes: busy(1), Times: one}},
		{".NET's JSON", `{"EventId":10000,"LogLevel":"Error","Category":"X","Message":"An exception occurred","Exception":"Microsoft.Data.Sqlite.SqliteException (0x80004005): SQLite Error 5: 'database is locked'.","Timestamp":"2026-05-04T03:02:01.1234567Z"}`, outcome{Codes: busy(1), Times: one}},
		{"Prisma with source", "PrismaClientKnownRequestError: \nInvalid `prisma.hit.create()` invocation in\n/app/src/index.ts:12:30\n\n   9 \n  10 async function save() {\n→ 12   await prisma.hit.create(\nOperations timed out after `N/A`. Context: The database failed to respond to a query within the configured timeout. Database: /data/dev.db\n    at x (/app/y.js:1:2) {\n  code: 'P1008',\n}\n", outcome{Codes: busy(1)}},
		{"Node, uncaught", "node:internal/process/promises:394\n      triggerUncaughtException(err, true /* fromPromise */);\n      ^\n\n[Error: SQLITE_BUSY: database is locked] {\n  errno: 5,\n  code: 'SQLITE_BUSY'\n}\n\nNode.js v22.1.0\n", outcome{Codes: busy(1)}},
		{"knex", "Error: insert into `hits` (`n`) values ('a') - SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1)}},
		{"Ruby, uncaught", "/gems/sqlite3/statement.rb:108:in `step': database is locked (SQLite3::BusyException)\n\tfrom a.rb:1:in `<main>'\n", outcome{Codes: busy(1)}},
		{"anyhow", "Error: could not save\n\nCaused by:\n    0: error returned from database: (code: 517) database is locked\n    1: (code: 517) database is locked\n", outcome{Codes: map[string]int64{"SQLITE_BUSY_SNAPSHOT": 1}}},
		{"tracing, pretty", strings.Repeat("  2026-05-04T03:02:01.123456Z ERROR orders::db: write failed: database is locked\n    at src/db.rs:9\n\n", 2), outcome{Codes: busy(2), Times: one}},
		{"log4net", "2026-05-04 03:02:01,123 [12] ERROR Shop.Store - save failed\nSystem.Data.SQLite.SQLiteException (0x80004005): database is locked\ndatabase is locked\n   at x\n", outcome{Codes: busy(1), Times: one}},
		{"System.Data.SQLite, unhandled", "Unhandled Exception: System.Data.SQLite.SQLiteException: database is locked\ndatabase is locked\n   at x\n", outcome{Codes: busy(1)}},
		{"go-kit", `ts=2026-05-04T03:02:01.123Z caller=a.go:1 level=error err="database is locked"`, outcome{Codes: busy(1), Times: one}},

		{"Celery, two tasks", "[2026-05-04 03:02:01,123: ERROR/MainProcess] task 3 failed: database is locked\n[2026-05-04 03:02:01,124: ERROR/MainProcess] order 4: database is locked\n", outcome{Codes: busy(2), Times: one}},
		{"two classes", "SqliteError: database is locked\n    at x {\n  code: 'SQLITE_BUSY'\n}\nError: database is locked\n    at y {\n  errcode: 517\n}\n", outcome{Codes: map[string]int64{"SQLITE_BUSY": 1, "SQLITE_BUSY_SNAPSHOT": 1}}},
		{"a message and its traceback", "could not save: database is locked\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nsqlite3.OperationalError: database is locked\n", outcome{Codes: busy(1)}},
		{"a thread's next statement", "2026-05-04 03:02:01,123 ERROR [worker-1] insert: database is locked\n2026-05-04 03:02:01,124 ERROR [worker-1] update: database is locked\n", outcome{Codes: busy(2), Times: one}},
		{"asyncio", "Task exception was never retrieved\nfuture: <Task finished name='Task-5' coro=<save() done> exception=OperationalError('database is locked')>\nTraceback (most recent call last):\n  File \"x.py\", line 4, in save\nsqlite3.OperationalError: database is locked\n", outcome{Codes: busy(1)}},
		{"Prisma's log", "prisma:error \nInvalid `prisma.user.update()` invocation:\n\n\nError occurred during query execution:\nConnectorError(ConnectorError { kind: QueryError(SqliteError { extended_code: 5, message: Some(\"database is locked\") }) })\n", outcome{Codes: busy(1)}},
		{"Android, brief", "E/AndroidRuntime( 4599): FATAL EXCEPTION: main\nE/AndroidRuntime( 4599): java.lang.RuntimeException: x\nE/AndroidRuntime( 4599): Caused by: android.database.sqlite.SQLiteDatabaseLockedException: database is locked (code 5)\nE/AndroidRuntime( 4599): \tat x\n", outcome{Codes: busy(1)}},
		{"Android, no SQLite", "05-04 03:02:01.760  4599  4873 E AndroidRuntime: FATAL EXCEPTION: main\n05-04 03:02:01.760  4599  4873 E AndroidRuntime: Process: x, PID: 4599\n05-04 03:02:01.760  4599  4873 E AndroidRuntime: java.lang.RuntimeException: x\n05-04 03:02:01.760  4599  4873 E AndroidRuntime: \tat x\n", outcome{Codes: map[string]int64{Other: 1}}},
		{"CRI", "2026-05-04T03:02:01.123456789Z stderr F Traceback (most recent call last):\n2026-05-04T03:02:01.123456790Z stderr F   File \"x.py\", line 1\n2026-05-04T03:02:01.123456799Z stderr F sqlite3.OperationalError: database is locked\n", outcome{Codes: busy(1), Times: one}},
		{"CRI in parts", "2026-05-04T03:02:01.123456789Z stderr P Error: SQLITE_BUSY: \n2026-05-04T03:02:01.123456790Z stderr F database is locked\n", outcome{Codes: busy(1), Times: one}},
		{"json-file's traceback", `{"log":"Traceback (most recent call last):\n","stream":"stderr","time":"2026-05-04T03:02:01.1Z"}` + "\n" + `{"log":"  File \"x.py\", line 1, in f\n","stream":"stderr","time":"2026-05-04T03:02:01.1Z"}` + "\n" + `{"log":"sqlite3.OperationalError: database is locked\n","stream":"stderr","time":"2026-05-04T03:02:01.1Z"}` + "\n",
			outcome{Codes: busy(1), Times: one}},
		{"docker logs -t with a traceback", "2026-05-04T03:02:01.123456789Z Traceback (most recent call last):\n2026-05-04T03:02:01.123456789Z   File \"x.py\", line 1\n2026-05-04T03:02:01.123456789Z sqlite3.OperationalError: database is locked\n", outcome{Codes: busy(1), Times: one}},
		{"a time that is none of Docker's, with a traceback", "2026-05-04T03:02:01.123Z Traceback (most recent call last):\n2026-05-04T03:02:01.123Z   File \"x.py\", line 1\n2026-05-04T03:02:01.124Z sqlite3.OperationalError: database is locked\n", outcome{Codes: busy(1), Times: one}},
		{"stern", "orders-7c9d5b6f8-x2x4z api Error: SQLITE_BUSY: database is locked\nbilling-5d4f8-k9v2b api Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(2), Containers: []string{"billing-5d4f8-k9v2b/api", "orders-7c9d5b6f8-x2x4z/api"}}},
		{"journald", "May 04 03:02:01 host1 orders[812]: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, NoDate: true}},
		{"journald, short-iso", "2026-05-04T05:02:01+0200 host1 orders[812]: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"journald, short-full", "Mon 2026-05-04 05:02:01 CEST host1 orders[812]: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"syslog RFC 3164", "<11>May  4 03:02:01 host1 docker/orders[812]: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, NoDate: true}},
		{"syslog RFC 5424 with data", "<11>1 2026-05-04T05:02:01.123+02:00 host1 orders 812 ID47 [a@1 b=\"c\"] database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"Heroku", "2026-05-04T03:02:01.123456+00:00 app[web.1]: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"web.1"}, Times: one}},
		{"Fluentd", "2026-05-04T05:02:01+02:00\tdocker.x\t{\"container_name\":\"/orders\",\"source\":\"stderr\",\"log\":\"Error: SQLITE_BUSY: database is locked\"}\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"logcli", "2026-05-04T03:02:01Z {container=\"orders\", job=\"x\"} Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"Filebeat", `{"@timestamp":"2026-05-04T03:02:01.123Z","message":"Error: SQLITE_BUSY: database is locked","kubernetes":{"pod":{"name":"orders-0"},"container":{"name":"api"}}}`, outcome{Codes: busy(1), Containers: []string{"orders-0/api"}, Times: one}},
		{"Google Cloud, pod", `{"severity":"ERROR","timestamp":"2026-05-04T03:02:01Z","jsonPayload":{"message":"database is locked (517)"},"resource":{"labels":{"pod_name":"orders-0","container_name":"api"}}}`, outcome{Codes: map[string]int64{"SQLITE_BUSY_SNAPSHOT": 1}, Containers: []string{"orders-0/api"}, Times: one}},
		{"Azure Container Apps", `{"TimeStamp":"2026-05-04T03:02:01.123","Log":"Error: SQLITE_BUSY: database is locked","ContainerName":"orders"}`, outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"swarm with times", "2026-05-04T03:02:01.123Z web_app.1.x4k2j9d0q1zr@node-1    | Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"web_app.1"}, Times: one}},
		{"syslog without a host", "<30>May  4 03:02:01 orders[812]: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, NoDate: true}},
		{"journald, short-unix", "1777863721.123456 host1 orders[812]: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"Cloud Foundry", "   2026-05-04T03:02:01.12+0000 [APP/PROC/WEB/0] ERR Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"APP/PROC/WEB/0"}, Times: one}},
		{"CloudWatch's events", `{"logStreamName":"orders/api/0f1e","timestamp":1777863721123,"message":"Error: SQLITE_BUSY: database is locked","ingestionTime":1777863721999}`, outcome{Codes: busy(1), Containers: []string{"orders/api/0f1e"}, Times: one}},
		{"stern's JSON", `{"message":"database is locked","nodeName":"n","namespace":"d","podName":"orders-0","containerName":"api"}`, outcome{Codes: busy(1), Containers: []string{"orders-0/api"}}},
		{"Fluent Bit around CRI", `{"date":1777863721.5,"log":"2026-05-04T03:02:01.123456789Z stderr F database is locked","kubernetes":{"pod_name":"orders-0","container_name":"api"}}`, outcome{Codes: busy(1), Containers: []string{"orders-0/api"}, Times: one}},
		{"gcloud's list", "[\n  {\n    \"textPayload\": \"Error: SQLITE_BUSY: [database] {is} \\\"locked\",\n    \"labels\": [\n      {\"a\": 1}\n    ],\n    \"timestamp\": \"2026-05-04T03:02:01.123Z\"\n  },\n  {\n    \"textPayload\": \"database is locked (517)\",\n    \"timestamp\": \"2026-05-04T03:02:01.123Z\"\n  }\n]\n", outcome{Codes: map[string]int64{"SQLITE_BUSY": 1, "SQLITE_BUSY_SNAPSHOT": 1}, Times: one}},
		{"AWS's list", "{\n    \"events\": [\n        {\n            \"logStreamName\": \"orders/api/0f1e\",\n            \"timestamp\": 1777863721123,\n            \"message\": \"Error: SQLITE_BUSY: database is locked\"\n        }\n    ],\n    \"searchedLogStreams\": []\n}\n", outcome{Codes: busy(1), Containers: []string{"orders/api/0f1e"}, Times: one}},
		{"a list, and then lines", "[{\"message\":\"x\"}]\nError: SQLITE_BUSY: database is locked\nError: SQLITE_IOERR\n", outcome{Codes: map[string]int64{"SQLITE_BUSY": 1, "SQLITE_IOERR": 1}}},
		{"Loki's lines", `{"labels":{"container":"api","pod":"orders-0"},"line":"database is locked","timestamp":"2026-05-04T03:02:01Z"}`, outcome{Codes: busy(1), Containers: []string{"orders-0/api"}, Times: one}},
		{"Azure Log Analytics", `{"TimeGenerated":"2026-05-04T03:02:01Z","PodName":"orders-0","ContainerName":"api","LogMessage":"database is locked"}`, outcome{Codes: busy(1), Containers: []string{"orders-0/api"}, Times: one}},
		{"pm2", "0|api      | 2026-05-04T03:02:01: Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"api"}, Times: one}},
		{"foreman", "03:02:01 web.1  | Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"web.1"}, NoDate: true}},
		{"DigitalOcean", "orders 2026-05-04T03:02:01.123456789Z Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}, Times: one}},
		{"kubetail", "[orders-7c9d5b6f8-x2x4z] database is locked\n[orders-7c9d5b6f8-x2x4z api] database is locked\n", outcome{Codes: busy(2), Containers: []string{"orders-7c9d5b6f8-x2x4z", "orders-7c9d5b6f8-x2x4z/api"}}},
		{"logrus on a terminal", "ERRO[2026-05-04T03:02:01Z] index: database is locked\nERRO[0005] save failed error=\"database is locked\"\n", outcome{Codes: busy(2), Times: one}},
		{"Erlang", "** Reason for termination == {error,{busy,\"database is locked\"}}\n", outcome{Codes: busy(1)}},
		{"podman-compose", "[orders] | Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders"}}},
		{"compose, one blank", "orders-1 | Error: SQLITE_BUSY: database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders-1"}}},
		{"two containers at once", "a-1  | Traceback (most recent call last):\nb-1  | Error: SQLITE_BUSY: database is locked\na-1  |   File \"x.py\", line 1\na-1  | sqlite3.OperationalError: database is locked\n", outcome{Codes: busy(2), Containers: []string{"a-1", "b-1"}}},
		{"the collector's zone is better than none", "orders-1  | 2026-05-04T03:02:01.123456789Z 2026-05-04 05:02:01,120 ERROR database is locked\n", outcome{Codes: busy(1), Containers: []string{"orders-1"}, Times: one}},

		{"a wrapper of an error says it again", "2026-05-04 03:02:01 database is locked (5) (SQLITE_BUSY)\n2026-05-04 03:02:01 save order: database is locked (5) (SQLITE_BUSY)\n", outcome{Codes: busy(1), Times: one}},
		{"three requests in a second", "2026/05/04 03:02:01 insert a: database is locked\n2026/05/04 03:02:01 insert b: database is locked\n2026/05/04 03:02:01 update c: database is locked\n", outcome{Codes: busy(3), Times: one}},
		{"the same again", strings.Repeat("Error: SQLITE_BUSY: database is locked\n", 3), outcome{Codes: busy(3)}},
		{"an error after a failure", "Error: SQLITE_BUSY: database is locked\nTypeError: x is undefined\n", outcome{Codes: map[string]int64{"SQLITE_BUSY": 1, Other: 1}}},
		{"errno alone is no code", "Error: ECONNREFUSED\n  errno: 5,\n", outcome{Codes: map[string]int64{Other: 1}}},
		{"a line number is no code", "database is locked at db.js line 517, port 261\n", outcome{Codes: busy(1)}},

		{"KeePassXC", "Database locked.\nThe database is locked.\nDatabase is locked.\n", outcome{}},
		{"a source line", "/app/db.js:12\n    if (err.code === 'SQLITE_BUSY') throw new Error('x')\n            ^\n\nError: x\n    at f (/app/db.js:12:3)\n", outcome{Codes: map[string]int64{Other: 1}}},
		{"SQL that is echoed", "DEBUG SELECT * FROM notes WHERE text LIKE '%database is locked%'\n", outcome{}},
		{"parameters that are echoed", "INFO sqlalchemy.engine.Engine INSERT INTO notes (text) VALUES (?)\nINFO sqlalchemy.engine.Engine [generated in 0.00012s] ('database is locked',)\n", outcome{}},
		{"Rails' parameters", "D, [2026-05-04T03:02:01.123456 #7] DEBUG -- :   Note Create (0.3ms)  INSERT INTO \"notes\" (\"text\") VALUES (?)  [[\"text\", \"database is locked\"]]\n", outcome{}},
		{"a request", "10.0.0.7 - - [04/May/2026:03:02:01 +0000] \"GET /search?q=SQLITE_BUSY HTTP/1.1\" 200 12\n", outcome{}},
		{"a metric", "sqlite_errors_total{code=\"SQLITE_BUSY\"} 25\n", outcome{}},
		{"a count", "totals: ok 100, SQLITE_BUSY: 25, SQLITE_LOCKED: 0\n", outcome{}},
		{"please, but an error", "Error: database is locked, please retry\n", outcome{Codes: busy(1)}},
		{"a setting", "SQLITE_BUSY_TIMEOUT=5000\nSQLITE_BUSY_TIMEOUT: 5000\nSQLITE_BUSY_RETRIES 3\n", outcome{}},
		{"a test's name", "✓ retries after SQLITE_BUSY (12 ms)\n", outcome{}},
		{"a comment", "# avoid SQLITE_BUSY\n", outcome{}},
		{"a URL", "GET /docs/SQLITE_BUSY 200\n", outcome{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := outcomeOf(read(t, test.log))
			if test.want.Containers == nil {
				got.Containers = nil
			}
			if test.want.Codes == nil {
				test.want.Codes = map[string]int64{}
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(slices.Equal[[]string])); diff != "" {
				t.Errorf("want -, got +\n%s\n%s", diff, test.log)
			}
		})
	}
}

// A log as a service writes it: one line in a hundred is a refusal.
func ordinary(size int, failing int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		switch {
		case i%100 < failing:
			b.WriteString("orders-1  | 2026-05-04T03:02:01.123456789Z ERROR order 4711 not saved: SQLITE_BUSY: database is locked\n")
		case i%4 == 0:
			b.WriteString(`orders-2  | {"time":"2026-05-04T03:02:01.5Z","level":"INFO","msg":"request","path":"/api/increment","status":200,"duration_ms":0.45}` + "\n")
		default:
			b.WriteString("orders-1  | 2026-05-04T03:02:01.123456789Z 10.0.0.7 - \"GET /api/orders?limit=10 HTTP/1.1\" 200 5316 \"-\" \"curl/8.5.0\"\n")
		}
	}
	return b.Bytes()
}

// processorTime is what this process has used of all cores.
func processorTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkRead(b *testing.B) {
	for _, test := range []struct {
		name    string
		failing int
	}{{"1in100", 1}, {"all", 100}} {
		b.Run(test.name, func(b *testing.B) {
			log := ordinary(8<<20, test.failing)
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			before, n := processorTime(b), 0
			for b.Loop() {
				n++
				var tally Tally
				if err := tally.Read(bytes.NewReader(log), "x"); err != nil {
					b.Fatal(err)
				}
				if s := tally.Summary(); s.Refusals == 0 {
					b.Fatal("no refusal")
				}
			}
			b.ReportMetric(float64(n*len(log))/1e6/(processorTime(b)-before).Seconds(), "MB/cpu-s") // what one core does, also on a busy machine
		})
	}
}
