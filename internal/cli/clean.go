package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.com/contend/internal/clean"
	"example.com/contend/internal/owner"
)

func newCleanCommand(s streams) *cobra.Command {
	var dir string
	var dryRun, asJSON bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what runs left that were killed: servers' data, containers, images",
		Long: `Clean removes what a run left that was killed before it could: the data and the shared
memory of its PostgreSQL and rqlite servers, in --dir and in the temporary directory,
and its containers, volumes, networks and images. Stored runs stay.

All of these name the process that made them. Clean removes those whose process has
ended on this machine, and lists the others as kept. compare and run --on compose do
the same when they start.`,
		Example: `  contend clean
  contend clean --dry-run
  contend clean --dir /var/lab/runs --json | jq -r '.removed[].name'`,
		Args: cobra.NoArgs,
		RunE: verb(func(cmd *cobra.Command, _ []string) error {
			runs, err := filepath.Abs(dir)
			if err == nil && cmd.Flags().Changed("dir") {
				_, err = os.ReadDir(runs) // the default may well not be there
			}
			if err != nil {
				return hinted(err, "name the directory that runs were stored in, the --dir of the run")
			}
			return cleanUp(cmd.Context(), s, clean.Where{Runs: runs, Docker: true}, dryRun, asJSON)
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&dir, "dir", "runs", "directory that runs are stored in")
	flags.BoolVar(&dryRun, "dry-run", false, "only list what would be removed")
	flags.BoolVar(&asJSON, "json", false, "print one JSON document: removed and kept, each with kind, name, process and state")
	return cmd
}

// A cleaning is the document of `contend clean --json`.
type cleaning struct {
	Schema  int     `json:"schema"`
	DryRun  bool    `json:"dry_run"`
	Removed []thing `json:"removed"`
	Kept    []thing `json:"kept"`
	Docker  string  `json:"docker,omitempty"` // why the engine could not be asked
}

// A thing is what a process has made.
type thing struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Process int    `json:"process"`
	State   string `json:"state"` // of the process: runs, ended or unknown
}

func cleanUp(ctx context.Context, s streams, in clean.Where, dryRun, asJSON bool) error {
	var left []clean.Thing
	done := cleaning{Schema: 1, DryRun: dryRun, Removed: []thing{}, Kept: []thing{}}
	all, err := clean.Find(ctx, in)
	if err != nil {
		done.Docker = err.Error()
		fmt.Fprintf(s.err, "Docker was not asked: %v\n", err)
	}
	for _, t := range all {
		if clean.Leftover(t) {
			left = append(left, t)
		} else {
			done.Kept = append(done.Kept, describe(t))
		}
	}
	var failed error
	if !dryRun {
		left, failed = clean.Remove(ctx, in, left)
	}
	for _, t := range left {
		done.Removed = append(done.Removed, describe(t))
	}
	if asJSON {
		err = printJSON(s.out, done)
	} else {
		done.print(s.out)
		err = nil
	}
	if failed != nil {
		return interruptedBy(ctx, failed)
	}
	return err
}

func describe(t clean.Thing) thing {
	state := map[owner.Fate]string{owner.Runs: "runs", owner.Ended: "ended", owner.Unknown: "unknown"}
	return thing{t.Kind, t.Name, t.Owner.PID, state[t.Owner.Fate()]}
}

func (c *cleaning) print(w io.Writer) {
	if len(c.Removed)+len(c.Kept) == 0 {
		if c.Docker != "" {
			fmt.Fprintln(w, "no file of a run is left; of containers, nobody knows")
		} else {
			fmt.Fprintln(w, "nothing is left of any run")
		}
		return
	}
	verb := "removed"
	if c.DryRun {
		verb = "would remove"
	}
	columns := newColumns(w)
	defer columns.Flush()
	for _, t := range c.Removed {
		fmt.Fprintf(columns, "%s\t%s\t%s\tprocess %d has ended\n", verb, t.Kind, t.Name, t.Process)
	}
	for _, t := range c.Kept {
		why := "runs"
		if t.State == "unknown" {
			why = "belongs to another machine or container"
		}
		fmt.Fprintf(columns, "kept\t%s\t%s\tprocess %d %s\n", t.Kind, t.Name, t.Process, why)
	}
}

// newGuardCommand is for contend itself: a run that makes what can outlive it starts a guard,
// which removes it where the run dies before it has.
func newGuardCommand(s streams) *cobra.Command {
	var ward string
	var in clean.Where
	cmd := &cobra.Command{
		Use:    "guard --owner MARK",
		Short:  "Remove what a run made that dies before it has removed it",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: verb(func(cmd *cobra.Command, _ []string) error {
			mark, err := owner.Parse(ward)
			if err != nil {
				return usagef("--owner: %w", err)
			}
			return clean.Watch(cmd.Context(), mark, in, s.in, s.out)
		}),
	}
	cmd.Flags().StringVar(&ward, "owner", "", "`MARK` of the run's process")
	cmd.Flags().StringVar(&in.Runs, "runs", "", "the run's directory, or that of all runs")
	cmd.Flags().BoolVar(&in.Docker, "docker", false, "look for containers, volumes, networks and images too")
	return cmd
}
