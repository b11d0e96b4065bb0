package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.com/contend/internal/run"
)

const (
	unknownWord = "–" // of a rung: nothing tells
	lossMark    = " ✗"
)

// mainSheet has a row for each rung, with its figures of one workload and number of clients.
func mainSheet(c *run.Comparison, of string, clients int) sheet {
	unknown := slices.ContainsFunc(c.Rungs, func(r run.Rung) bool {
		f := figuresOf(&r, of, clients)
		return f != nil && f.Unknown > 0
	})
	s := sheet{Label: "Figures by rung", Heads: mainHeads(unknown)}
	s.addRungs(c, func(r *run.Rung) []string {
		words := figureWords(figuresOf(r, of, clients))
		if !unknown {
			words = slices.Delete(words, 2, 3)
		}
		return words
	})
	return s
}

func mainHeads(unknown bool) []head {
	heads := []head{{Name: "rung"}}
	for _, name := range []string{"ok", "refused", "unknown", "lost"} {
		if name != "unknown" || unknown {
			heads = append(heads, head{Name: name, Number: true})
		}
	}
	heads = append(heads, head{Name: "per second", Number: true})
	for _, name := range []string{"p50", "p99", "p99.9", "max"} {
		heads = append(heads, head{Name: name, Unit: "ms", Number: true})
	}
	return append(heads, head{Name: "fairness", Number: true}, head{Name: "tries", Unit: "per ok", Number: true},
		head{Name: "CPU ms", Unit: "per ok", Number: true})
}

// figureWords are the cells of the main sheet, that of unknown ops included: all
// dashes for a rung that has no figures.
func figureWords(f *run.Figures) []string {
	if f == nil {
		return dashes(12)
	}
	words := []string{grouped(float64(f.OK)), grouped(float64(f.Refused)), grouped(float64(f.Unknown)),
		lossWords(f.Lost, f.LostMax), rate(f.Rate)}
	if f.OK == 0 {
		return append(words, dashes(7)...)
	}
	l := f.Latency
	words = append(words, wait(l.P50), wait(l.P99), wait(l.P999), wait(l.Max), fmt.Sprintf("%.2f", f.Fairness))
	tries, cpu := unknownWord, unknownWord
	if f.Attempts > 0 {
		tries = fmt.Sprintf("%.2f", f.Attempts)
	}
	if f.CPU != nil {
		cpu = cost(*f.CPU)
	}
	return append(words, tries, cpu)
}

func dashes(n int) []string { return slices.Repeat([]string{unknownWord}, n) }

// addRungs adds a row for each rung: those of a database server below its label.
func (s *sheet) addRungs(c *run.Comparison, words func(*run.Rung) []string) {
	before := ""
	for i := range c.Rungs {
		r := &c.Rungs[i]
		server, title := ofServer(c, r.Title)
		if server != "" && server != before {
			s.add(server, s.blanks()).Begins = true
		}
		added := s.add(title, words(r))
		added.Trial, added.Begins = server != "", server == "" && before != ""
		added.mark(r)
		before = server
	}
}

// ofServer cuts a rung's title into the label of its database server and the
// rest; the label is empty where it has none.
func ofServer(c *run.Comparison, title string) (server, rest string) {
	for _, s := range c.Servers {
		if rest, its := strings.CutPrefix(title, s.Label+": "); its {
			return s.Label, rest
		}
	}
	return "", title
}

// add adds a row of words. A name of unusual length, which a server may call
// itself, leaves room for the figures.
func (s *sheet) add(name string, words []string) *row {
	const widest = 36
	added := row{Name: text.Snip(plain(name), widest, "…")}
	for i, word := range words {
		h := s.Heads[i+1]
		some := word != "" && word[0] >= '1' && word[0] <= '9'
		added.Cells = append(added.Cells, cell{Text: word, Number: h.Number, Strong: h.Name == "lost" && some})
	}
	s.Rows = append(s.Rows, added)
	return &s.Rows[len(s.Rows)-1]
}

func (s *sheet) blanks() []string { return make([]string, len(s.Heads)-1) }

// mark makes a rung stand out that lost what it had acknowledged.
func (r *row) mark(rung *run.Rung) {
	if r.Lost = loses(rung); r.Lost {
		r.Name += lossMark
	}
}

// loses reports whether a rung lost acknowledged changes in any trial.
func loses(r *run.Rung) bool {
	some := func(lost *int64) bool { return lost != nil && *lost > 0 }
	return slices.ContainsFunc(r.Figures, func(f run.Figures) bool { return some(f.Lost) }) ||
		slices.ContainsFunc(r.Rates, func(s run.RateStep) bool { return some(s.Lost) }) ||
		slices.ContainsFunc(r.Survives, func(s run.Survival) bool { return some(s.Lost) }) ||
		r.Asked != nil && some(r.Asked.Lost)
}

// mainLegend explains the main sheet as far as it is not plain.
func mainLegend(c *run.Comparison) string {
	words := "ok: acknowledged. refused: certainly without effect. lost: acknowledged, and certainly not in the database. " +
		"p50 to max: of ok requests, in ms. fairness: Jain's index over the clients, 1 where all had the same. " +
		"tries: of the nodes, retries included. CPU: of the nodes and the database server. –: not known."
	if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool { return loses(&r) }) {
		words += lossMark + ": lost what it had acknowledged, here or in another trial."
	}
	return words
}

// takesSheet has a row for each rung, with what it bears and what it costs an application.
func takesSheet(c *run.Comparison) sheet {
	s := sheet{Label: "Rates, survival and lines by rung", Heads: []head{{Name: "rung"}}}
	asked := c.Rate > 0
	if asked {
		at := "at " + rateWords(c.Rate)
		s.Heads = append(s.Heads, head{Group: at, Name: "p99", Unit: "ms", Number: true},
			head{Group: at, Name: "not ok", Number: true}, head{Group: at, Name: "good enough"})
	}
	s.Heads = append(s.Heads, head{Name: "highest rate", Unit: "per s", Number: true})
	befell := mishaps(c)
	for _, mishap := range befell {
		s.Heads = append(s.Heads, head{Group: "survives", Name: mishap})
	}
	s.Heads = append(s.Heads, head{Name: "lines changed", Number: true})
	s.addRungs(c, func(r *run.Rung) []string {
		var words []string
		if asked {
			words = askedWords(r)
		}
		words = append(words, highest(r))
		for _, mishap := range befell {
			words = append(words, outlives(r, mishap))
		}
		return append(words, linesWords(r.Lines))
	})
	return s
}

func takesLegend(c *run.Comparison) string {
	words := "highest rate: the highest that was good enough, of those that were tried (≥: none that was tried was too high)."
	for i := range c.Rungs {
		if l := c.Rungs[i].Lines; l != nil {
			words += fmt.Sprintf(" lines changed: added or removed in an application of %s, + in the balancer's configuration.", plural(l.Of, "line"))
			break
		}
	}
	if slices.ContainsFunc(c.Rungs, func(r run.Rung) bool { return slices.ContainsFunc(r.Survives, fromDocuments) }) {
		words += " " + documentsMark + ": as the engine's documents say, not measured here."
	}
	return words
}

// askedWords are the cells of the rate that is asked about. However quick its
// answers are, a rung that loses what it acknowledged is not good enough.
func askedWords(r *run.Rung) []string {
	s := r.Asked
	if s == nil {
		return dashes(3)
	}
	enough := yes(s.Met)
	if s.Met && loses(r) {
		enough = "loses"
	}
	return []string{stepWait(s), percent(s.Errors), enough}
}

func stepWait(s *run.RateStep) string {
	if s.Latency.Count == 0 {
		return unknownWord
	}
	return wait(s.Latency.P99)
}

// highest is the highest rate that was good enough: at least that where none
// higher was tried.
func highest(r *run.Rung) string {
	switch {
	case r.Highest <= 0 && len(r.Rates) == 0:
		return unknownWord
	case r.Highest <= 0:
		return "none"
	case slices.ContainsFunc(r.Rates, func(s run.RateStep) bool { return s.Rate > r.Highest }):
		return rate(r.Highest)
	}
	return "≥ " + rate(r.Highest)
}

func linesWords(l *run.Lines) string {
	switch {
	case l == nil:
		return unknownWord
	case l.Balancer > 0:
		return fmt.Sprintf("%d + %d", l.Changed, l.Balancer)
	}
	return strconv.Itoa(l.Changed)
}

// workloads are all figures, a sheet for each workload, where there are more
// than those of the main sheet.
func workloads(c *run.Comparison, of string, clients int) []workloadFigures {
	var all []workloadFigures
	for _, name := range workloadNames(c.Rungs) {
		counts, _ := clientCounts(c.Rungs, name)
		levels := slices.Sorted(maps.Keys(counts))
		if name != of || !slices.Equal(levels, []int{clients}) {
			all = append(all, workloadFigures{name, workloadSheet(c, name, levels)})
		}
	}
	return all
}

func workloadSheet(c *run.Comparison, of string, levels []int) sheet {
	s := sheet{Label: "Figures of " + of, Heads: []head{{Name: "rung"}}}
	for _, clients := range levels {
		group := plural(clients, "client")
		s.Heads = append(s.Heads, head{Group: group, Name: "per s", Number: true},
			head{Group: group, Name: "p99", Unit: "ms", Number: true}, head{Group: group, Name: "lost", Number: true})
	}
	s.addRungs(c, func(r *run.Rung) []string {
		var words []string
		for _, clients := range levels {
			all := figureWords(figuresOf(r, of, clients))
			words = append(words, all[4], all[6], all[3])
		}
		return words
	})
	return s
}

// stepsSheet has a row for each rate that was tried with a rung, under the rung's own.
func stepsSheet(c *run.Comparison) sheet {
	s := sheet{Label: "Rates tried", Heads: []head{{Name: "rung, and arrivals"}}}
	for _, name := range []string{"sent", "ok", "refused", "not ok", "lost"} {
		s.Heads = append(s.Heads, head{Name: name, Number: true})
	}
	s.Heads = append(s.Heads, head{Name: "p50", Unit: "ms", Number: true}, head{Name: "p99", Unit: "ms", Number: true},
		head{Name: "max", Unit: "ms", Number: true}, head{Name: "good enough"})
	for i := range c.Rungs {
		r := &c.Rungs[i]
		if len(r.Rates) == 0 {
			continue
		}
		added := s.add(r.Title, s.blanks())
		added.Begins = true
		added.mark(r)
		for j := range r.Rates {
			s.addStep(&r.Rates[j])
		}
	}
	return s
}

func (s *sheet) addStep(step *run.RateStep) {
	l := step.Latency
	words := []string{grouped(float64(step.Sent)), grouped(float64(step.OK)), grouped(float64(step.Refused)), percent(step.Errors),
		lossWords(step.Lost, nil)}
	if l.Count == 0 {
		words = append(words, dashes(3)...)
	} else {
		words = append(words, wait(l.P50), wait(l.P99), wait(l.Max))
	}
	s.add(rateWords(step.Rate), append(words, yes(step.Met))).Trial = true
}

// lossWords are "7", or "7–9" where it is not known exactly.
func lossWords(least, most *int64) string {
	if least == nil {
		return unknownWord
	}
	words := grouped(float64(*least))
	if most := *cmp.Or(most, least); most > *least {
		words += "–" + grouped(float64(most))
	}
	return words
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// rateWords are "200/s".
func rateWords(v float64) string { return rate(v) + "/s" }

// rate writes a number to three digits or to the unit, with commas.
func rate(v float64) string {
	if v < 1000 {
		return short(v)
	}
	return grouped(v)
}

// wait writes milliseconds as everywhere, with commas.
func wait(v float64) string {
	if v < 1000 {
		return ms(v)
	}
	return grouped(v)
}

// cost writes a few milliseconds to two decimals, and less than those hold to three digits.
func cost(v float64) string {
	if v < 0.1 || v >= 10 {
		return short(v)
	}
	return fmt.Sprintf("%.2f", v)
}

// percent writes a share, and never as nothing or all what is not that.
func percent(share float64) string {
	words := short(100*share) + " %"
	if share < 1 && words == "100 %" {
		return "> 99.9 %"
	}
	return words
}

// grouped writes a whole number with a comma before each three digits.
func grouped(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	sign := ""
	if after, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", after
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
