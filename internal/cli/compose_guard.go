package cli

import (
	"github.com/spf13/cobra"

	"example.com/contend/internal/cluster/compose"
)

// newComposeGuardCommand is for contend itself: a run on containers starts it,
// to take the containers down where the run dies before it can.
func newComposeGuardCommand(s streams) *cobra.Command {
	var project, log string
	cmd := &cobra.Command{
		Use:    "compose-guard --project NAME",
		Short:  "Remove the containers of a run that died before it removed them",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: verb(func(cmd *cobra.Command, _ []string) error {
			return compose.Guard(cmd.Context(), project, log, s.in, s.out)
		}),
	}
	cmd.Flags().StringVar(&project, "project", "", "the compose project's `NAME`")
	cmd.Flags().StringVar(&log, "log", "", "log what it removed to `FILE`")
	return cmd
}
