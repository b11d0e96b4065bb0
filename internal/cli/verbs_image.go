//go:build image

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// hostVerbs are stand-ins that say where the verb is.
func hostVerbs(streams) (all []*cobra.Command) {
	for _, name := range []string{"run", "compare", "logs", "doctor", "watch", "lint", "clean"} {
		all = append(all, &cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true,
			RunE: verb(func(*cobra.Command, []string) error {
				return hinted(fmt.Errorf("%s is not in the image, which serves", name), "use a contend on the host: CGO_ENABLED=0 go build -o contend ./cmd/contend")
			}),
		})
	}
	return all
}
