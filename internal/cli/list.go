package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/units"
)

func newListCommand(s streams) *cobra.Command {
	var arms, verbose, asJSON bool
	var lang string
	cmd := &cobra.Command{
		Use:   "list [EXPERIMENT…]",
		Short: "List the experiments, their claims and their arms",
		Long: `List prints what contend can run: the experiments with their questions. Of an
experiment that is named it prints the claims with their sources, too; with --arms
the arms, with the verdict that each claim is expected to get (contend help arms);
with --verbose all of that, of all experiments.`,
		Example: `  contend list
  contend list lost-update --arms
  contend list --json | jq -r '.experiments[].arms[].name'`,
		ValidArgsFunction: completeExperiments,
		RunE: reading(func(_ *cobra.Command, names []string) error {
			experiments, err := catalogue.Named(names, catalogue.Options{})
			if err != nil {
				return usagef("%w", err)
			}
			quotes, err := japanese(lang)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(s.out, listing{1, experiments})
			}
			if len(names) == 0 && !arms && !verbose {
				listShort(s.out, experiments)
				return nil
			}
			listText(s.out, experiments, arms || verbose, !arms || verbose, quotes)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&arms, "arms", false, "every arm, with the expected verdict of each claim")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "every claim and every arm of every experiment")
	langFlag(cmd.Flags(), &lang, "")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// listShort prints the name and the question of each experiment.
func listShort(w io.Writer, experiments []experiment.Experiment) {
	const indent, width = 13, 100
	for _, x := range experiments {
		question := fmt.Sprintf("%s (%s, %s)", x.Question, units.Plural(len(x.Claims), "claim"), units.Plural(len(x.Arms), "arm"))
		lines := strings.Split(text.WrapSoft(question, width-indent), "\n")
		fmt.Fprintf(w, "%-*s%s\n", indent, x.Name, strings.Join(lines, "\n"+strings.Repeat(" ", indent)))
	}
	fmt.Fprintln(w, "\nOne of them with its claims: contend list NAME. Run it: contend run NAME.")
}

func listText(w io.Writer, experiments []experiment.Experiment, arms, claims, quotes bool) {
	for i, x := range experiments {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n  %s\n", x.Name, x.Question)
		if claims {
			fmt.Fprintln(w, "  claims")
			for _, claim := range x.Claims {
				source := claim.Source
				if quotes && claim.TextJA != "" {
					source = claim.TextJA + " (" + source + ")"
				}
				fmt.Fprintf(w, "    %-18s %s\n%24s%s\n", claim.ID, claim.Text, "", source)
			}
		}
		if !arms {
			fmt.Fprintf(w, "  %d arms, %s … %s (--arms shows all)\n", len(x.Arms), x.Arms[0].Name, x.Arms[len(x.Arms)-1].Name)
			continue
		}
		listArms(w, x)
	}
}

// listArms prints a row for each arm and a column for each claim.
func listArms(w io.Writer, x experiment.Experiment) {
	table := newColumns(w)
	defer table.Flush()
	fmt.Fprint(table, "  arms and expected verdicts")
	for _, claim := range x.Claims {
		fmt.Fprintf(table, "\t%s", claim.ID)
	}
	fmt.Fprintln(table)
	for _, arm := range x.Arms {
		fmt.Fprintf(table, "    %s", arm.Name)
		for _, claim := range x.Claims {
			fmt.Fprint(table, "\t")
			if expected, tested := arm.Expect[claim.ID]; tested {
				fmt.Fprint(table, expected)
			}
		}
		fmt.Fprintln(table)
	}
}

// A listing is the document of `contend list --json`.
type listing struct {
	Schema      int                     `json:"schema"`
	Experiments []experiment.Experiment `json:"experiments"`
}
