package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"example.com/contend/history"
	"example.com/contend/internal/display"
	"example.com/contend/internal/report"
)

// maxRows is how many rows of a table people are shown; --json has all.
const maxRows = 20

// A table is a header and rows, each with tabs between its cells.
type table struct {
	header string
	rows   []string
}

func (t *table) add(cells ...any) {
	var row []string
	for _, c := range cells {
		if v, ok := c.(history.Value); ok {
			c = known(v)
		}
		row = append(row, fmt.Sprint(c))
	}
	t.rows = append(t.rows, strings.Join(row, "\t"))
}

// print writes the table with an empty line before it; nothing where it has no rows.
func (t *table) print(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintln(w)
	columns := newColumns(w)
	fmt.Fprintln(columns, t.header)
	for _, row := range t.rows[:min(len(t.rows), maxRows)] {
		fmt.Fprintln(columns, row)
	}
	_ = columns.Flush()
	if more := len(t.rows) - maxRows; more > 0 {
		fmt.Fprintf(w, "… and %d more; --json has all\n", more)
	}
}

// newColumns returns a writer that aligns tab-separated cells once it is flushed.
func newColumns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// known returns the number, or "?" where there is none.
func known(v history.Value) string {
	if v.Valid {
		return strconv.FormatInt(v.Int64, 10)
	}
	return "?"
}

// drawOptions are the flags that say how a run is drawn for people.
type drawOptions struct {
	color, lang string
	verbose     bool
}

// drawFlags adds the flags of a run of experiments, which has a short form and quotes its source.
func drawFlags(flags *pflag.FlagSet, o *drawOptions) {
	flags.BoolVar(&o.verbose, "verbose", false, "print all tables, claims, scenes and proofs, not the short form")
	langFlag(flags, &o.lang, " (with --verbose)")
}

// langFlag adds --lang, whose value [japanese] takes. Where says where there are quotations.
func langFlag(flags *pflag.FlagSet, lang *string, where string) {
	flags.StringVar(lang, "lang", "en", "en or ja; ja quotes the Japanese source, too"+where)
}

// japanese reports whether to quote the source, which is Japanese. The error is of the flag.
func japanese(lang string) (bool, error) {
	if !slices.Contains([]string{"", "en", "ja"}, lang) {
		return false, usagef("--lang %q is none of en, ja", lang)
	}
	return lang == "ja", nil
}

// of returns how to draw a run on w. The error is of a flag.
func (o *drawOptions) of(w io.Writer) (report.Options, error) {
	color, err := useColor(o.color, w)
	if err != nil {
		return report.Options{}, err
	}
	quotes, err := japanese(o.lang)
	return report.Options{Color: color, Width: columns(w), Verbose: o.verbose, Japanese: quotes}, err
}

// columns is how many w has: those of COLUMNS, which decides as for ls and man, or the terminal's. It is 0
// where w is neither.
func columns(w io.Writer) int {
	const most = 1000
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return min(n, most)
	}
	f := file(w)
	if f == nil {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return min(n, most)
}

// raw returns the stream behind w: for what has made its text harmless and colours it, and for
// what redraws a line of a terminal.
func raw(w io.Writer) io.Writer {
	if safe, is := w.(*display.Writer); is {
		return safe.Unwrap()
	}
	return w
}

// file returns the file that w writes to in the end; nil where it is none.
func file(w io.Writer) *os.File {
	w = raw(w)
	if a, is := w.(*audience); is {
		w = a.Writer
	}
	f, _ := w.(*os.File)
	return f
}

// undelivered returns why what was printed to w has not arrived; nil where it has.
func undelivered(w io.Writer) error {
	if safe, is := w.(*display.Writer); is && safe.Flush() != nil {
		return fmt.Errorf("write answer: %w", safe.Flush())
	}
	return nil
}

// printable quotes a key that would break the table or obey the terminal, and shortens one that
// would make every row of the table as long.
func printable(s string) string {
	const most = 200 // bytes
	if len(s) > most {
		return printable(strings.ToValidUTF8(s[:most-len("…")], "")) + "…"
	}
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` || s == "" {
		return quoted
	}
	return s
}

// printJSON writes the document of a verb's --json.
func printJSON(w io.Writer, document any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(document); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
