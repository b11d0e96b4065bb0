// Command wal-reset is contend with the SQLite of January 2026: the same
// program, built against the last release that has the WAL-reset bug. See the
// README.
package main

import (
	"os"

	"example.com/contend/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
