package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/report"
)

// keepOptions are the flags of every verb that makes a run, keeps and shows it.
type keepOptions struct {
	dir   string
	seed  uint64
	json  bool
	quiet bool
	color string
}

func keepFlags(flags *pflag.FlagSet, o *keepOptions) {
	flags.StringVar(&o.dir, "dir", "runs", "where runs are kept")
	flags.Uint64Var(&o.seed, "seed", 0, "names every random choice, so that a run can be repeated (default: a random one)")
	flags.BoolVar(&o.json, "json", false, "print one JSON document instead of tables (docs/json.md)")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "no progress on stderr")
	colorFlag(flags, &o.color)
}

// say tells what is being done, on stderr, unless it is to be quiet.
func (o *keepOptions) say(s streams, what string) {
	if !o.quiet {
		fmt.Fprintln(s.err, what)
	}
}

// newRun is a run that was started then in dir, and came to results. Where it was
// cut short, cut says by what.
func newRun(dir string, started time.Time, seed uint64, cut error, results []experiment.Result) *experiment.Run {
	return &experiment.Run{
		Schema: experiment.Schema, Contend: versions(), Machine: machine(dir),
		Seed: seed, Started: started.UTC().Truncate(time.Second),
		Seconds: time.Since(started).Seconds(), Interrupted: cut != nil,
		Experiments: results, Summary: experiment.Summarize(results),
	}
}

// finish stores the run in dir, shows it and ends with its verdict.
func (o *keepOptions) finish(s streams, dir string, run *experiment.Run, color bool) error {
	if err := errors.Join(archive.Save(dir, run), draw(s, run, o.json, color)); err != nil {
		return err
	}
	o.say(s, fmt.Sprintf("stored in %s; `contend report --open %[1]s` shows it", dir))
	return verdict(run)
}

// draw prints the run as JSON or for the terminal.
func draw(s streams, run *experiment.Run, json, color bool) error {
	if json {
		return report.JSON(s.out, run)
	}
	return report.Terminal(s.out, run, report.Options{Color: color})
}

// told is err, with which a verb ends, beside the error of giving back what the
// verb had opened. What the verb came to decides the exit code.
func told(s streams, err, closing error) error {
	if closing == nil {
		return err
	}
	if err == nil {
		return closing
	}
	fmt.Fprintf(s.err, "contend: %v\n", closing)
	return err
}

// interruptedBy is err, which came of being interrupted where ctx is done.
func interruptedBy(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &exitError{code: exitInterrupted, err: err}
}
