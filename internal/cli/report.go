package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"example.com/contend/internal/archive"
	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/ladder"
	"example.com/contend/internal/report"
	"example.com/contend/internal/run"
)

// reportOptions are the flags of `contend report`.
type reportOptions struct {
	json, html, claims, markdown, csv, open, judge, evidence bool
	draw                                                     drawOptions
}

func newReportCommand(s streams) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Show a stored run again, judge it anew, or open it in a browser",
		Long: `Report shows a stored run as contend run showed it, and exits with the same code.
RUN is the directory of a run, a run.json, or - for standard input; the default is
the latest run in runs/. --verbose prints everything. Every run has a report.html beside its run.json: one file
that needs no network. --open draws it again and opens it in a browser.

--judge judges the stored recordings of a run anew: their setups, histories and
database facts. The same contend comes to the same findings; with an edited history
the findings may differ. --judge stores nothing.`,
		Example: `  contend report --open
  contend report runs/20260504T030201-busy
  contend report --json | jq .summary
  contend report --judge runs/20260504T030201-busy
  contend report --html > /tmp/report.html
  contend report --csv > /tmp/ladder.csv   # every table, also those of contend compare`,
		ValidArgsFunction: completeRuns,
		Args:              cobra.MaximumNArgs(1),
		RunE:              reading(func(_ *cobra.Command, args []string) error { return showReport(s, args, o) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.judge, "judge", false, "judge the stored recordings of a run anew, with the claims of this contend")
	flags.BoolVar(&o.open, "open", false, "open the report in a browser")
	flags.BoolVar(&o.html, "html", false, "print the report as one HTML page")
	flags.BoolVar(&o.evidence, "evidence", false, "with --html or --open: unfold everything, so that it is printed too")
	flags.BoolVar(&o.claims, "claims", false, "print every claim with its verdict and condition, as Markdown (docs/claims.md)")
	flags.BoolVar(&o.markdown, "markdown", false, "print every table as Markdown")
	flags.BoolVar(&o.csv, "csv", false, "print every table as comma-separated values, an empty line between two")
	flags.BoolVar(&o.json, "json", false, "print one JSON document instead of tables (docs/json.md)")
	cmd.MarkFlagsMutuallyExclusive("open", "html", "claims", "markdown", "csv", "json")
	drawFlags(flags, &o.draw)
	colorFlag(flags, &o.draw.color)
	return cmd
}

func showReport(s streams, args []string, o reportOptions) error {
	drawn, err := o.draw.of(s.out)
	if err != nil {
		return err
	}
	if o.evidence && !o.html && !o.open {
		return usagef("--evidence needs --html or --open")
	}
	path := filepath.Join("runs", archive.Latest)
	if len(args) > 0 {
		path = args[0]
	}
	var doc *run.Run
	if path == "-" {
		doc, err = report.Decode(s.in, "standard input")
	} else if doc, err = archive.Load(path); errors.Is(err, fs.ErrNotExist) {
		err = hinted(err, "make a run with: contend run busy; or name one with: contend report RUN")
	}
	if err != nil {
		return err
	}
	if o.judge {
		if err := judge(path, doc); err != nil {
			return err
		}
	}
	switch {
	case o.open:
		err = openReport(s, path, doc, o.evidence)
	case o.html:
		err = report.HTML(s.out, doc, o.evidence)
	case o.claims:
		err = report.Claims(s.out, doc)
	case o.markdown:
		err = report.Tables(s.out, doc)
	case o.csv:
		err = report.CSV(s.out, doc)
	default:
		err = draw(s, doc, o.json, drawn)
	}
	if err != nil {
		return err
	}
	return verdict(doc)
}

// judge puts into doc, the run at path, what its recordings mean to this contend.
func judge(path string, doc *run.Run) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		path = filepath.Dir(path) // of a run.json
	}
	recordings, err := archive.Recordings(path)
	if err != nil {
		return hinted(err, "name the directory of a run, with its recordings")
	}
	var experiments []experiment.Experiment
	if asked := doc.Asked.Ladder; asked != nil {
		x, err := ladder.New(*asked)
		if err != nil {
			return fmt.Errorf("judge: %w", err)
		}
		experiments = []experiment.Experiment{x}
	} else if experiments, err = catalogue.Choose(doc.Asked); err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	recordings.Judge(doc, experiments)
	doc.Summary.Sentences = report.BottomLine(doc)
	return nil
}

// openReport draws the report of the run at path into its directory and shows
// it. Where no browser can be started it says where the page is.
func openReport(s streams, path string, doc *run.Run, evidence bool) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return usagef("--open: %s is not the directory of a run; --html prints the page", path)
	}
	page, err := archive.Draw(path, doc, evidence)
	if err != nil {
		return err
	}
	if page, err = filepath.Abs(page); err != nil {
		return err
	}
	fmt.Fprintln(s.out, page)
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	if err := browser.OpenFile(page); err != nil {
		return hinted(fmt.Errorf("open browser: %w", err), "open "+page+" yourself; it needs no network")
	}
	return nil
}
