package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"example.com/contend/check"
	"example.com/contend/history"
)

// A checkDocument is what --json prints.
type checkDocument struct {
	Schema    int           `json:"schema"`
	Checker   string        `json:"checker"`
	Verdict   check.Verdict `json:"verdict"` // on all histories together
	Histories []any         `json:"histories"`
}

func newCheckCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check CHECKER HISTORY…",
		Short: "Judge a recorded history, or one that you wrote",
		Long: `check judges a history and shows the fewest operations that prove the verdict. A
history has one operation per line, as JSON; docs/history.md explains how your own
client can write one. "-" reads standard input.

Exit codes: 0 the claim holds, 1 it is refuted, 3 it could not be decided,
2 the command line was wrong, 4 a history could not be read.`,
		Example: `  contend check counter runs/latest/recordings/*/history.jsonl
  contend check counter --final hits=97 mine.jsonl     # without a recorded final read
  contend check bank --json mine.jsonl | jq '.histories[].accounts'
  zcat old.jsonl.gz | contend check counter --json - | jq '.histories[].counters[].lost'`,
		Args:                       cobra.ArbitraryArgs,
		FParseErrWhitelist:         cobra.FParseErrWhitelist{UnknownFlags: true}, // they belong to the misspelt checker
		SuggestionsMinimumDistance: 2,
	}
	var names []string
	for _, c := range checkers {
		cmd.AddCommand(newCheckerCommand(s, c))
		names = append(names, c.name)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		choice := "choose one of " + strings.Join(names, ", ")
		if len(args) == 0 {
			return usagef("no checker given; %s", choice)
		}
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			return usagef("unknown checker %q, did you mean %s? %s", args[0], like[0], choice)
		}
		return usagef("unknown checker %q; %s", args[0], choice)
	}
	return cmd
}

func newCheckerCommand(s streams, c checker) *cobra.Command {
	var asJSON bool
	var initial, final knownValues
	cmd := &cobra.Command{
		Use:     c.name + " HISTORY…",
		Short:   c.short,
		Long:    c.long,
		Example: c.example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("check %s: no history given; - is standard input", c.name)
			}
			if len(args) > 1 && (initial.given() || final.given()) {
				return usagef("--initial and --final need exactly one history, not %d", len(args))
			}
			return nil
		},
		RunE: reading(func(_ *cobra.Command, args []string) error {
			return checkHistories(s, c, args, amendment{of: c.amends, initial: initial, final: final}, asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	if a := c.amends; a.function != "" {
		cmd.Flags().Var(&initial, "initial", "initial value of "+a.one+", if the history has no reset; N alone if there is only one")
		cmd.Flags().Var(&final, "final", "final value of "+a.one+", if the history has no final read; N alone if there is only one")
	}
	return cmd
}

// checkHistories judges each file on its own, and stops at the first that
// cannot be read: a verdict on the others would pass for one on all.
func checkHistories(s streams, c checker, paths []string, a amendment, asJSON bool) error {
	all := checkDocument{Schema: 1, Checker: c.name, Verdict: check.Holds}
	for i, path := range paths {
		j, err := checkHistory(s, c, path, a)
		if err != nil {
			return err
		}
		all.Verdict = check.Merge(all.Verdict, j.verdict)
		all.Histories = append(all.Histories, j.document)
		if asJSON {
			continue
		}
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if len(paths) > 1 {
			fmt.Fprintln(s.out, path)
		}
		j.print(s.out)
	}
	if asJSON {
		if err := printJSON(s.out, all); err != nil {
			return err
		}
	}
	switch all.Verdict {
	case check.Holds:
		return nil
	case check.Refuted:
		return &exitError{code: exitSurprise}
	default:
		return &exitError{code: exitInconclusive}
	}
}

// checkHistory judges one file.
func checkHistory(s streams, c checker, path string, a amendment) (judged, error) {
	in, name := s.in, "stdin"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return judged{}, err
		}
		defer f.Close()
		in, name = f, path
	}
	r := history.NewReader(in, name)
	j := c.judge(path, a.apply(r.Ops()))
	switch err := r.Err(); {
	case errors.Is(err, history.ErrTruncated):
		return judged{}, hinted(err, "the recorder was killed while it wrote that line; to judge the lines before it: head -n -1 HISTORY | contend check "+c.name+" -")
	case err != nil:
		return judged{}, err
	}
	return j, a.check()
}
