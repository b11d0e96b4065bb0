package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/logs"
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
		Short: "Count what nodes and other programs logged about SQLite",
		Long: `logs counts refusals and errors in logs: by code, by container and over time.
RUN is a run's directory (without it, the latest run in runs/), whose recordings'
logs are read; FILE is a log of any program, and - is standard input.

A line is a refusal where it names SQLITE_BUSY, SQLITE_LOCKED or SQLITE_PROTOCOL,
extended or not, or says so in SQLite's words ("database is locked"). It is an
error where it names another of SQLite's codes, is logged as an error, or has
that word. The prefix, the colours and the times that docker-compose puts before
a line are understood. docs/logs.md has the rules.`,
		Example: `  contend logs                                   # every node of the latest run
  contend logs --recording '*-red-burst' --json | jq '.codes[] | {code, lines}'
  docker-compose logs | contend logs -           # for: docker-compose logs | grep -c SQLITE_BUSY
  docker-compose logs app-3 | contend logs -     # for: docker-compose logs app-3 | grep -c ERROR`,
		RunE: verb(func(cmd *cobra.Command, args []string) error {
			return readLogs(cmd.Context(), s, args, o)
		}),
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document instead of tables (docs/logs.md)")
	cmd.Flags().StringVar(&o.recording, "recording", "", "only recordings of a RUN whose directory matches this `GLOB`")
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
	if err := printLogs(s.out, logsDocument{Schema: 1, Interrupted: interrupted, Summary: tally.Summary()}, o.json); err != nil {
		return fmt.Errorf("write answer: %w", err)
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

func printLogs(w io.Writer, doc logsDocument, asJSON bool) error {
	if !asJSON {
		return logsText(w, &doc.Summary)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(doc)
}

// Where a run keeps its logs.
const (
	recordingsDir = "recordings"
	logSuffix     = ".log"
)

// logFiles returns the files that the arguments name, "-" among them. A
// directory stands for the logs in it, and a run for those of its recordings
// that match the glob, where there is one.
func logFiles(args []string, recording string) ([]string, error) {
	if _, err := path.Match(recording, ""); err != nil {
		return nil, usagef("--recording %q: %w", recording, err)
	}
	if len(args) == 0 {
		args = []string{filepath.Join("runs", archive.Latest)}
	}
	var files []string
	for _, arg := range args {
		found, err := logsAt(arg, recording)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// logsAt returns the files that one argument names.
func logsAt(arg, recording string) ([]string, error) {
	recordings, err := os.ReadDir(filepath.Join(arg, recordingsDir))
	if err == nil {
		return logsOfRun(arg, recordings, recording)
	}
	if recording != "" {
		return nil, usagef("--recording is for a run: %s has no %s", arg, recordingsDir)
	}
	if arg == "-" {
		return []string{arg}, nil
	}
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		return nil, hinted(err, "contend run busy makes a run; contend logs FILE reads any log, - standard input")
	case info.IsDir():
		return logsOf(arg)
	}
	return []string{arg}, nil
}

// logsOfRun returns the logs of the recordings that match the glob, of all
// where it is empty.
func logsOfRun(run string, recordings []os.DirEntry, glob string) ([]string, error) {
	var files, names []string
	for _, entry := range recordings {
		names = append(names, entry.Name())
		if ok, _ := path.Match(glob, entry.Name()); !ok && glob != "" {
			continue
		}
		found, err := logsOf(filepath.Join(run, recordingsDir, entry.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, usagef("--recording %q matches no recording of %s: there are %s", glob, run, strings.Join(names, ", "))
	}
	return files, nil
}

// logsOf returns the logs that lie in dir itself.
func logsOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), logSuffix) {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	if len(files) == 0 {
		return nil, hinted(fmt.Errorf("read logs: no *%s in %s", logSuffix, dir), "contend logs takes a run's directory, a recording's, or log files")
	}
	return files, nil
}
