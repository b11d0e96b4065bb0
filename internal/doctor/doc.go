// Package doctor examines a SQLite database where it lies: the file system, the processes
// that have it open, the locks that they hold now, and the files themselves.
//
// [Examine] gathers [Facts]: it opens files for reading, never through SQLite, and takes no
// lock. The rules turn facts into findings and reach nothing outside their arguments; each is a
// row of a table.
//
// A process that reads a database's files drops its own locks on them when it closes them
// (https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_). Call Examine
// only in a process that does not have the database open through SQLite.
package doctor
