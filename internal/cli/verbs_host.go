//go:build !image

package cli

import "github.com/spf13/cobra"

// hostVerbs are those that work on a host: they start processes, containers and database servers, and read
// logs and manifests. The image of deploy/Dockerfile serves, and has none of them: that saves it 1.2 MB.
func hostVerbs(s streams) []*cobra.Command {
	return []*cobra.Command{newRunCommand(s), newCompareCommand(s), newLogsCommand(s), newDoctorCommand(s), newWatchCommand(s), newLintCommand(s), newCleanCommand(s), newGuardCommand(s)}
}
