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
		Long: `logs counts refusals and errors in logs: by code, by container and over time. RUN is
the directory of a run; logs reads the node logs of its recordings. FILE is a log of
any program, and - is standard input. The default is the latest run in runs/.

A line is a refusal if it contains SQLITE_BUSY, SQLITE_LOCKED or SQLITE_PROTOCOL,
extended or not, or the text of one of them ("database is locked"). A line is an
error if it contains another code of SQLite, has the level of an error, or contains
a word such as "error". logs reads the prefixes, colours and timestamps that
docker-compose adds. docs/logs.md has the rules.`,
		Example: `  contend logs                                   # every node of the latest run
  contend logs --recording '*-red-burst' --json | jq '.codes[] | {code, lines}'
  docker-compose logs | contend logs -           # for: docker-compose logs | grep -c SQLITE_BUSY
  docker-compose logs app-3 | contend logs -     # for: docker-compose logs app-3 | grep -c ERROR`,
		RunE: verb(func(cmd *cobra.Command, args []string) error {
			return readLogs(cmd.Context(), s, args, o)
		}),
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document instead of tables (docs/logs.md)")
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
	var tally logs.Tally
	for _, file := range files {
		if err := readLog(ctx, s, &tally, file); err != nil && ctx.Err() == nil {
			return err
		}
	}
	interrupted := ctx.Err() != nil
	doc := logsDocument{Schema: 1, Interrupted: interrupted, Summary: tally.Summary()}
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

func readLog(ctx context.Context, s streams, tally *logs.Tally, file string) error {
	in, source := s.in, "stdin"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in, source = f, strings.TrimSuffix(filepath.Base(file), logSuffix)
	}
	return tally.Read(interruptible(ctx, in), source)
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
	fmt.Fprintf(&b, "%s and %s in %s of %s\n%s neither\n", units.Plural(s.Refusals, "refusal"), units.Plural(s.Errors, "error"),
		units.Plural(s.Lines, "line"), units.Plural(s.Logs, "log"), units.PluralOf(s.Silent, "line is", "lines are"))
	if s.TimedOut > 0 {
		fmt.Fprintf(&b, "%s after a whole busy_timeout\n", units.PluralOf(s.TimedOut, "refusal came", "refusals came"))
	}
	if s.Cut > 0 {
		fmt.Fprintf(&b, "%s longer than %d kB: the rest was ignored\n", units.PluralOf(s.Cut, "line is", "lines are"), logs.MaxLine>>10)
	}
	codes := table{header: "code\tis\tlines\tfirst (UTC)\tlast (UTC)"}
	for _, c := range s.Codes {
		kind := "error"
		if c.Refusal {
			kind = "refusal"
		}
		codes.add(c.Code, kind, c.Lines, instant(c.First), instant(c.Last))
	}
	codes.print(&b)
	containers := table{header: "container\trefusals\terrors\tlines"}
	for _, c := range s.Containers {
		containers.add(printable(c.Container), c.Refusals, c.Errors, c.Lines)
	}
	containers.print(&b)
	barsText(&b, s)
	examplesText(&b, s.Codes)
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

// barsText draws the refusals over time.
func barsText(w io.Writer, s *logs.Summary) {
	if s.Refusals == 0 {
		return
	}
	if s.Untimed == s.Refusals {
		fmt.Fprintln(w, "\nno refusal has a timestamp")
		return
	}
	buckets, width := s.Histogram(maxBars)
	every := "a second"
	if width > 1 {
		every = "in " + (time.Duration(width) * time.Second).String()
	}
	fmt.Fprintf(w, "\nrefusals %s (UTC)\n", every)
	most := int64(1)
	for _, bucket := range buckets {
		most = max(most, bucket.Refusals)
	}
	digits := len(fmt.Sprint(most))
	for _, bucket := range buckets {
		bar := strings.Repeat("█", int((bucket.Refusals*barWidth+most-1)/most))
		line := fmt.Sprintf("%s  %*d  %s", bucket.Time.Format(secondLayout), digits, bucket.Refusals, bar)
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	if s.Untimed > 0 {
		fmt.Fprintf(w, "and %d without a timestamp\n", s.Untimed)
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
