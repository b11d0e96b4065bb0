package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
)

// What the text for people shows at most; --json has all.
const (
	maxRows      = 20
	maxWitnesses = 5
)

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// figuresText prints a table of one line.
func figuresText(w io.Writer, header, format string, figures ...any) {
	fmt.Fprintln(w)
	table := newTable(w)
	fmt.Fprintln(table, header)
	fmt.Fprintf(table, format+"\n", figures...)
	_ = table.Flush()
}

// leftOutText says how many rows of a table were left out.
func leftOutText(w io.Writer, rows int) {
	if more := rows - maxRows; more > 0 {
		fmt.Fprintf(w, "… and %d more; --json has all\n", more)
	}
}

// severity orders verdicts; what is refuted is the worst.
func severity(v check.Verdict) int {
	return slices.Index([]check.Verdict{check.Holds, check.Inconclusive, check.Refuted}, v)
}

// known returns the number, or "?" where there is none.
func known(v history.Value) string {
	if v.Valid {
		return strconv.FormatInt(v.Int64, 10)
	}
	return "?"
}

// printable keeps a key from breaking the table or the terminal.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` || s == "" {
		return quoted
	}
	return s
}

func witnessesText(w io.Writer, all []check.Witness) {
	for _, witness := range all[:min(len(all), maxWitnesses)] {
		fmt.Fprintf(w, "\n%s: %s\n", witness.Anomaly, witness.Reason)
		table := newTable(w)
		for i := range witness.Ops {
			op := &witness.Ops[i]
			fmt.Fprintf(table, "  op %d\t%s\t%s\t%s to %s ms\t%s\n",
				op.Index, op.Func, printable(op.Node), ms(op.Invoked), ms(op.Returned), said(op))
		}
		_ = table.Flush()
	}
	if more := len(all) - maxWitnesses; more > 0 {
		fmt.Fprintf(w, "\n… and %d more witnesses; --json has them\n", more)
	}
}

// said tells what op asked for and was told, as far as the reason does not.
func said(op *history.Op) string {
	answer := "no value"
	switch {
	case op.Value.Valid:
		answer = "value " + known(op.Value)
	case op.Outcome != history.OK:
		answer = op.Outcome.String()
	}
	switch op.Func {
	case history.Purchase:
		return fmt.Sprintf("takes %d, %s", op.Amount, answer)
	case history.Crash:
		return printable(op.Key)
	default:
		return answer
	}
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}
