package node

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow to five times what is in use before it is
// collected. A node has little in use, some 10 MiB under 500 clients, so that by
// Go's own 100 it would collect dozens of times a second, and each time look at
// the stack of every request that waits.
const gcPercent = 400

// TuneMemory sets the garbage collector of a process that is a node and nothing
// else, unless the environment's GOGC has done so
// (https://pkg.go.dev/runtime#hdr-Environment_Variables).
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
