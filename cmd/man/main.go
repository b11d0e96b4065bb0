// Command man writes the manual pages of contend into a directory, a page for each verb. `make man` runs it.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"example.com/contend/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: man DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

// write makes dir and the pages in it. Their date is SOURCE_DATE_EPOCH, or now.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := cli.Root()
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Title: "CONTEND", Section: "1", Source: "contend", Manual: "contend"}, dir)
}
