// Package cli is contend's command line: verbs, flags, streams and exit codes.
//
// One verb is one file, holding a function that returns its cobra command. A
// verb reads its flags, calls the package that does the work and turns the
// outcome into an exit code. The answer goes to stdout, everything said on the
// way to stderr.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/contend/internal/display"
)

// Exit codes, the same for every verb; `contend help exit-codes` lists them.
const (
	exitOK           = 0   // everything was as expected
	exitSurprise     = 1   // a verdict differs from what was expected
	exitUsage        = 2   // the command line was wrong; nothing was started
	exitInconclusive = 3   // something could not be decided
	exitCannotRun    = 4   // it could not be found out
	exitInterrupted  = 130 // Ctrl-C, SIGTERM or SIGHUP
	exitUnread       = 141 // nobody reads the output any more (SIGPIPE)
)

const exitCodesHelp = `Exit codes, the same for every verb:

    0  everything was as expected
    1  a surprise: a verdict differs from what was expected
    2  the command line was wrong; nothing was started
    3  inconclusive: a claim could not be decided
    4  could not run: the reason is on stderr
  130  interrupted (Ctrl-C, SIGTERM or SIGHUP)
  141  nobody reads the output any more, as in contend list | head -1 (SIGPIPE)`

const armsHelp = `An arm is one setting under which an experiment runs. Its name says the setting, part
by part; contend list NAME --arms shows those of an experiment.

  separate/5000/WAL/burst
      how the read and the write belong together, busy_timeout in ms, journal mode,
      and how requests arrive

    separate      the read and the write are two statements, each on its own
    deferred      both in a transaction, begun with BEGIN: the lock comes with the write
    immediate     BEGIN IMMEDIATE: the write lock comes before the read
    exclusive     BEGIN EXCLUSIVE
    atomic        one statement reads and writes
    0, 5000       how long a connection waits for a lock, in ms; 0: not at all
    DELETE, WAL   the rollback journal or the write-ahead log
    burst         all requests at once
    sequence      one after the other
    closed        each client asks again as soon as it has its answer
    open          requests arrive at a rate, whatever the answers do

  red/burst, green/burst
      the two presets, by the names of the document that contend starts from
    red           DELETE journal, busy_timeout 0, the read and the write separate
    green         WAL, busy_timeout 5000, BEGIN EXCLUSIVE, 3 retries

Other parts are explained by the experiment's question and by its report.
--arm takes the first parts of a name, each a glob: --arm 'separate/*/WAL'.`

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
// The first SIGINT, SIGTERM or SIGHUP cancels the verb's context, so that it can stop
// what it started and report what it has; so does a write that nobody reads. The second
// signal ends the program at once: its children are told to die with it, and what else
// it made is left to its guard.
func Main(args []string, in io.Reader, out, err io.Writer) int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its default effect
	// A caught SIGPIPE is a write that fails; an ignored one our children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return execute(ctx, args, streams{in, out, err})
}

// execute runs a command line. Whatever a verb prints goes through here: nothing that a
// terminal would obey comes out, on stderr no password, and an answer that could not be
// written is an error, whatever the answer was.
func execute(ctx context.Context, args []string, s streams) int {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s.out, s.err = display.NewWriter(&audience{s.out, end}, false), display.NewWriter(&audience{s.err, end}, true)
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if lost := undelivered(s.out); lost != nil && (!explained(err) || errors.Is(err, errors.Unwrap(lost))) {
		err = &exitError{code: exitCannotRun, err: lost}
	}
	if context.Cause(ctx) == errUnread {
		err = &exitError{code: exitUnread}
	}
	return finish(s.err, err)
}

// errUnread ends a verb whose output nobody reads any more.
var errUnread = errors.New("nobody reads the output any more")

// An audience is a stream that ends the verb with errUnread once nobody reads it.
type audience struct {
	io.Writer
	end context.CancelCauseFunc
}

func (a *audience) Write(p []byte) (int, error) {
	n, err := a.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		a.end(errUnread)
	}
	return n, err
}

// explained reports whether err says in words why there is no answer, or that none is wanted
// any more. The verdicts have no words: they stand in the answer.
func explained(err error) bool {
	var e *exitError
	return err != nil && (!errors.As(err, &e) || e.err != nil || e.code == exitInterrupted)
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
		if errors.As(err, &value) { // which would show a password, or name a function of Go's
			cause := value.Unwrap()
			if errors.As(err, &number) {
				cause = fmt.Errorf("want a number: %w", number.Err)
			}
			err = fmt.Errorf("--%s %q: %w", value.GetFlag().Name, display.URL(value.GetValue()), cause)
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

// readingMemory, in bytes, is where the collector of garbage begins to work harder: the most that
// may be read would otherwise take twice what it needs.
const readingMemory = 2 << 30

// reading wraps the work of a verb that only reads and prints. When it is interrupted it leaves
// the work where it stands, for the program's end to take along: nothing else ends the opening
// of a FIFO that nobody writes to, a write to a pipe that nobody reads, or a long computation.
func reading(work func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return verb(func(cmd *cobra.Command, args []string) error {
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(readingMemory)
		}
		done := make(chan error, 1)
		go func() { done <- work(cmd, args) }()
		select {
		case err := <-done:
			return err
		case <-cmd.Context().Done():
			return &exitError{code: exitInterrupted, err: errors.New("interrupted")}
		}
	})
}

// Root returns the command line for what documents it, such as the manual pages. It talks to nobody.
func Root() *cobra.Command { return newRoot(streams{strings.NewReader(""), io.Discard, io.Discard}) }

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
  sudo contend watch app.db           # who holds the lock on a live database, and why
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
	root.SetHelpCommand(newHelpCommand())
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { // cobra's own would print a failed write, too
		text := strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)) + "\n\n"
		if cmd.Runnable() || cmd.HasSubCommands() {
			text += cmd.UsageString()
		}
		fmt.Fprint(cmd.OutOrStdout(), text)
	})
	root.AddCommand(hostVerbs(s)...)
	root.AddCommand(
		newReportCommand(s),
		newCheckCommand(s),
		newListCommand(s),
		newUpCommand(s),
		newNodeCommand(s),
		newBalanceCommand(s),
		newHealthcheckCommand(),
		&cobra.Command{Use: "exit-codes", Short: "Explain the exit codes", Long: exitCodesHelp},
		&cobra.Command{Use: "arms", Short: "Explain the names of arms and the presets", Long: armsHelp},
	)
	completeFlags(root)
	return root
}

// newHelpCommand is cobra's, but that an unknown topic is a mistake on the command line.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Show the help of a verb",
		Long:  `Help shows the help of a verb, or of contend itself.`,
		Example: `  contend help run
  contend help check counter
  contend help exit-codes
  contend help arms`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if of, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, c := range of.Commands() {
					if (c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand()) && strings.HasPrefix(c.Name(), start) {
						names = append(names, c.Name()+"\t"+c.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("%s has no command %q", of.CommandPath(), rest[0])
			}
			if err != nil {
				return usagef("help: %w", err)
			}
			of.InitDefaultHelpFlag()
			of.InitDefaultVersionFlag()
			return of.Help()
		},
	}
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
