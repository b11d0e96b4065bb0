package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/logs"
	"example.com/contend/internal/units"
)

// logsOptions are the flags of `contend logs`.
type logsOptions struct {
	json      bool
	follow    bool
	recording string
}

// A logsDocument is what --json prints; docs/logs.md documents it.
type logsDocument struct {
	Schema      int  `json:"schema"`
	Interrupted bool `json:"interrupted"`
	logs.Summary
}

func newLogsCommand(s streams) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs [RUN|FILE…]",
		Short: "Count refusals and errors of SQLite in the logs of any program",
		Long: `logs counts failures of SQLite in logs: by code, by container and over time. RUN is
the directory of a run; logs reads the node logs of its recordings. FILE is a log of
any program, also packed by gzip, and - is standard input. The default is the latest
run in runs/.

A failure counts once, whatever lines tell of it: a traceback, its causes, and what
driver, framework and program log of one statement are one failure. It is a refusal if
its code is SQLITE_BUSY, SQLITE_LOCKED or SQLITE_PROTOCOL, extended or not, by name,
by number (517) or by SQLite's text ("database is locked"); else an error. Words that
cannot decide, such as advice, are counted apart as "perhaps". Where the pattern of the
failures speaks for a cause, logs says so. It reads the prefixes and times of Docker,
Kubernetes, journald, syslog and clouds. docs/logs.md has the rules.

With --follow, logs goes on until the log ends or Ctrl-C, and prints a line a minute.`,
		Example: `  contend logs                                   # every node of the latest run
  contend logs --recording '*-red-burst' --json | jq '.codes[] | {code, failures}'
  kubectl logs -l app=orders --prefix --timestamps | contend logs -
  docker logs -ft orders 2>&1 | contend logs -f -
  docker-compose logs | contend logs -           # for: docker-compose logs | grep -c SQLITE_BUSY
  docker-compose logs app-3 | contend logs -     # for: docker-compose logs app-3 | grep -c ERROR`,
		RunE: verb(func(cmd *cobra.Command, args []string) error {
			return readLogs(cmd.Context(), s, args, o)
		}),
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document instead of tables (docs/logs.md)")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "wait for more at the end of a log, and print a line a minute (to standard error with --json)")
	cmd.Flags().StringVar(&o.recording, "recording", "", "only recordings of RUN whose directory matches this `GLOB`")
	return cmd
}

// readLogs prints what all logs say together. It stops at the first that
// cannot be read: the sum of the others would pass for that of all. An
// interrupt is no such error, because whoever follows a log ends so.
func readLogs(ctx context.Context, s streams, args []string, o logsOptions) error {
	files, err := logFiles(args, o.recording)
	if err != nil {
		return err
	}
	if o.follow && len(files) != 1 {
		return usagef("--follow reads one log, not %d: name a file, or - for standard input", len(files))
	}
	var tally logs.Tally
	for _, file := range files {
		if err := readLog(ctx, s, &tally, file, o); err != nil && ctx.Err() == nil {
			return err
		}
	}
	interrupted := ctx.Err() != nil
	doc := logsDocument{Schema: 2, Interrupted: interrupted, Summary: tally.Summary()}
	if o.json {
		err = printJSON(s.out, doc)
	} else {
		err = logsText(s.out, &doc.Summary)
	}
	if err != nil {
		return err
	}
	if interrupted {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted: there may be more to read")}
	}
	return nil
}

func readLog(ctx context.Context, s streams, tally *logs.Tally, file string, o logsOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, source := s.in, "stdin"
	if file != "-" {
		f, err := open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in, source = f, logSource(file)
		if o.follow {
			g := &growing{ctx: ctx, path: file, f: f}
			defer g.close()
			in = g
		}
	}
	in = interruptible(ctx, in)
	if o.follow {
		to := s.out
		if o.json {
			to = s.err
		}
		var last logs.Summary
		ticks := time.NewTicker(time.Minute)
		defer ticks.Stop()
		p := pumped(in, ticks.C, func(now time.Time) {
			next := tally.Summary()
			fmt.Fprintln(to, minuteText(now, &last, &next))
			last = next
		})
		defer func() { cancel(); p.wait() }()
		in = p
	}
	text, err := logs.Text(in)
	if no, is := errors.AsType[*logs.NoLogError](err); is {
		return hinted(fmt.Errorf("read %s: %w", file, err), strings.ReplaceAll(no.Hint, "FILE", file))
	}
	if err == nil {
		err = tally.Read(text, source)
	}
	if _, says := errors.AsType[*fs.PathError](err); err != nil && !says {
		err = fmt.Errorf("read %s: %w", file, err)
	}
	return err
}

// kubernetesLog is the name of a container's log on a Kubernetes node: pod_namespace_container-id.log.
var kubernetesLog = regexp.MustCompile(`^([^_]+)_[^_]+_(.+)-[0-9a-f]{64}$`)

// logSource is what the lines of a file count under that name no container.
func logSource(file string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), logSuffix)
	if m := kubernetesLog.FindStringSubmatch(name); m != nil {
		return m[1] + "/" + m[2]
	}
	return name
}

// minuteText is what has come since the summary before.
func minuteText(now time.Time, before, s *logs.Summary) string {
	had := map[string]int64{}
	for _, c := range before.Codes {
		had[c.Code] = c.Failures
	}
	var codes []string
	for _, c := range s.Codes {
		if n := c.Failures - had[c.Code]; n > 0 {
			codes = append(codes, fmt.Sprintf("%s %d", c.Code, n))
		}
	}
	line := fmt.Sprintf("%s  %s and %s in %s", now.UTC().Format("15:04 UTC"), units.Plural(s.Refusals-before.Refusals, "refusal"),
		units.Plural(s.Errors-before.Errors, "error"), units.Plural(s.Lines-before.Lines, "line"))
	if len(codes) > 0 {
		line += ": " + strings.Join(codes, ", ")
	}
	return line
}

// Where a run keeps its logs.
const (
	recordingsDir = "recordings"
	logSuffix     = ".log"
)

// logFiles returns the files that the arguments name, "-" among them. A
// directory stands for the logs in it, and a run for those of its recordings
// that match the glob, of all where it is empty.
func logFiles(args []string, glob string) ([]string, error) {
	if _, err := path.Match(glob, ""); err != nil {
		return nil, usagef("--recording %q: %w", glob, err)
	}
	if len(args) == 0 {
		args = []string{filepath.Join("runs", archive.Latest)}
	}
	var files []string
	for _, arg := range args {
		found := []string{arg}
		recordings, err := os.ReadDir(filepath.Join(arg, recordingsDir))
		switch isRun := err == nil; {
		case isRun:
			found, err = logsOf(arg, filepath.Join(recordingsDir, cmp.Or(glob, "*")))
			if len(found) == 0 && glob != "" {
				var names []string
				for _, entry := range recordings {
					names = append(names, entry.Name())
				}
				return nil, usagef("--recording %q matches no recording of %s; it has %s", glob, arg, strings.Join(names, ", "))
			}
		case glob != "":
			return nil, usagef("--recording needs a run: %s has no %s", arg, recordingsDir)
		default:
			var info os.FileInfo
			if info, err = os.Stat(arg); arg == "-" {
				err = nil
			} else if err != nil {
				return nil, hinted(err, "make a run with: contend run busy; or read any log with: contend logs FILE (- is standard input)")
			} else if info.IsDir() {
				found, err = logsOf(arg, ".")
			}
		}
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// logsOf returns the logs that lie in dir itself, below it where the pattern says so.
func logsOf(dir, below string) ([]string, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, err
	}
	names, err := fs.Glob(os.DirFS(dir), path.Join(below, "*"+logSuffix))
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	if err == nil && len(names) == 0 {
		err = hinted(fmt.Errorf("read logs: no *%s in %s", logSuffix, filepath.Join(dir, below)), "name the directory of a run or of a recording, or log files")
	}
	return names, err
}

// What logsText shows at most; --json has all.
const (
	maxBars  = 24
	barWidth = 40
)

// logsText prints a summary for people. Package logs has made its texts harmless.
func logsText(w io.Writer, s *logs.Summary) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s and %s in %s of %s\n", units.Plural(s.Refusals, "refusal"), units.Plural(s.Errors, "error"),
		units.Plural(s.Lines, "line"), units.Plural(s.Logs, "log"))
	if s.TimedOut > 0 {
		fmt.Fprintf(&b, "%s after a whole busy_timeout\n", units.PluralOf(s.TimedOut, "refusal came", "refusals came"))
	}
	for _, c := range s.Perhaps {
		fmt.Fprintf(&b, "perhaps %s more, which words alone cannot decide: %s\n", units.Plural(c.Failures, c.Code), c.Example)
	}
	if s.Zoneless > 0 {
		fmt.Fprintf(&b, "%s a time without a zone: read as UTC\n", units.PluralOf(s.Zoneless, "refusal has", "refusals have"))
	}
	if s.Cut > 0 {
		fmt.Fprintf(&b, "%s longer than %d kB: the rest was ignored\n", units.PluralOf(s.Cut, "line is", "lines are"), logs.MaxLine>>10)
	}
	codes := table{header: "code\tis\tfailures\tfirst (UTC)\tlast (UTC)"}
	for _, c := range s.Codes {
		kind := "error"
		if c.Refusal {
			kind = "refusal"
		}
		codes.add(c.Code, kind, c.Failures, instant(c.First), instant(c.Last))
	}
	codes.print(&b)
	containers := table{header: "container\trefusals\terrors\tlines"}
	for _, c := range s.Containers {
		containers.add(printable(c.Container), c.Refusals, c.Errors, c.Lines)
	}
	containers.print(&b)
	barsText(&b, s)
	examplesText(&b, s.Codes)
	for _, a := range s.Advice {
		fmt.Fprintf(&b, "\n%s\n  %s\n  try: %s\n", a.Says, a.Evidence, a.Command)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

const secondLayout = "2006-01-02 15:04:05"

// instant is a time for people; the tables say once that it is UTC.
func instant(at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	return at.Format(secondLayout + ".000")
}

// barsText draws the refusals over time, those without a date apart.
func barsText(w io.Writer, s *logs.Summary) {
	if s.Refusals == 0 {
		return
	}
	if s.Untimed == s.Refusals {
		fmt.Fprintln(w, "\nno refusal has a timestamp")
		return
	}
	dated, undated := s.DatedBuckets()
	bars(w, dated, s.BucketSeconds, secondLayout, "UTC")
	layout, lack := "15:04:05", "their times have no date"
	if len(undated) > 0 && undated[len(undated)-1].Time.YearDay() > 1 {
		layout, lack = "01-02 15:04:05", "their times have no year"
	}
	bars(w, undated, s.BucketSeconds, layout, lack)
	if s.Untimed > 0 {
		fmt.Fprintf(w, "and %d without a timestamp\n", s.Untimed)
	}
}

func bars(w io.Writer, buckets []logs.Bucket, width int64, layout, note string) {
	if len(buckets) == 0 {
		return
	}
	buckets, width = logs.Histogram(buckets, width, maxBars)
	every := "a second"
	if width > 1 {
		every = "in " + (time.Duration(width) * time.Second).String()
	}
	fmt.Fprintf(w, "\nrefusals %s (%s)\n", every, note)
	most := int64(1)
	for _, bucket := range buckets {
		most = max(most, bucket.Refusals)
	}
	digits := len(fmt.Sprint(most))
	for _, bucket := range buckets {
		bar := strings.Repeat("█", int((bucket.Refusals*barWidth+most-1)/most))
		line := fmt.Sprintf("%s  %*d  %s", bucket.Time.Format(layout), digits, bucket.Refusals, bar)
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// examplesText shows what the first line of each error says.
func examplesText(w io.Writer, codes []logs.CodeCount) {
	shown := 0
	for _, c := range codes {
		if c.Refusal || shown == maxRows {
			continue
		}
		if shown == 0 {
			fmt.Fprintln(w, "\nerrors, the first of each code")
		}
		shown++
		fmt.Fprintf(w, "  %s: %s\n", c.Code, c.Example)
	}
}
