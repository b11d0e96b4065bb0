package cli

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/report"
)

func newReportCommand(s streams) *cobra.Command {
	var (
		json  bool
		color string
	)
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Draw a stored run again",
		Long: `Report draws a stored run as contend run drew it, and ends with the same exit
code. RUN is a run's directory, a run.json, or - for standard input; without it,
the latest run in runs/.`,
		Example: `  contend report
  contend report runs/20260504T030201-busy
  contend report --json | jq .summary`,
		Args: cobra.MaximumNArgs(1),
		RunE: verb(func(_ *cobra.Command, args []string) error {
			color, err := useColor(color, s.out)
			if err != nil {
				return err
			}
			run, err := openRun(s, args)
			if err != nil {
				return err
			}
			if err := draw(s, run, json, color); err != nil {
				return err
			}
			return verdict(run)
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "print one JSON document instead of tables (docs/json.md)")
	colorFlag(cmd.Flags(), &color)
	return cmd
}

// openRun reads the run that the arguments name.
func openRun(s streams, args []string) (*experiment.Run, error) {
	path := filepath.Join("runs", archive.Latest)
	if len(args) > 0 {
		path = args[0]
	}
	if path == "-" {
		return report.Decode(s.in, "standard input")
	}
	run, err := archive.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hinted(err, "contend run busy makes a run; contend report RUN names one")
	}
	return run, err
}
