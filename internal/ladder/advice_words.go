package ladder

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

// enoughForP99 and enoughForP999 are how many ok ops a percentile wants below
// which it would be no more than the longest wait.
const (
	enoughForP99  = 100
	enoughForP999 = 1000
)

// tail is the wait that few had to bear, and what it is called: p99.9, or the
// longest where there are too few ops for that.
func tail(s *measure.Summary, ok int) (name string, ms float64) {
	if ok >= enoughForP999 {
		return "p99.9", s.P999
	}
	return "max", s.Max
}

// titled is a rung as a sentence names it: without the + that says that it adds
// to the one before.
func titled(r *run.Rung) string { return strings.TrimPrefix(r.String(), "+ ") }

// engineOf is the kind of database that a rung ran on, without its version:
// "PostgreSQL".
func engineOf(r *run.Rung) string {
	kind, _, _ := strings.Cut(r.Engine, " ")
	return kind
}

func onSQLite(r *run.Rung) bool { return engineOf(r) == "SQLite" }

// figuresLine is what clients who never rest got from a rung:
// "queue, counter, 64 clients: 3,120/s, 31,200 ok, 0 refused, 0 lost, p99 41 ms".
func figuresLine(r *run.Rung, f *run.Figures) string {
	said := []string{perSecond(f.Rate), count(int64(f.OK)) + " ok", count(int64(f.Refused)) + " refused"}
	said = append(said, lostPart(f.Lost)...)
	if f.OK >= enoughForP99 {
		said = append(said, "p99 "+wait(f.Latency.P99))
	}
	if f.OK >= enoughForP999 {
		said = append(said, "p99.9 "+wait(f.Latency.P999))
	}
	if f.OK > 0 {
		said = append(said, "max "+wait(f.Latency.Max))
	}
	return fmt.Sprintf("%s, %s, %s: %s", r.Name, f.Workload, clients(f.Clients), strings.Join(said, ", "))
}

// stepLine is what came of a rate on a rung:
// "immediate at 200/s: 0 of 4,000 refused, 0 lost, p99 41 ms: good enough".
func stepLine(r *run.Rung, s *run.RateStep) string {
	met := "good enough"
	if !s.Met {
		met = "not good enough"
	}
	return fmt.Sprintf("%s at %s: %s: %s", r.Name, perSecond(s.Rate), stepWords(s), met)
}

func stepWords(s *run.RateStep) string {
	said := []string{fmt.Sprintf("%s of %s refused", count(int64(s.Refused)), count(int64(s.Sent)))}
	if s.Sent-s.OK > s.Refused {
		said = append(said, percent(s.Errors)+" not ok")
	}
	said = append(said, lostPart(s.Lost)...)
	if s.OK >= enoughForP99 {
		return strings.Join(append(said, "p99 "+wait(s.Latency.P99)), ", ")
	}
	return strings.Join(append(said, "too few for a p99"), ", ")
}

func lostPart(lost *int64) []string {
	if lost == nil {
		return nil
	}
	return []string{count(*lost) + " lost"}
}

// survivalLine is how a rung came through a mishap, and who says so:
// "single-writer, the writer's kill -9: yes, measured here: no success for 1.2 s, 34 requests not ok, 0 lost. app-1 was killed …".
func survivalLine(r *run.Rung, s *run.Survival) string {
	by := "from the documents"
	switch {
	case s.Measured:
		by = "measured here: " + gapWords(s)
	case s.Source != "":
		by += " (" + s.Source + ")"
	}
	return strings.TrimSpace(fmt.Sprintf("%s, %s: %s, %s. %s", r.Name, s.Mishap, s.Answer, by, s.Says))
}

// gapWords is what was measured of a mishap: "no success for 1.2 s, 34 requests
// not ok, 0 lost".
func gapWords(s *run.Survival) string {
	var said []string
	if s.Gap != nil {
		said = append(said, "no success for "+wait(*s.Gap*1000))
	}
	said = append(said, plural(int64(s.Failed), "request")+" not ok")
	return strings.Join(append(said, lostPart(s.Lost)...), ", ")
}

func clients(n int) string { return plural(int64(n), "client") }

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// were is "1 change was", "743 changes were".
func were(n int64, noun string) string {
	if n == 1 {
		return plural(n, noun) + " was"
	}
	return plural(n, noun) + " were"
}

// list is "a", "a or b", "a, b or c".
func list(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func perSecond(rate float64) string { return figure(rate) + "/s" }

// wait writes milliseconds in the unit that suits them: 850 µs, 41 ms, 5.03 s.
func wait(ms float64) string {
	switch {
	case ms >= 999.5:
		return figure(ms/1000) + " s"
	case ms >= 0.9995 || ms == 0:
		return figure(ms) + " ms"
	}
	return figure(ms*1000) + " µs"
}

// percent writes a share from 0 to 1, and never rounds one to nothing.
func percent(share float64) string {
	if share > 0 && share < 0.0001 {
		return "<0.01 %"
	}
	return figure(share*100) + " %"
}

// figure writes v to three digits, "0.042", "41.3", "3,120", and all digits of
// its whole part; "?" where v is no number.
func figure(v float64) string {
	if math.IsNaN(v) || math.Abs(v) > math.MaxInt32 {
		return "?"
	}
	if math.Abs(v) >= 999.5 {
		return count(int64(math.Round(v)))
	}
	// Read back, the shortest form drops the zeros at the end.
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64) // it never fails
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// count writes n with a comma before each three digits.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// upper is a sentence with a capital at its beginning, but for a name that has none.
func upper(sentence string) string {
	if strings.HasPrefix(sentence, "rqlite") {
		return sentence
	}
	first, size := utf8.DecodeRuneInString(sentence)
	if size == 0 {
		return ""
	}
	return strings.ToUpper(string(first)) + sentence[size:]
}
