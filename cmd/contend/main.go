// Command contend finds out what happens when several processes share one
// SQLite file, and proves it. See the README.
package main

import (
	"os"

	"example.com/contend/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
