// Package cli is contend's command line: verbs, flags, streams and exit codes.
//
// One verb is one file, holding a function that returns its cobra command. A
// verb reads its flags, calls the package that does the work and turns the
// outcome into an exit code. The answer goes to stdout, everything said on the
// way to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes, the same for every verb; `contend help exit-codes` lists them.
const (
	exitOK           = 0   // everything was as expected
	exitSurprise     = 1   // a verdict differs from what was expected
	exitUsage        = 2   // the command line was wrong; nothing was started
	exitInconclusive = 3   // something could not be decided
	exitCannotRun    = 4   // it could not be found out
	exitInterrupted  = 130 // Ctrl-C or SIGTERM
)

const exitCodesHelp = `Exit codes, the same for every verb:

    0  everything was as expected
    1  a surprise: a verdict differs from what was expected
    2  the command line was wrong; nothing was started
    3  inconclusive: a claim could not be decided
    4  could not run: the reason is on stderr
  130  interrupted (Ctrl-C or SIGTERM)`

// streams are what a verb talks to.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// An exitError ends the program with a code. Its err may be nil, where the
// answer on stdout has said everything.
type exitError struct {
	code int
	hint string // one line saying what to try; may be empty
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef is a mistake on the command line.
func usagef(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// hinted adds one line of advice to an error; the code is exitCannotRun.
func hinted(err error, hint string) error {
	return &exitError{code: exitCannotRun, hint: hint, err: err}
}

// Main runs contend with args (without the program's name) and returns its exit code.
//
// The first SIGINT or SIGTERM cancels the verb's context, so that it can stop
// what it started and report what it has. The second ends the program at once;
// its children are told to die with it.
func Main(args []string, in io.Reader, out, err io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its default effect
	return execute(ctx, args, streams{in, out, err})
}

func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	return finish(s.err, root.ExecuteContext(ctx))
}

// finish prints err for a person and returns the exit code it asks for. An
// error that no verb returned is cobra's own: the command line was wrong.
func finish(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var e *exitError
	if !errors.As(err, &e) {
		var value *pflag.InvalidValueError
		var number *strconv.NumError
		if errors.As(err, &value) && errors.As(err, &number) { // which would name a function of Go's
			err = fmt.Errorf("--%s %q: want a number: %w", value.GetFlag().Name, value.GetValue(), number.Err)
		}
		e = &exitError{code: exitUsage, err: err}
	}
	if e.err != nil {
		fmt.Fprintf(w, "contend: %v\n", e.err)
	}
	if e.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", e.hint)
	}
	if e.code == exitUsage {
		fmt.Fprintln(w, "hint: run contend --help or contend VERB --help for usage")
	}
	return e.code
}

// verb wraps a verb's work, so that its plain errors mean "could not run".
func verb(work func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := work(cmd, args)
		var e *exitError
		if err == nil || errors.As(err, &e) {
			return err
		}
		return &exitError{code: exitCannotRun, err: err}
	}
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "contend",
		Short: "Find out what happens when several processes or containers share one SQLite file, and prove it",
		Long: `contend finds out what happens when several processes or containers share one
SQLite file, and proves it: which requests are refused, which acknowledged writes
are lost, under exactly which settings, and what each fix would buy.`,
		Example: `  contend run busy lost-update        # judge the claims in every arm
  contend run lost-update --json | jq '.experiments[].arms[] | {name, lost}'
  contend run busy crash --on compose # in processes and in containers, side by side
  contend compare --quick             # what each fix buys, from busy_timeout to PostgreSQL
  contend up --preset green           # four nodes behind a balancer, for your own client`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       contendVersion(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(s.err)
			_ = cmd.Help()
			return usagef("no verb given")
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.AddCommand(
		newRunCommand(s),
		newCompareCommand(s),
		newReportCommand(s),
		newCheckCommand(s),
		newListCommand(s),
		newLogsCommand(s),
		newUpCommand(s),
		newNodeCommand(s),
		newBalanceCommand(s),
		newHealthcheckCommand(),
		newComposeGuardCommand(s),
		&cobra.Command{Use: "exit-codes", Short: "Explain the exit codes", Long: exitCodesHelp},
	)
	return root
}

// version is set by the linker for a release (-X); otherwise it is what Go
// knows of the module and its revision.
var version string

func contendVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" {
		return v
	}
	return "(devel)"
}
