package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

func rungWith(of string, clients ...int) run.Rung {
	var r run.Rung
	for _, n := range clients {
		r.Figures = append(r.Figures, run.Figures{Workload: of, Clients: n})
	}
	return r
}

func TestMainFiguresArePicked(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rungs       []run.Rung
		wantOf      string
		wantClients int
	}{
		{"nothing", nil, "", 0},
		{"rungs without figures", []run.Rung{{}, {}}, "", 0},
		{"the largest up to 100", []run.Rung{rungWith("counter", 1, 10, 100, 500)}, "counter", 100},
		{"all above 100", []run.Rung{rungWith("counter", 200, 500)}, "counter", 200},
		{"counter before what comes first", []run.Rung{{Figures: []run.Figures{{Workload: "write", Clients: 5}, {Workload: "counter", Clients: 7}}}}, "counter", 7},
		{"the first where there is no counter", []run.Rung{rungWith("write", 3), rungWith("mixed", 5)}, "write", 3},
		{"most rungs share it", []run.Rung{rungWith("counter", 1, 50), rungWith("counter", 1, 50), rungWith("counter", 1), {}}, "counter", 50},
		{"one rung is ahead of the others", []run.Rung{rungWith("counter", 1, 50), rungWith("counter", 1), rungWith("counter", 1)}, "counter", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			of := pickWorkload(tt.rungs)
			if clients := pickClients(tt.rungs, of); of != tt.wantOf || clients != tt.wantClients {
				t.Errorf("picked %q with %d clients, want %q with %d", of, clients, tt.wantOf, tt.wantClients)
			}
		})
	}
}

func TestWhatIsEnough(t *testing.T) {
	for _, tt := range []struct {
		c    run.Comparison
		want string
	}{
		{run.Comparison{Met: true}, ""},
		{run.Comparison{Expect: "e", Met: true, Rate: 200}, "Good enough is e: a rung that loses nothing is, at 200/s."},
		{run.Comparison{Expect: "e", Met: true}, "Good enough is e: a rung that loses nothing is, at some rate."},
		{run.Comparison{Expect: "e", Rate: 1200}, "Good enough is e: no rung that loses nothing is, at 1,200/s."},
		{run.Comparison{Expect: "e"}, "Good enough is e: no rung that loses nothing is, at any rate that was tried."},
	} {
		if got := enoughWords(&tt.c); got != tt.want {
			t.Errorf("%+v is told as %q, want %q", tt.c, got, tt.want)
		}
	}
}

// Only who asked for something good enough is surprised that there is none.
func TestUnmetExpectationIsASurprise(t *testing.T) {
	for _, decides := range []bool{false, true} {
		doc := compareRun()
		doc.Comparison.Met, doc.Comparison.Decides = false, decides
		for name, got := range map[string]string{"terminal": drawn(t, doc, Options{}), "page": paged(t, doc)} {
			if told := strings.Contains(got, "surprise: Good enough") || strings.Contains(got, "<strong>surprise</strong> Good enough"); told != decides {
				t.Errorf("%s: decides %t, and it is told as a surprise: %t", name, decides, told)
			}
		}
		if got := strings.HasSuffix(drawn(t, doc, Options{}), "; no rung is good enough\n"); got != decides {
			t.Errorf("decides %t, and the last line says so: %t", decides, got)
		}
	}
}

func TestHighestRate(t *testing.T) {
	step := func(rate float64) run.RateStep { return run.RateStep{Rate: rate} }
	for _, tt := range []struct {
		name string
		rung run.Rung
		want string
	}{
		{"nothing was tried", run.Rung{}, "–"},
		{"none was good enough", run.Rung{Rates: []run.RateStep{step(50)}}, "none"},
		{"a higher one was not", run.Rung{Highest: 430, Rates: []run.RateStep{step(430), step(560)}}, "430"},
		{"no higher one was tried", run.Rung{Highest: 6200, Rates: []run.RateStep{step(3100), step(6200)}}, "≥ 6,200"},
	} {
		if got := highest(&tt.rung); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What is not known is a dash: a 0 would be a figure.
func TestUnknownIsNoFigure(t *testing.T) {
	if got := figureWords(nil); !slices.Equal(got, dashes(12)) {
		t.Errorf("no figures: %q", got)
	}
	never := run.Figures{Refused: 5, Lost: number(0), Fairness: 1}
	if got := strings.Join(figureWords(&never), " "); got != "0 5 0 0 0 – – – – – – –" {
		t.Errorf("nothing succeeded: %q", got)
	}
	cpu := 0.004
	some := run.Figures{OK: 12345, LostMax: number(3), Rate: 61.72, Latency: measure.Summary{P50: 1, P99: 22, P999: 333, Max: 4444}, Fairness: .5, CPU: &cpu}
	if got := strings.Join(figureWords(&some), " "); got != "12,345 0 0 – 61.7 1.0 22 333 4,444 0.50 – 0.004" {
		t.Errorf("some is not known: %q", got)
	}
	if got := strings.Join(askedWords(&run.Rung{Asked: &run.RateStep{Errors: 1}}), " "); got != "– 100 % no" {
		t.Errorf("nothing was answered: %q", got)
	}
	if got := slices.Concat(askedWords(&run.Rung{}), []string{linesWords(nil)}); !slices.Equal(got, dashes(4)) {
		t.Errorf("not asked, no lines: %q", got)
	}
}

func TestFiguresInWords(t *testing.T) {
	for want, got := range map[string]string{
		"0": grouped(0), "999": grouped(999), "1,000": grouped(1000), "1,234,568": grouped(1234567.8), "-1,234": grouped(-1234), "-12": grouped(-12),
		"12.5": rate(12.5), "3,100": rate(3100), "0 %": percent(0), "0.05 %": percent(.0005), "> 99.9 %": percent(.99999), "100 %": percent(1),
		"7": lossWords(number(7), nil), "1,007–2,009": lossWords(number(1007), number(2009)), "–": lossWords(nil, number(3)), "8": lossWords(number(8), number(8)),
		"0.22": cost(.22), "0.0123": cost(.01234), "12.3": cost(12.34), "9.9": wait(9.94), "5,013": wait(5013.2),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLossIsMarkedWhereverItWas(t *testing.T) {
	lost, kept := number(3), number(0)
	for _, tt := range []struct {
		name string
		rung run.Rung
		want bool
	}{
		{"nothing is known", run.Rung{Asked: &run.RateStep{}, Figures: []run.Figures{{}}}, false},
		{"nothing was", run.Rung{Figures: []run.Figures{{Lost: kept, LostMax: lost}}}, false},
		{"at rest", run.Rung{Figures: []run.Figures{{Lost: kept}, {Lost: lost}}}, true},
		{"in the search", run.Rung{Rates: []run.RateStep{{Lost: lost}}}, true},
		{"at the rate asked about", run.Rung{Asked: &run.RateStep{Lost: lost}}, true},
		{"when somebody was killed", run.Rung{Survives: []run.Survival{{Lost: lost}}}, true},
	} {
		if got := loses(&tt.rung); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestTales(t *testing.T) {
	long := 2.5
	same := run.Survival{Mishap: run.MishapPower, Answer: "yes", Says: "It is on the disk."}
	c := run.Comparison{Rungs: []run.Rung{
		{Title: "a", Survives: []run.Survival{same, {Mishap: "hail", Answer: "?"}, {Mishap: run.MishapNode, Measured: true, Answer: "yes", Says: "Nothing.", Failed: 3}}},
		{Title: "b", Survives: []run.Survival{{Mishap: run.MishapNode, Measured: true, Answer: "yes", Says: "A pause.", Gap: &long}, same}},
		{Title: "c", Survives: []run.Survival{{Mishap: run.MishapNode, Measured: true, Answer: "no", Says: "Lost."}}},
	}}
	if diff := cmp.Diff([]string{run.MishapNode, run.MishapPower, "hail"}, mishaps(&c)); diff != "" {
		t.Errorf("mishaps differ (-want +got):\n%s", diff)
	}
	var got []string
	for _, told := range tales(&c) {
		mark := "- "
		if told.Telling {
			mark = "! "
		}
		got = append(got, mark+told.String())
	}
	want := []string{"- a node's kill -9 (a): Nothing.", "! a node's kill -9 (b): A pause.", "! a node's kill -9 (c): Lost.", "- power loss (a and b): It is on the disk."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tales differ (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		rung         int
		mishap, want string
	}{{0, run.MishapPower, "yes*"}, {2, run.MishapPower, "–"}, {0, "hail", "?"}, {2, run.MishapNode, "no"}} {
		if got := outlives(&c.Rungs[tt.rung], tt.mishap); got != tt.want {
			t.Errorf("%s, rung %d: %q, want %q", tt.mishap, tt.rung, got, tt.want)
		}
	}
}

// Quick answers do not make up for what is lost.
func TestWhatLosesIsNotGoodEnough(t *testing.T) {
	for want, r := range map[string]run.Rung{
		"yes":   {Asked: &run.RateStep{Met: true}},
		"no":    {Asked: &run.RateStep{Lost: number(1)}},
		"loses": {Asked: &run.RateStep{Met: true}, Figures: []run.Figures{{Lost: number(1)}}},
	} {
		if got := askedWords(&r)[2]; got != want {
			t.Errorf("good enough: %q, want %q", got, want)
		}
	}
}

func TestRungsOfServers(t *testing.T) {
	c := run.Comparison{Servers: []run.Server{{Label: "PostgreSQL 15"}},
		Rungs: []run.Rung{{Title: "red: hasty"}, {Title: "PostgreSQL 15: a"}, {Title: "PostgreSQL 15: b"}, {Title: "other"}}}
	s := sheet{Heads: []head{{Name: "rung"}, {Name: "ok"}}}
	s.addRungs(&c, func(r *run.Rung) []string { return []string{r.Title} })
	want := []row{
		{Name: "red: hasty", Cells: []cell{{Text: "red: hasty"}}},
		{Name: "PostgreSQL 15", Begins: true, Cells: []cell{{}}},
		{Name: "a", Trial: true, Cells: []cell{{Text: "PostgreSQL 15: a"}}},
		{Name: "b", Trial: true, Cells: []cell{{Text: "PostgreSQL 15: b"}}},
		{Name: "other", Begins: true, Cells: []cell{{Text: "other"}}},
	}
	if diff := cmp.Diff(want, s.Rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

// Groups of one bar each say the same name again and again.
func TestBarsOfOneNameAreOneGroup(t *testing.T) {
	series := func(name string, labels ...string) run.Series {
		s := run.Series{Name: name}
		for i, label := range labels {
			s.Points = append(s.Points, run.Point{X: float64(i), Y: float64(i + 1), Label: label})
		}
		return s
	}
	for _, tt := range []struct {
		name string
		all  []run.Series
		want []chart.Group
	}{
		{"one name", []run.Series{series("10 clients", "red", "queue")},
			[]chart.Group{{Bars: []chart.Bar{{Name: "red", Value: 1}, {Name: "queue", Value: 2}}}}},
		{"two names", []run.Series{series("a", "red"), series("b", "red")},
			[]chart.Group{{Name: "red", Bars: []chart.Bar{{Name: "a", Value: 1}, {Name: "b", Value: 1}}}}},
		{"one group", []run.Series{series("a", "red")}, []chart.Group{{Name: "red", Bars: []chart.Bar{{Name: "a", Value: 1}}}}},
		{"a group without a name", []run.Series{series("a", "red", "")},
			[]chart.Group{{Name: "red", Bars: []chart.Bar{{Name: "a", Value: 1}}}, {Bars: []chart.Bar{{Name: "a", Value: 2}}}}},
		{"nothing", nil, nil},
	} {
		if diff := cmp.Diff(tt.want, groups(tt.all)); diff != "" {
			t.Errorf("%s: groups differ (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSpans(t *testing.T) {
	s := sheet{Heads: []head{{Name: "rung"}, {Group: "a", Name: "x"}, {Group: "a", Name: "y"}, {Name: "z"}, {Group: "b", Name: "x"}}}
	if diff := cmp.Diff([]span{{"", 1}, {"a", 2}, {"", 1}, {"b", 1}}, s.Spans()); diff != "" {
		t.Errorf("spans differ (-want +got):\n%s", diff)
	}
	s.Heads = s.Heads[:1]
	if got := s.Spans(); got != nil {
		t.Errorf("without groups: %v", got)
	}
}

// A comparison is repeated as a whole, whatever its experiment is called.
func TestComparisonIsRepeatedAsAWhole(t *testing.T) {
	doc := compareRun()
	if got := commandLine(repeat(doc, &doc.Experiments[0])); got != "contend compare --quick --rate 200 --seed 7" {
		t.Errorf("repeated with %q", got)
	}
}
