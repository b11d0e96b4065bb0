package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/display"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/record"
	"example.com/contend/internal/report"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store/sqlite"
)

// keepOptions are the flags of every verb that makes a run, keeps and shows it.
type keepOptions struct {
	dir   string
	seed  uint64
	json  bool
	quiet bool
	draw  drawOptions

	evidence bool
}

func keepFlags(flags *pflag.FlagSet, o *keepOptions) {
	flags.StringVar(&o.dir, "dir", "runs", "directory that runs are stored in")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of all random choices, to repeat a run (default: a random one)")
	flags.BoolVar(&o.json, "json", false, "print one JSON document instead of tables (docs/json.md)")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "print no progress on stderr")
	flags.BoolVar(&o.evidence, "evidence", false, "unfold everything in report.html, so that it is printed too")
	colorFlag(flags, &o.draw.color)
}

// say tells what is being done, on stderr, unless it is to be quiet.
func (o *keepOptions) say(s streams, what string) {
	if !o.quiet {
		fmt.Fprintln(s.err, what)
	}
}

// record makes the recordings of the experiments in dir, judges them, stores and shows the
// run that asked describes, and ends with its verdict. The flags are those of the command
// line that repeats it.
func (o *keepOptions) record(ctx context.Context, s streams, dir string, places []record.Place, experiments []experiment.Experiment, asked run.Asked, command []string, drawn report.Options) error {
	started := time.Now()
	shown := newProgress(s.err, o.quiet)
	engine := &record.Engine{Dir: dir, Seed: o.seed, Places: places, Observe: shown.observe}
	results, cut := engine.Run(ctx, experiments)
	shown.close()

	doc := &run.Run{
		Schema: run.Schema, Asked: asked,
		Contend: run.Versions{Version: contendVersion(), Go: runtime.Version(), SQLite: sqlite.Version()},
		Machine: run.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: kernel(), CPUs: runtime.NumCPU(), FileSystem: fileSystem(dir)},
		Command: append(command, "--seed", strconv.FormatUint(o.seed, 10)),
		Seed:    o.seed, Started: started.UTC().Truncate(time.Second),
		Seconds: time.Since(started).Seconds(), Interrupted: cut != nil,
	}
	for i := range places {
		doc.Places = append(doc.Places, places[i].Name)
	}
	experiment.Conclude(doc, results)
	doc.Summary.Sentences = report.BottomLine(doc)
	full := errors.Is(cut, syscall.ENOSPC)
	if cut != nil && !told(doc) {
		err := os.RemoveAll(filepath.Join(dir, "recordings"))
		if o.json && !full { // tables would have no figure
			err = errors.Join(err, draw(s, doc, o.json, drawn))
		}
		_ = os.Remove(dir) // servers may have data in it yet
		switch {
		case full:
			return cannotKeep(cut)
		case err != nil:
			return err
		}
		return &exitError{code: exitInterrupted, err: errors.New("interrupted before anything was recorded: nothing is kept")}
	}
	err := archive.Save(dir, doc, o.evidence)
	if err == nil {
		o.say(s, "stored in "+dir)
	}
	err = errors.Join(err, draw(s, doc, o.json, drawn))
	switch {
	case full: // what could not be stored is then for the same reason
		return cannotKeep(cut)
	case err != nil:
		return cannotKeep(err)
	}
	return verdict(doc)
}

// told reports whether anything was asked of the nodes at all.
func told(doc *run.Run) bool {
	for _, result := range doc.Experiments {
		for _, arm := range result.Arms {
			if arm.Ops.Total > 0 || slices.ContainsFunc(arm.Trials, func(t run.TrialResult) bool { return len(t.Steps) > 0 }) {
				return true
			}
		}
	}
	return false
}

// cannotKeep is err of what keeps a run's files, with what to do about it.
func cannotKeep(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return hinted(err, "make room there, or choose another directory with --dir")
	}
	return hinted(err, "choose a writable directory with --dir")
}

// kernel returns the kernel's release, as uname -r does.
func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// commandLine returns verb, its arguments and the flags on its command line.
func commandLine(cmd *cobra.Command, args []string) []string {
	return append(append([]string{"contend", cmd.Name()}, args...), flagsOf(cmd)...)
}

// flagsOf returns the flags on the command line of cmd. It leaves out those in but, what
// decides only how the run is shown, and the seed, which always follows. A URL
// may hold a password, so it is left for whoever types it.
func flagsOf(cmd *cobra.Command, but ...string) []string {
	but = append(but, "seed", "json", "quiet", "color", "evidence", "verbose", "lang")
	var line []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch value, flag := f.Value.String(), "--"+f.Name; {
		case !f.Changed || slices.Contains(but, f.Name):
		case f.Name == "postgres" || f.Name == "rqlite":
			line = append(line, flag, "URL")
		case f.Value.Type() == "bool":
			if value == "true" {
				line = append(line, flag)
			}
		case f.Value.Type() == "intSlice":
			line = append(line, flag, strings.Trim(value, "[]"))
		default:
			values := []string{value}
			if several, are := f.Value.(pflag.SliceValue); are {
				values = several.GetSlice()
			}
			for _, v := range values {
				line = append(line, flag, display.Redact(v))
			}
		}
	})
	return line
}

// draw prints the run as JSON or for the terminal.
func draw(s streams, doc *run.Run, json bool, o report.Options) error {
	if json {
		return report.JSON(s.out, doc)
	}
	out := s.out
	if o.Color {
		out = raw(out)
	}
	return report.Terminal(out, doc, o)
}

// withCloseError returns err; a cleanup error beside it is printed. The exit code is that
// of err.
func withCloseError(s streams, err, closing error) error {
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

// verdict is the error of a verb that has shown doc, the same whether it was just made
// or is drawn again: nil when all was as expected. The error has words where stdout
// does not say why.
//
// Interrupted comes first: arms are missing, so no other code would tell the
// whole. A surprise comes before an arm that could not run, because it stands
// whatever that arm would have shown, and is what one runs contend for. An
// arm that could not run comes before an inconclusive finding, because it is
// the reason of inconclusive findings of its own, and the one to mend first.
func verdict(doc *run.Run) error {
	ran, broke := len(doc.Experiments) == 0, false
	var needs []string
	for _, result := range doc.Experiments {
		for i := range result.Arms {
			ran, broke = true, broke || result.Arms[i].Error != ""
		}
		for _, skipped := range result.Skipped {
			needs = append(needs, fmt.Sprintf("%s (%s)", result.Name, skipped.Reason))
		}
	}
	switch s := doc.Tally(); {
	case doc.Interrupted:
		return &exitError{code: exitInterrupted}
	case s.Surprises > 0:
		return &exitError{code: exitSurprise}
	case !ran:
		return fmt.Errorf("nothing to run: %s", strings.Join(needs, "; "))
	case broke:
		return errors.New("some arms could not run: the report says which and why")
	case s.Inconclusive > 0:
		return &exitError{code: exitInconclusive}
	}
	return nil
}
