// Package quiet keeps the standard logger silent while a program's packages are
// initialized.
//
// github.com/VictoriaMetrics/metrics then looks for the pressure files of its
// control group, and logs where the kernel has none: each verb would begin with
// a line on stderr about a figure that contend does not tell.
//
// Go initializes packages by their import paths, each as soon as what it imports
// is ready: https://go.dev/ref/spec#Program_initialization. This one imports
// next to nothing and its path comes first. A test of package node, which uses
// the library and calls [Over], holds the two to that order.
package quiet

import (
	"io"
	"log"
	"os"
)

func init() { log.SetOutput(io.Discard) }

// Over lets the standard logger write to stderr again.
func Over() { log.SetOutput(os.Stderr) }
