package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/units"
	"example.com/contend/internal/watch"
)

// watchOptions are the flags of `contend watch`.
type watchOptions struct {
	slow time.Duration
	long time.Duration
	once bool
	json bool
	poll bool
	sql  string
}

func newWatchCommand(s streams) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch DB",
		Short: "Say who holds the locks of a live database, who waits, and why (Linux)",
		Long: `watch attaches to the locks of a live SQLite database, whatever programs use it, and
changes nothing in them. It prints a line for each lock that was held for longer than
--slow, and for each wait that was as long or in vain: which process, since when, behind
whom, and what the holder was doing. In the end it says what goes wrong and what helps.

As root it reads the kernel's trace and sees every attempt at a lock. Otherwise it reads
the list of locks ten times a second, which shows neither refusals nor waits; the first
lines say so. It goes on until Ctrl-C, or for as long as --for says.

Exit codes: 0 nothing wrong was seen, 1 something goes wrong, 3 nothing was seen but not
everything could be. docs/watch.md explains the locks, the findings and the JSON lines.`,
		Example: `  sudo contend watch /srv/app/data/app.db
  sudo contend watch app.db --for 60s --slow 20ms
  sudo contend watch app.db --once     # who holds what now
  sudo contend watch app.db --json --for 10m | jq 'select(.type == "wait")'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("watch: want one database, not %d", len(args))
			}
			return nil
		},
		RunE: verb(func(cmd *cobra.Command, args []string) error {
			return watchDatabase(cmd.Context(), s, args[0], o)
		}),
	}
	cmd.Flags().DurationVar(&o.slow, "slow", 100*time.Millisecond, "report holds and waits that last at least this long; 0 for all")
	cmd.Flags().DurationVar(&o.long, "for", 0, "end after this time; 0 is at Ctrl-C")
	cmd.Flags().BoolVar(&o.once, "once", false, "look for a moment, and print who holds what now")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON Lines instead of text (docs/watch.md)")
	cmd.Flags().StringVar(&o.sql, "sql", watch.SQLFingerprint, "show statements: fingerprint (without literals), text or off")
	cmd.Flags().BoolVar(&o.poll, "list", false, "read the list of locks, also where the kernel's trace could be read")
	return cmd
}

// watchDatabase watches until the time is over or the verb is interrupted, which is no error where no time was set.
func watchDatabase(ctx context.Context, s streams, path string, o watchOptions) (err error) {
	switch {
	case o.slow < 0:
		return usagef("--slow %s: want 0 or more", o.slow)
	case o.long < 0:
		return usagef("--for %s: want 0 or more", o.long)
	case !slices.Contains([]string{watch.SQLOff, watch.SQLFingerprint, watch.SQLText}, o.sql):
		return usagef("--sql %q: want fingerprint, text or off", o.sql)
	case o.once && o.long > 0:
		return usagef("--once looks for a moment: leave out --for")
	case o.once:
		o.long = 2*o.slow + 200*time.Millisecond
	}
	session, err := watch.Open(watch.Options{Database: path, Slow: o.slow, SQL: o.sql, Poll: o.poll, Container: containerName(ctx)})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	until := ctx
	if o.long > 0 {
		var stop func()
		until, stop = context.WithTimeout(ctx, o.long)
		defer stop()
	}
	printer := watchPrinter{s.out, o, len(session.Start().Unseen)}
	printer.start(session.Start())
	report, err := session.Run(until, printer.line)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	printer.report(&report)
	switch {
	case ctx.Err() != nil && o.long > 0:
		return &exitError{code: exitInterrupted, err: fmt.Errorf("interrupted after %.1f s", report.Seconds)}
	case len(report.Findings) > 0:
		return &exitError{code: exitSurprise}
	case !o.once && (!report.Trace || report.Lost > 0):
		return &exitError{code: exitInconclusive}
	}
	return nil
}

// containerName returns a function that names containers. It asks Docker once for each, and does not wait long: a name that Docker does not
// tell is the beginning of the id, as Docker writes it.
func containerName(ctx context.Context) func(id string) string {
	names := map[string]string{}
	return func(id string) string {
		if names[id] == "" {
			names[id] = cmp.Or(containerNames(ctx, []string{id})[id], id[:min(len(id), 12)])
		}
		return names[id]
	}
}

// A watchPrinter prints what a session sees: text, or JSON Lines.
type watchPrinter struct {
	out  io.Writer
	o    watchOptions
	said int // sentences about what cannot be seen that stand at the beginning
}

// json prints a document as a line.
func (p watchPrinter) json(document any) {
	out := json.NewEncoder(p.out)
	out.SetEscapeHTML(false)
	_ = out.Encode(document) // what cannot be delivered ends the verb
}

func (p watchPrinter) start(w watch.Start) {
	if p.o.json {
		p.json(w)
		return
	}
	sees := "every lock of SQLite that a process asks for, from the kernel's trace"
	if !w.Trace {
		sees = "who holds locks of SQLite, from the list of locks, ten times a second"
	}
	fmt.Fprintf(p.out, "%s: %s\n", printable(w.Database), sees)
	p.unseen(p.out, w.Unseen)
	if !p.o.once {
		fmt.Fprintf(p.out, "a line for each hold and wait of %s or more, and for each refusal that nobody tried again; times are UTC\n", p.o.slow)
	}
}

func (p watchPrinter) unseen(w io.Writer, all []string) {
	for _, sentence := range all {
		fmt.Fprintf(w, "not seen: %s\n", sentence)
	}
}

func (p watchPrinter) line(of any) {
	if p.o.json {
		p.json(of)
		return
	}
	if p.o.once {
		return
	}
	switch of := of.(type) {
	case *watch.Hold:
		sql := ""
		if of.SQL != nil {
			sql = "; " + of.SQL.String()
		}
		fmt.Fprintf(p.out, "%s %s%s\n", of.Process, of.Sentence(), sql)
	case *watch.Wait:
		sql := ""
		if of.Statement != "" {
			sql = "; in " + of.Statement
		}
		fmt.Fprintf(p.out, "%s %s%s\n", of.Process, of.Sentence(), sql)
	}
}

// report prints the answer last, and before it what it rests on.
func (p watchPrinter) report(r *watch.Report) {
	if p.o.json {
		p.json(r)
		return
	}
	var b strings.Builder
	if !p.o.once {
		p.usage(&b, r)
		p.unseen(&b, r.Unseen[p.said:])
	}
	if len(r.Held) > 0 {
		fmt.Fprintf(&b, "\nlocks now\n")
		for _, h := range r.Held {
			fmt.Fprintf(&b, "  %s %s\n", h.Process, h.Sentence())
		}
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(&b, "\nevidence, of the longest case of each finding\n")
	}
	for i, f := range r.Findings {
		for j, e := range f.Evidence {
			mark := ""
			if j == 0 {
				mark = fmt.Sprint(i + 1)
			}
			fmt.Fprintf(&b, "  %2s  %s\n", mark, e)
		}
	}
	fmt.Fprintln(&b)
	for i, f := range r.Findings {
		times := ""
		if f.Times > 1 {
			times = fmt.Sprintf(" This happened %s times.", units.Count(int64(f.Times)))
		}
		fmt.Fprintf(&b, "%d. %s: %s%s\n   Cure: %s\n", i+1, f.Rule, f.Sentence, times, f.Cure)
		if f.Command != "" {
			fmt.Fprintf(&b, "   Now: %s\n", f.Command)
		}
		fmt.Fprintf(&b, "   See: %s\n", f.Page)
	}
	fmt.Fprintln(&b, p.answer(r))
	_, _ = io.WriteString(p.out, b.String())
}

// answer is the last line.
func (p watchPrinter) answer(r *watch.Report) string {
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	switch {
	case len(rules) > 0:
		return fmt.Sprintf("%s in %s: %s", units.Plural(len(rules), "finding"), units.Milliseconds(r.Seconds*1000), units.List(rules, "and"))
	case p.o.once && len(r.Held) == 0:
		return "nobody holds a lock of a transaction now"
	case p.o.once:
		return fmt.Sprintf("%s now, nothing wrong was seen", units.PluralOf(len(r.Held), "lock is held", "locks are held"))
	case r.Lost > 0:
		return fmt.Sprintf("cannot tell: nothing wrong was seen, but %s lost", units.PluralOf(r.Lost, "event was", "events were"))
	case !r.Trace:
		return "cannot tell: nothing wrong was seen, but refusals and waits cannot be seen without the kernel's trace"
	}
	return fmt.Sprintf("nothing wrong was seen in %s", units.Milliseconds(r.Seconds*1000))
}

// usage prints what was seen, by process.
func (p watchPrinter) usage(w io.Writer, r *watch.Report) {
	if r.Trace {
		fmt.Fprintf(w, "\n%s: %s at locks, %s refused\n", units.Milliseconds(r.Seconds*1000), units.Plural(r.Events, "attempt"), units.Count(r.Refused))
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "%s lost, because the kernel's buffer was full: figures are lower bounds\n", units.PluralOf(r.Lost, "event was", "events were"))
	}
	t := table{header: "process\twrite locks\theld\tlongest\twaits\twaited\tlongest\trefused\tgave up"}
	for _, u := range r.Usage {
		t.add(u.Process, u.Writes, units.Milliseconds(u.WriteMS), units.Milliseconds(u.LongMS), u.Waits, units.Milliseconds(u.WaitMS), units.Milliseconds(u.MostMS), u.Refusals, u.GaveUp)
	}
	t.print(w)
}
