// Package locktap reads what Linux knows of file locks: every attempt as it is decided, from the tracepoint
// posix_lock_inode, and the list of locks that are held, from /proc/locks. The programs that take the locks
// notice nothing.
//
// A [Tap] records in an instance of tracefs of its own (Documentation/trace/ftrace.rst, "Instances"), so that it neither disturbs nor is disturbed by
// other users of the kernel's tracing. An instance outlives its process: its name holds the mark of its maker
// (package owner), and the next Tap removes those of processes that have ended. Where no tracefs is mounted, a Tap makes a mount of its own that
// nobody else sees and that ends with its descriptor (fsmount(2)).
//
// The layout of events and of the ring buffer's pages is read from the kernel's format files; [Layout] turns pages into
// events and knows no kernel.
package locktap
