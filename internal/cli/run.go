package cli

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/place"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
)

// runOptions are the flags of `contend run`.
type runOptions struct {
	asked  run.Asked
	on     []string
	places place.Options
	old    string // the node with an old engine
	keep   keepOptions
}

func newRunCommand(s streams) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [EXPERIMENT…]",
		Short: "Run experiments on real nodes and judge their claims in every arm",
		Long: `Run starts real nodes that share one real SQLite file behind a balancer, sends them
requests over HTTP, keeps a ledger of what they acknowledged, and judges each claim
in each arm. Without a name it runs every experiment; contend list shows them.

With --on compose it runs every arm in containers too, as in deploy/compose.yaml,
shows the verdicts side by side and removes the containers. With --on URL it uses
running nodes. It skips what a place cannot run, and the report says why.

It prints a short form: of up to four experiments a table and the claims, of more a
line each; then surprises, and last the bottom line: what was lost, what was refused,
what cured it and at which price. --verbose prints everything. On a terminal, tables
leave out columns that have no room, and say which.

Run stores everything in runs/<time>-<name>/: report.html, run.json, and for each
recording the history, the database and the logs of the nodes. Ctrl-C stops the
load, judges the recordings so far and stores them; a second Ctrl-C exits at once.`,
		Example: `  contend run                              # the whole lab, in under three minutes
  contend run --quick                      # all of it, smaller: under a minute
  contend run load --levels 10,100,1000
  contend run lost-update --arm separate/5000 --arm immediate/5000
  contend run busy lost-update crash --on compose   # processes and containers, side by side
  contend run mounts --on compose          # volumes mounted wrongly
  contend run busy --on http://127.0.0.1:8080
  contend run busy --seed 7 --json | jq .summary`,
		ValidArgsFunction: completeExperiments,
		RunE: verb(func(cmd *cobra.Command, names []string) error {
			const most, count = 2000, 50 // connections that one level opens; levels
			if len(o.asked.Levels) > count {
				return usagef("--levels: want at most %d numbers, not %d", count, len(o.asked.Levels))
			}
			for i, level := range o.asked.Levels {
				if level < 1 || level > most || i > 0 && level <= o.asked.Levels[i-1] {
					return usagef("--levels: want numbers from 1 to %d, each greater than the one before, not %d", most, level)
				}
			}
			if !cmd.Flags().Changed("seed") {
				o.keep.seed = uint64(rand.Uint32())
			}
			o.places.Builds = map[string]string{catalogue.OldEngine: o.old}
			o.asked.Experiments, o.asked.Flags = names, flagsOf(cmd, "arm", "quick", "levels")
			return runExperiments(cmd.Context(), s, o, commandLine(cmd, names))
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&o.asked.Arms, "arm", nil, "only arms matching this `GLOB` prefix: \"separate/*/WAL\" (repeatable)")
	flags.BoolVar(&o.asked.Quick, "quick", false, "smaller counts and fewer arms: the whole lab in under a minute")
	flags.IntSliceVar(&o.asked.Levels, "levels", nil, "numbers of concurrent requests in the load experiment (default 10,50,100,200,500)")
	flags.StringSliceVar(&o.on, "on", []string{run.Processes}, "`PLACE` to run in: processes, compose, or the URL of running nodes (repeatable)")
	flags.BoolVar(&o.places.Alone, "alone", false, "with --on compose: only in containers, not in processes too")
	flags.StringVar(&o.places.Image, "image", "", "with --on compose: `IMAGE` of the nodes (default: one that contend builds from this program)")
	flags.StringVar(&o.places.Nginx, "nginx", "", "with --on compose: `IMAGE` of the balancer (default nginx:alpine)")
	flags.StringVar(&o.old, catalogue.OldEngine, "", "for wal-reset: `FILE` of a contend with SQLite 3.51.2 (make old-engine builds it)")
	_ = cmd.RegisterFlagCompletionFunc("on", listOf(run.Processes, place.Compose))
	drawFlags(flags, &o.keep.draw)
	keepFlags(flags, &o.keep)
	return cmd
}

func runExperiments(ctx context.Context, s streams, o runOptions, command []string) (err error) {
	drawn, err := o.keep.draw.of(s.out)
	if err != nil {
		return err
	}
	names := o.asked.Experiments
	experiments, err := catalogue.Choose(o.asked)
	if err != nil {
		return usagef("%w", err)
	}
	if flag := unread(o, experiments); flag != "" {
		return usagef("%s: no arm that was chosen reads it", flag)
	}
	places, err := openPlaces(ctx, s, o)
	if err != nil {
		return err
	}
	defer func() { err = withCloseError(s, err, places.Close()) }()
	if len(names) == 0 { // else the report says what cannot be run
		experiments = slices.DeleteFunc(experiments, func(x experiment.Experiment) bool {
			why := record.Refusal(&x, places.All)
			if why != "" {
				o.keep.say(s, fmt.Sprintf("skipped %s (%s)", x.Name, why))
			}
			return why != ""
		})
		for i := range experiments {
			o.asked.Experiments = append(o.asked.Experiments, experiments[i].Name)
		}
	}
	dir, err := archive.Create(o.keep.dir, cmp.Or(strings.Join(names, "+"), "all"), time.Now())
	if err != nil {
		return cannotKeep(err)
	}
	return o.keep.record(ctx, s, dir, places.All, experiments, o.asked, command, drawn)
}

// unread returns a flag on the command line that none of the experiments reads: who gives it
// takes the outcome for what it promises. It is "" where there is none.
func unread(o runOptions, experiments []experiment.Experiment) string {
	setups := func(xs []experiment.Experiment) (all []run.Setup) {
		for _, x := range xs {
			for _, arm := range x.Arms {
				for _, trial := range arm.Trials {
					all = append(all, trial.Setup)
				}
			}
		}
		return all
	}
	builds := func(s run.Setup) bool { return s.Build == catalogue.OldEngine }
	if o.old != "" && !slices.ContainsFunc(setups(experiments), builds) {
		return "--" + catalogue.OldEngine + " is for the experiment wal-reset"
	}
	if len(o.asked.Levels) == 0 {
		return ""
	}
	keys := func(level int) (all []string) { // of the setups that a level would make
		asked := o.asked
		asked.Levels = []int{level}
		chosen, _ := catalogue.Choose(asked) // as the experiments were
		for _, s := range setups(chosen) {
			all = append(all, s.Key())
		}
		return all
	}
	if slices.Equal(keys(1), keys(2)) {
		return "--levels is for the experiment load"
	}
	return ""
}

// openPlaces finds out whether everything can be run where it is asked for,
// before anything is kept of the run.
func openPlaces(ctx context.Context, s streams, o runOptions) (*place.Places, error) {
	if _, err := place.URLs(o.on); err != nil {
		return nil, usagef("--on: %w", err)
	}
	inContainers := slices.Contains(o.on, place.Compose)
	if !inContainers && (o.places.Alone || o.places.Image != "" || o.places.Nginx != "") {
		return nil, usagef("--alone, --image and --nginx need --on compose")
	}
	if o.old != "" {
		if _, err := os.Stat(o.old); err != nil {
			return nil, usagef("--%s: %w", catalogue.OldEngine, err)
		}
	}
	if inContainers {
		o.keep.say(s, "preparing containers")
	}
	o.places.Say = func(what string) { o.keep.say(s, what) }
	places, err := place.Open(ctx, o.on, o.places)
	if err != nil {
		return nil, interruptedBy(ctx, err)
	}
	return places, nil
}
