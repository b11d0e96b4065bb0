package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/contend/internal/logs"
	"example.com/contend/internal/units"
)

// What logsText shows at most; --json has all.
const (
	maxBars  = 24
	barWidth = 40
)

// logsText prints a summary for people. Its texts are harmless, package logs
// has seen to that.
func logsText(w io.Writer, s *logs.Summary) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s and %s in %s of %s\n",
		units.Plural(s.Refusals, "refusal"), units.Plural(s.Errors, "error"), units.Plural(s.Lines, "line"), units.Plural(s.Logs, "log"))
	logsNotes(&b, s)
	codesText(&b, s.Codes)
	containersText(&b, s.Containers)
	barsText(&b, s)
	examplesText(&b, s.Codes)
	_, err := io.WriteString(w, b.String())
	return err
}

// logsNotes says what the figures leave out.
func logsNotes(w io.Writer, s *logs.Summary) {
	fmt.Fprintf(w, "%s neither\n", units.PluralOf(s.Silent, "line says", "lines say"))
	if s.TimedOut > 0 {
		fmt.Fprintf(w, "%s only after a whole busy_timeout\n", units.PluralOf(s.TimedOut, "refusal came", "refusals came"))
	}
	if s.Cut > 0 {
		fmt.Fprintf(w, "%s longer than %d kB: the rest was not looked at\n", units.PluralOf(s.Cut, "line is", "lines are"), logs.MaxLine>>10)
	}
}

const secondLayout = "2006-01-02 15:04:05"

// instant is a time for people; the tables say once that it is UTC.
func instant(at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	return at.Format(secondLayout + ".000")
}

func codesText(w io.Writer, codes []logs.CodeCount) {
	if len(codes) == 0 {
		return
	}
	table := newTable(w)
	defer table.Flush()
	fmt.Fprintln(table, "\ncode\tis\tlines\tfirst (UTC)\tlast (UTC)")
	for _, c := range codes[:min(len(codes), maxRows)] {
		kind := "error"
		if c.Refusal {
			kind = "refusal"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", c.Code, kind, c.Lines, instant(c.First), instant(c.Last))
	}
	leftOutText(table, len(codes))
}

func containersText(w io.Writer, containers []logs.ContainerCount) {
	if len(containers) == 0 {
		return
	}
	table := newTable(w)
	defer table.Flush()
	fmt.Fprintln(table, "\ncontainer\trefusals\terrors\tlines")
	for _, c := range containers[:min(len(containers), maxRows)] {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\n", printable(c.Container), c.Refusals, c.Errors, c.Lines)
	}
	leftOutText(table, len(containers))
}

// barsText draws the refusals over time.
func barsText(w io.Writer, s *logs.Summary) {
	if s.Refusals == 0 {
		return
	}
	if s.Untimed == s.Refusals {
		fmt.Fprintln(w, "\nno refusal says when it was: there are no times")
		return
	}
	buckets, width := s.Histogram(maxBars)
	fmt.Fprintf(w, "\nrefusals %s (UTC)\n", every(width))
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
		fmt.Fprintf(w, "and %d without a time\n", s.Untimed)
	}
}

// every says how long a bucket is.
func every(seconds int64) string {
	if seconds == 1 {
		return "a second"
	}
	return "in " + (time.Duration(seconds) * time.Second).String()
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
