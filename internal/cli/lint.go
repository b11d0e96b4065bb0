//go:build !image

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/contend/internal/lint"
	"example.com/contend/internal/place"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
)

// lintOptions are the flags of `contend lint`.
type lintOptions struct {
	json, sarif, rules, prove bool
	failOn                    string
}

// A lintDocument is what --json prints; docs/lint.md documents it.
type lintDocument struct {
	Schema int    `json:"schema"`
	Answer string `json:"answer"`
	*lint.Report
}

// failures are the values of --fail-on: the least severity that fails.
var failures = map[string]lint.Severity{"notice": lint.Notice, "warning": lint.Warning, "error": lint.Error, "never": lint.Error + 1}

func newLintCommand(s streams) *cobra.Command {
	var o lintOptions
	work := func(cmd *cobra.Command, args []string) error {
		least, known := failures[o.failOn]
		switch {
		case !known:
			return usagef("--fail-on %q is none of error, warning, notice, never", o.failOn)
		case o.json && o.sarif, o.prove && (o.json || o.sarif):
			return usagef("--json, --sarif and --prove: choose one")
		case o.rules && len(args) > 0:
			return usagef("--rules takes no file")
		case o.rules:
			lintRules(s.out)
			return nil
		case len(args) == 0:
			return usagef("name a Compose file or a Kubernetes manifest, or - for standard input")
		}
		return runLint(cmd.Context(), s, args, o, least)
	}
	cmd := &cobra.Command{
		Use:   "lint FILE…",
		Short: "Find what will harm a SQLite file, in Compose files and Kubernetes manifests",
		Long: `lint reads Compose files and Kubernetes manifests, finds out which containers open
which SQLite file, and says what will harm it: a file that is mounted alone, a network
file system, locks that are switched off, replicas, updates that overlap, backups that
copy a live file, storage that is lost with its container.

FILE is also the output of kustomize or helm template, a directory with YAML files, or
- for standard input. compose.prod.yaml beside compose.yaml is its override. lint reads
what a file includes (env_file, extends, include, .env) and nothing else.

Each finding names its line, its severity and its rule. An error loses or refuses
writes. A warning works under conditions that it names. A notice rests on a guess. The
last line is the answer. Exit code 1 means that there is a finding of --fail-on or
above; 3 that no file has anything to judge; 4 that a part could not be read.

--prove runs the experiments that show what the findings warn of, on this machine.
docs/lint.md lists the rules, and how lint recognises SQLite.`,
		Example: `  contend lint compose.yaml
  contend lint compose.yaml compose.prod.yaml deploy/kubernetes
  helm template ./chart | contend lint -
  kubectl kustomize overlays/prod | contend lint --fail-on warning -
  contend lint --json compose.yaml | jq -r '.findings[] | "\(.line) \(.rule)"'
  contend lint --sarif k8s/*.yaml > lint.sarif   # for GitHub code scanning
  contend lint --prove compose.yaml              # then run what shows it`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.prove { // which has to end in order
				return verb(work)(cmd, args)
			}
			return reading(work)(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.failOn, "fail-on", "error", "least severity that makes the exit code 1: error, warning, notice or never")
	flags.BoolVar(&o.json, "json", false, "print one JSON document (docs/lint.md)")
	flags.BoolVar(&o.sarif, "sarif", false, "print SARIF 2.1.0, for code scanning")
	flags.BoolVar(&o.rules, "rules", false, "list the rules, each with the experiment that shows what it warns of")
	flags.BoolVar(&o.prove, "prove", false, "run the experiments that show what the findings warn of")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"error", "warning", "notice", "never"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runLint(ctx context.Context, s streams, args []string, o lintOptions, least lint.Severity) error {
	sources, err := lintSources(ctx, s, args)
	if err != nil {
		return err
	}
	report := lint.Files(sources, includedFile)
	switch {
	case o.json:
		err = printJSON(s.out, lintDocument{1, report.Answer(), report})
	case o.sarif:
		err = printJSON(s.out, lint.SARIF(report, contendVersion()))
	default:
		err = lintText(s.out, report)
	}
	if err == nil && o.prove {
		err = prove(ctx, s, report)
	}
	if err != nil {
		return err
	}
	return lintVerdict(report, least)
}

// lintVerdict turns a report into an exit code: what was found counts before what could not be read.
func lintVerdict(r *lint.Report, least lint.Severity) error {
	for i := range r.Findings {
		if r.Findings[i].Severity >= least {
			return &exitError{code: exitSurprise}
		}
	}
	for _, u := range r.Unread {
		if !u.Included {
			return &exitError{code: exitCannotRun, err: fmt.Errorf("%s:%d: %s", u.File, u.Line, u.Why)}
		}
	}
	if r.Workloads == 0 && len(r.Strange) == r.Files {
		return &exitError{code: exitInconclusive}
	}
	return nil
}

// lintText prints findings as compilers do, and the answer as the last line.
func lintText(w io.Writer, r *lint.Report) error {
	var b strings.Builder
	for _, u := range r.Unread {
		fmt.Fprintf(&b, "%s:%d: not read: %s\n", u.File, u.Line, u.Why)
	}
	for i := range r.Findings {
		fmt.Fprintln(&b, r.Findings[i].String())
	}
	if strange := len(r.Strange); strange > 0 && strange < r.Files {
		fmt.Fprintf(&b, "%s with neither Compose nor Kubernetes in it: %s\n", units.Plural(strange, "file"), units.List(r.Strange[:min(strange, maxRows)], "and"))
	}
	fmt.Fprintln(&b, r.Answer())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// lintRules prints the table of rules.
func lintRules(w io.Writer) {
	for _, rule := range lint.Rules {
		fmt.Fprintf(w, "%s\n  %s\n  %s\n  shown by: contend run %s\n", rule.ID, rule.Headline, rule.Why, strings.Join(proofLine(rule.Proof), " "))
	}
}

// proofLine is what to type after `contend run` to run a proof.
func proofLine(p lint.Proof) []string {
	line := []string{p.Experiment}
	for _, arm := range p.Arms {
		line = append(line, "--arm", arm)
	}
	if p.Containers {
		line = append(line, "--on", place.Compose, "--alone")
	}
	return line
}

// prove runs the experiments of the rules that found something, and prints the answer again.
func prove(ctx context.Context, s streams, r *lint.Report) error {
	var done []string
	for _, rule := range lint.Rules {
		p := rule.Proof
		line := strings.Join(proofLine(p), " ")
		if slices.Contains(done, line) || !slices.ContainsFunc(r.Findings, func(f lint.Finding) bool { return f.Rule == rule.ID }) {
			continue
		}
		done = append(done, line)
		fmt.Fprintf(s.out, "\n%s: contend run %s shows %s\n\n", rule.ID, line, p.Shows)
		o := runOptions{
			asked:  run.Asked{Experiments: []string{p.Experiment}, Arms: p.Arms},
			on:     []string{run.Processes},
			places: place.Options{Builds: map[string]string{}},
			keep:   keepOptions{dir: "runs", seed: uint64(rand.Uint32()), draw: drawOptions{color: "auto"}},
		}
		if p.Containers {
			o.on, o.places.Alone, o.asked.Flags = []string{place.Compose}, true, []string{"--on", place.Compose, "--alone"}
		}
		if err := runExperiments(ctx, s, o, append([]string{"contend", "run"}, proofLine(p)...)); err != nil {
			return fmt.Errorf("prove %s: %w", rule.ID, err)
		}
	}
	if len(done) > 0 {
		fmt.Fprintf(s.out, "\n%s\n", r.Answer())
	}
	return nil
}

// lintSources reads the files that the arguments name: of a directory, the YAML files in it.
func lintSources(ctx context.Context, s streams, args []string) (all []lint.Source, err error) {
	total := 0
	for _, arg := range args {
		names := []string{arg}
		if info, err := os.Stat(arg); arg != "-" && err == nil && info.IsDir() {
			names = nil
			for _, pattern := range []string{"*.yaml", "*.yml"} {
				found, _ := fs.Glob(os.DirFS(arg), pattern)
				for _, name := range found {
					names = append(names, filepath.Join(arg, name))
				}
			}
			if slices.Sort(names); len(names) == 0 {
				return nil, fmt.Errorf("lint %s: no *.yaml and no *.yml in it", arg)
			}
		}
		for _, name := range names {
			text, err := lintSource(ctx, s, name)
			if err != nil {
				return nil, err
			}
			if total += len(text); total > lint.MaxBytes {
				return nil, fmt.Errorf("lint %s: the files are longer than %d MiB together: name fewer", name, lint.MaxBytes>>20)
			}
			all = append(all, lint.Source{Name: filepath.ToSlash(filepath.Clean(name)), Text: text})
		}
	}
	return all, nil
}

func lintSource(ctx context.Context, s streams, name string) ([]byte, error) {
	in := s.in
	if name != "-" {
		f, err := open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := readAtMost(interruptible(ctx, in))
	if _, says := errors.AsType[*fs.PathError](err); err != nil && !says {
		err = fmt.Errorf("read %s: %w", name, err)
	}
	return text, err
}

func readAtMost(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, lint.MaxBytes+1))
	if err == nil && len(text) > lint.MaxBytes {
		err = fmt.Errorf("it is longer than %d MiB", lint.MaxBytes>>20)
	}
	return text, err
}

// includedFile reads a file that another includes. Its errors do not repeat the name.
func includedFile(name string) ([]byte, error) {
	f, err := open(filepath.FromSlash(name))
	if err != nil {
		if path, is := errors.AsType[*fs.PathError](err); is {
			err = path.Err
		}
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	return readAtMost(f)
}
