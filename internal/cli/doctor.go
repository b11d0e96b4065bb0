package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/display"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/doctor"
)

// doctorOptions are the flags of `contend doctor`.
type doctorOptions struct {
	containers                         []string
	json, forIssue, names, deep, prove bool
	color                              string
}

// A doctorDocument is what --json prints; docs/doctor.md documents it.
type doctorDocument struct {
	Schema    int             `json:"schema"`
	Databases []doctor.Report `json:"databases"`
}

func newDoctorCommand(s streams) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor DB…",
		Short: "Examine a database where it lies: file system, processes, locks, files",
		Long: `doctor examines SQLite databases, in use or at rest, and says what is wrong with them:
the file system and how it is mounted, who has the files open in which container,
what they lock now, and what the files hold. docs/doctor.md lists what it finds.

It only reads: it opens nothing through SQLite, takes no lock and writes nothing.
Without root it does not see the open files of other users, and says so.

The first line is the answer: healthy, attention, danger or cannot tell. Exit codes:
0 healthy, 1 attention or danger, 3 cannot tell, 4 the database could not be read.`,
		Example: `  contend doctor /srv/app/app.db
  contend doctor --container app-1:/data/app.db   # a container of Docker, or a process id
  contend doctor --json app.db | jq -r '.databases[].findings[] | .rule, .command'
  contend doctor --for-issue app.db               # to paste, without names and paths
  contend doctor --prove app.db                   # then show the harm on this machine`,
		RunE: reading(func(cmd *cobra.Command, args []string) error {
			return examine(cmd.Context(), s, args, o)
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&o.containers, "container", nil, "examine a container's database, given as `NAME:PATH` (repeatable);\nNAME may be a process id")
	flags.BoolVar(&o.json, "json", false, "print one JSON document (docs/doctor.md)")
	flags.BoolVar(&o.deep, "deep", false, "have SQLite look at every page of a private copy: integrity_check, foreign_key_check")
	flags.BoolVar(&o.forIssue, "for-issue", false, "print text to paste, without names and paths")
	flags.BoolVar(&o.names, "names", false, "keep names and paths in --for-issue")
	flags.BoolVar(&o.prove, "prove", false, "then run the experiments that show the harm of the findings")
	colorFlag(flags, &o.color)
	return cmd
}

// examine prints the report of each database.
func examine(ctx context.Context, s streams, paths []string, o doctorOptions) error {
	switch {
	case len(paths)+len(o.containers) == 0:
		return usagef("no database given")
	case o.json && (o.forIssue || o.prove):
		return usagef("--json goes with neither --for-issue nor --prove")
	case o.names && !o.forIssue:
		return usagef("--names goes with --for-issue")
	}
	color, err := useColor(o.color, s.out)
	if err != nil {
		return err
	}
	var targets []doctor.Target
	for _, p := range paths {
		targets = append(targets, doctor.Target{Path: p})
	}
	for _, c := range o.containers {
		t, err := inContainer(ctx, c)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	doc := doctorDocument{Schema: 1}
	for _, t := range targets {
		report, err := doctor.Examine(ctx, t, doctor.Options{Names: containerNames, Anonymous: o.forIssue && !o.names, Deep: o.deep})
		if errors.Is(err, fs.ErrPermission) {
			return hinted(err, "run doctor as root, or as the user whom the database belongs to")
		}
		if err != nil {
			return err
		}
		doc.Databases = append(doc.Databases, report)
	}
	if o.json {
		err = printJSON(s.out, doc)
	} else {
		err = printReports(s, doc.Databases, o.forIssue, color)
	}
	if err == nil && o.prove {
		err = proveFindings(ctx, s, doc.Databases)
	}
	if err != nil {
		return err
	}
	return verdictOf(doc.Databases)
}

// verdictOf returns the error that the reports end the program with: nil where all are healthy.
func verdictOf(reports []doctor.Report) error {
	code := exitOK
	for _, r := range reports {
		switch r.Verdict {
		case "attention", "danger":
			code = exitSurprise
		case "cannot tell":
			if code == exitOK {
				code = exitInconclusive
			}
		}
	}
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// inContainer finds the process in whose root directory the path of NAME:PATH is.
func inContainer(ctx context.Context, given string) (doctor.Target, error) {
	name, path, _ := strings.Cut(given, ":")
	if name == "" || !strings.HasPrefix(path, "/") {
		return doctor.Target{}, usagef("--container %q: want NAME:PATH, and an absolute path in the container", given)
	}
	t := doctor.Target{Path: path, Container: name}
	var err error
	if t.PID, err = strconv.Atoi(name); err == nil {
		return t, nil
	}
	if t.PID, err = new(docker.Docker).PID(ctx, name); err != nil {
		return t, hinted(err, "name a running container of Docker (docker ps), or one of its processes by its id")
	}
	return t, nil
}

// containerNames asks Docker, and does not wait for it long.
func containerNames(ctx context.Context, ids []string) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	return new(docker.Docker).Names(ctx, ids)
}

// verdictWord is where a line begins with a verdict.
var verdictWord = regexp.MustCompile(`(?m)^(\d+\. )?(healthy|note|attention|danger|cannot tell):`)

func printReports(s streams, reports []doctor.Report, forIssue, color bool) error {
	var text bytes.Buffer
	if forIssue {
		fmt.Fprintf(&text, "```\ncontend %s doctor, %s/%s\n\n", contendVersion(), runtime.GOOS, runtime.GOARCH)
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(&text)
		}
		if err := r.Text(&text); err != nil {
			return err
		}
	}
	if forIssue {
		fmt.Fprintln(&text, "```")
	}
	if !color {
		_, err := s.out.Write(text.Bytes())
		return err
	}
	var safe bytes.Buffer
	w := display.NewWriter(&safe, false)
	_, _ = w.Write(text.Bytes())
	_ = w.Flush()
	codes := map[string]string{"healthy": "32", "attention": "33", "danger": "31", "cannot tell": "35", "note": "2"}
	painted := verdictWord.ReplaceAllStringFunc(safe.String(), func(begin string) string {
		m := verdictWord.FindStringSubmatch(begin)
		return m[1] + "\x1b[1;" + codes[m[2]] + "m" + m[2] + "\x1b[0m:"
	})
	_, err := raw(s.out).Write([]byte(painted))
	return err
}

// proveFindings runs what shows the harm of the findings, each once.
func proveFindings(ctx context.Context, s streams, reports []doctor.Report) error {
	var done []string
	for _, r := range reports {
		for _, f := range r.Findings {
			if f.Proof == "" || slices.Contains(done, f.Proof) {
				continue
			}
			done = append(done, f.Proof)
			fmt.Fprintf(s.out, "\n$ %s\n", f.Proof)
			args := strings.Fields(f.Proof)[1:]
			code := execute(ctx, args, streams{s.in, raw(s.out), raw(s.err)})
			if ctx.Err() != nil {
				return &exitError{code: exitInterrupted, err: errors.New("interrupted")}
			}
			fmt.Fprintf(s.out, "%s ended with exit code %d.\n", f.Proof, code)
		}
	}
	if len(done) == 0 {
		fmt.Fprintln(s.out, "\nnothing to prove: no finding has an experiment")
	}
	return nil
}
