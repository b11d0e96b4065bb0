package catalogue

// A sourceEntry says what becomes of lines of the source. The claims that cite one of its lines
// are found in the catalogue, and stand on the page behind it.
type sourceEntry struct {
	from, to int
	says     string // the lines, in English
	here     string // the verb and the file for it
	differs  string // what we changed, and why; empty: nothing
}

// Files that entries name often.
const (
	containersPage = "[containers.md](containers.md)"
	composeFile    = "[deploy/compose.yaml](../deploy/compose.yaml)"
	discipline     = "[internal/store/discipline.go](../internal/store/discipline.go)"
	api            = "[internal/nodeapi](../internal/nodeapi/api.go)"
)

// inCatalogue names a file of this package.
func inCatalogue(file string) string {
	return "[internal/catalogue/" + file + "](../internal/catalogue/" + file + ")"
}

// sourceEntries is what the source says, from its first line to its last.
var sourceEntries = []sourceEntry{
	{5, 5, "Several containers share one SQLite file, as an anti-pattern whose problems are shown by experiment.", "`contend run`, `contend run --on compose`; [README](../README.md)", ""},
	{9, 9, "Show the limits of concurrent access.", "`contend run busy lock-wait`", ""},
	{10, 10, "Measure what file locks cost.", "`contend run scale journal lessons`", ""},
	{11, 11, "Quantify the risk of inconsistent data.", "`contend run lost-update inventory payment crash`", ""},
	{12, 12, "Understand the choice of a database.", "`contend compare`; [compare.md](compare.md)", ""},
	{17, 40, "The picture: clients, a load balancer, app-1 to app-4, one file on a shared volume.", "`contend up` as processes, " + composeFile + " in containers", "Processes have a balancer of our own before them, containers nginx."},
	{47, 47, "The error that clients see.", "`contend run busy`; " + api, "An answer has the code `SQLITE_BUSY`; the text \"database is locked\" stands in the log. `contend logs` counts both."},
	{49, 49, "One write transaction at a time.", "`contend run lock-wait`", ""},
	{50, 50, "Other processes wait or get an error.", "`contend run lock-wait`", ""},
	{54, 58, "Two containers read 100 and both write 101.", "`contend run lost-update --arm '*/*/*/scene'`; " + inCatalogue("lost_update.go"), "The scene is played to the letter, and in three more ways."},
	{62, 62, "Transactions wait for each other.", "`contend run payment`", ""},
	{63, 63, "The default busy_timeout is 5 s.", "`contend run lock-wait`", "SQLite's own default is 0. 5000 is the default of some drivers, such as Python's sqlite3."},
	{64, 64, "The application can hardly do anything about it.", "`contend run payment`", ""},
	{70, 72, "The test's imports.", "[internal/catalogue](../internal/catalogue/catalogue.go)", "The source does not show `test-utils.ts`, nor what its tests call without defining it (`resetCounter`, `startLongTransaction`, `measureErrorRate`, …). What they must do follows from their names."},
	{74, 83, "Four containers on one database.", "`--nodes` of `contend up`; " + inCatalogue("increments.go"), "Each recording has a fresh database, so that none can meet another's journal."},
	{85, 117, "100 increments at once, a quarter to each container, counted by how they end.", "`contend run busy --arm red/burst`; " + inCatalogue("increments.go"), "Requests without an answer are *unknown*, because they may have taken effect, and not *other*. No line of the source's program sends the code `SQLITE_TIMEOUT`; here it is a refusal after a whole busy_timeout."},
	{119, 126, "More than 30 are refused, fewer than 70 succeed.", "`contend run busy`; " + inCatalogue("busy.go"), ""},
	{128, 141, "25 increments by each container, at once.", "`contend run lost-update`", "A fresh database takes the place of the reset. At once (burst), and 25 one after the other by each container (sequence): the answer differs."},
	{143, 154, "In the end the counter is below 100 and above 50.", "`contend run lost-update`; " + inCatalogue("lost_update.go"), ""},
	{156, 181, "One container holds the lock for 5 s, ten writers wait on the others.", "`contend run lock-wait`; `POST /lab/hold`; " + inCatalogue("lock_wait.go"), "3 and 7 s beside 5, because 5 s against a busy_timeout of 5 s is decided by milliseconds. `fetch` has no option `timeout`, so the source's clients wait without end; ours wait 45 s."},
	{183, 189, "They wait for more than 2 s on average and more than 5 s at most.", "`contend run lock-wait`; " + inCatalogue("lock_wait.go"), ""},
	{191, 213, "50 writes in DELETE mode, then in WAL mode.", "`contend run journal`; " + inCatalogue("journal.go"), "Each mode has a fresh database, and the modes take turns."},
	{215, 221, "WAL is somewhat better, and no cure.", "`contend run journal`; " + inCatalogue("journal.go"), ""},
	{223, 238, "Containers crash while they write.", "`contend run crash`; " + inCatalogue("crash.go"), "SIGKILL to every node, again and again, under a load of writes: one crash within a random second mostly hits nothing."},
	{240, 253, "integrity_check before and after.", "`contend run crash`; " + inCatalogue("crash.go"), "integrity_check is \"ok\" over lost rows, so the verdict rests on a ledger outside of the database."},
	{255, 268, "The error rate at 10, 50, 100, 200 and 500 requests at once.", "`contend run load`; " + inCatalogue("load.go"), ""},
	{270, 278, "It rises with the load; a table for charts.", "`contend run load`; `contend report`", ""},
	{283, 291, "The program's libraries: oak, deno-sqlite v3.7.0.", "[internal/node](../internal/node/http.go), [internal/store/sqlite](../internal/store/sqlite/sqlite.go)", "A node is written in Go, on SQLite's own locks: see [below](#what-the-sources-program-would-do)."},
	{293, 300, "It opens DB_PATH, sets WAL and busy_timeout 5000.", "`contend node --preset green`, which reads DB_PATH too; " + discipline, "A node that asks for a journal mode and gets another says so and exits. The source's goes on: its SQLite has no WAL."},
	{302, 317, "The tables counters and data.", "[internal/app/app.go](../internal/app/app.go)", "The same two tables, and those of stock, orders, balances and payments for its scenarios."},
	{319, 341, "Three attempts in all, after 1 and 2 s.", "arms *source* of `contend run busy lost-update load`, arms of `contend run retry cascade`; " + discipline, "The preset *green* makes 3 attempts after the first one. `return operation()` without `await` hands a rejected promise on, so the source's increment is never tried again."},
	{343, 391, "The increment: BEGIN EXCLUSIVE, read, 10 ms, write, COMMIT; a busy database is 503 with code and container.", "`POST /api/increment`; [internal/app/increment.go](../internal/app/increment.go)", "The source's container has one connection for all requests, and the next one's BEGIN comes within the 10 ms: \"cannot start a transaction within a transaction\", which is 500. A node has 32, and with one (arms *source*) requests take turns."},
	{393, 423, "The write: one INSERT, then id, duration and container.", "`POST /api/write`; [internal/app/write.go](../internal/app/write.go)", "In the source every error is 503; here only a refusal is, after which certainly nothing has changed. `db.execute` of deno-sqlite v3.7.0 takes no parameters: the source's rows have no content."},
	{425, 443, "Health, after a real query.", "`GET /health`; " + api, "The same fields, with SQLite's version."},
	{445, 466, "Metrics: rows, counters, uptime.", "`GET /metrics`; [internal/node/metrics.go](../internal/node/metrics.go)", "The same fields and more, also as Prometheus text."},
	{468, 481, "PORT, and what it prints at start.", "`contend node`, which reads PORT, CONTAINER_ID and DB_PATH; [internal/cli/node.go](../internal/cli/node.go)", "A node listens on loopback until `--allow-remote`. A node without a path of a database does not start."},
	{483, 496, "SIGTERM closes the database.", "`contend node`; [internal/node](../internal/node/http.go)", "A node finishes the requests that it has begun before it closes."},
	{500, 516, "The image: denoland/deno, dependencies, port 3000.", "[deploy/Dockerfile](../deploy/Dockerfile)", "One static binary in an empty image, as user 10001: no shell, no Deno, a read-only root file system."},
	{520, 534, "Compose: nginx on port 80.", composeFile + ", [deploy/nginx.conf](../deploy/nginx.conf)", "nginx on 127.0.0.1:8080, because 80 takes root and is often in use; CONTEND_PORT changes it. The source does not show its nginx.conf. `version:` is obsolete."},
	{536, 590, "app-1 to app-4 on ports 3001 to 3004, one volume at /data, shared.db; a healthcheck by curl every 10 s.", composeFile, "The same names, ports and path; the volume is called `shared`. `contend healthcheck` every 5 s: there is no curl in our image, and none is installed into the source's."},
	{592, 595, "The named volume.", composeFile, "`contend run mounts --on compose` shows what other mounts do: " + containersPage + "."},
	{600, 605, "Start it, and list the files on the volume.", "`docker compose -f deploy/compose.yaml up -d --wait`, `docker run --rm -v deploy_shared:/data:ro alpine ls -la /data`; [deploy/README.md](../deploy/README.md)", "Compose puts the project's name before the volume's. `-v sqlite-data:/data`, as the source has it, makes a new volume and lists nothing."},
	{608, 610, "scripts/test-concurrent-writes.ts", "`contend run busy lost-update`", "The source does not show its three scripts. Where it says what they are for, these are the experiments."},
	{612, 613, "scripts/test-error-rates.ts", "`contend run load retry`", ""},
	{615, 617, "scripts/test-performance-degradation.ts", "`contend run scale journal lock-wait lessons`", ""},
	{620, 622, "How many lines of the logs name SQLITE_BUSY.", "`docker compose logs | grep -c SQLITE_BUSY`, `contend logs`; [logs.md](logs.md)", "The source's program would print 0: what it logs is SQLite's text, \"database is locked\"."},
	{624, 629, "The errors of each container, by grep -c ERROR.", "`docker compose logs | contend logs -`; [logs.md](logs.md#the-labs-two-commands)", "A refusal is logged as WARN: it is an answer that a client must expect, and a retry may still succeed. ERROR is what nobody expects, so the loop prints 0 as long as all goes well. `grep -c WARN` counts refused attempts. The source's program logs \"error\" in small letters: its own loop would print 0 too."},
	{634, 634, "The write lock is the bottleneck.", "`contend run scale`", ""},
	{635, 635, "Waits add up.", "`contend run scale`", ""},
	{636, 636, "Throughput drops by much.", "`contend run scale`", ""},
	{639, 639, "SQLITE_BUSY is frequent.", "`contend run load`", ""},
	{640, 640, "Transactions fail.", "`contend run inventory`", ""},
	{641, 641, "Data become inconsistent.", "`contend run inventory payment crash`", ""},
	{644, 644, "More containers bring no more throughput.", "`contend run scale`", ""},
	{645, 645, "They contend, and make it worse.", "`contend run scale`", ""},
	{646, 646, "They are as good as one process.", "`contend run scale lessons`", ""},
	{651, 657, "A table: error rate and mean wait against requests at once.", "`contend run load`; " + inCatalogue("load.go"), "The charts draw it as a hollow line beside what was measured. Its figures cannot come from its program: see [below](#what-the-sources-program-would-do)."},
	{661, 661, "The stock breaks down.", "`contend run inventory`", ""},
	{663, 670, "Two containers sell from a stock of 50, one is refused and tries again.", "`contend run inventory`; " + inCatalogue("inventory.go"), "The title above and the last line contradict each other: both are claims."},
	{674, 680, "Two payments wait for each other's table until both fail.", "`contend run payment`; " + inCatalogue("payment.go"), "SQLite locks the file and no table. Played in DELETE and in WAL mode."},
	{683, 683, "Retries have their limits.", "`contend run retry load`", ""},
	{686, 691, "What retries do to the mean response.", "`contend run retry`; " + inCatalogue("retry.go"), "The source's loop makes two retries at most."},
	{694, 694, "Retries pile requests up.", "`contend run cascade`", ""},
	{695, 695, "The whole system answers more slowly.", "`contend run cascade`", ""},
	{696, 696, "In the end the service stops.", "`contend run cascade`", ""},
	{700, 700, "SQLite is made for a single process.", "`contend run lessons`; " + inCatalogue("lessons.go"), "What sharing costs, against one process with the same clients."},
	{701, 701, "File locks are fatal in a distributed environment.", "`contend run lessons`, `contend run mounts --on compose`; " + containersPage, "All of it is on one host, where the locks hold. What fails is what the locks rest on: one name for the file, one volume for all."},
	{702, 702, "WAL is no cure.", "`contend run lessons journal`", ""},
	{703, 703, "It takes a proper DBMS.", "`contend run lessons`, `contend compare`; [compare.md](compare.md)", "On one host the ladder has both: SQLite's disciplines that lose nothing, and PostgreSQL."},
	{707, 707, "Next: the same on PostgreSQL.", "`contend compare`, `contend node --driver pgx`", ""},
	{711, 711, "When to use SQLite.", "<https://sqlite.org/whentouse.html>; `contend compare` asks when not", ""},
	{712, 712, "Locking.", "<https://sqlite.org/lockingv3.html>; `contend run payment lock-wait`", ""},
	{713, 713, "WAL.", "<https://sqlite.org/wal.html>; `contend run journal snapshot checkpoint wal-reset`", ""},
}
