package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
			of, clients := mainFigures(tt.rungs)
			if of != tt.wantOf || clients != tt.wantClients {
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
		{run.Comparison{Expect: "e", Met: true, Rate: 200}, "Target (e) at 200/s: met without losing data."},
		{run.Comparison{Expect: "e", Met: true}, "Target (e): met at some rate without losing data."},
		{run.Comparison{Expect: "e", Rate: 1200}, "Target (e) at 1,200/s: no rung meets it without losing data."},
		{run.Comparison{Expect: "e", Open: true, Rate: 200}, "Target (e) at 200/s: open, the loads disagree or are too few."},
		{run.Comparison{Expect: "e"}, "Target (e): no rung meets it at any tried rate without losing data."},
	} {
		if got := targetWords(&tt.c); got != tt.want {
			t.Errorf("%+v is told as %q, want %q", tt.c, got, tt.want)
		}
	}
}

// Who asked for a target is surprised that no rung meets it, and the last line counts it. That it is open is
// no surprise.
func TestUnmetExpectationIsASurprise(t *testing.T) {
	for _, tt := range []struct {
		decides, open bool
		surprise      bool
		counted       string
	}{
		{false, false, false, " 0 surprises, 1 inconclusive"},
		{true, false, true, " 1 surprise, 1 inconclusive"},
		{true, true, false, " 0 surprises, 2 inconclusive"},
	} {
		doc := compareRun()
		doc.Comparison.Met, doc.Comparison.Decides, doc.Comparison.Open = false, tt.decides, tt.open
		for name, got := range map[string]string{"terminal": drawn(t, doc, Options{}), "page": paged(t, doc)} {
			if told := strings.Contains(got, "surprise: Target") || strings.Contains(got, "<strong>surprise</strong> Target"); told != tt.surprise {
				t.Errorf("%s: %+v, and it is told as a surprise: %t", name, tt, told)
			}
		}
		if !strings.Contains(drawn(t, doc, Options{}), tt.counted+"\n") {
			t.Errorf("%+v is not counted so", tt)
		}
	}
}

// The answer of a comparison is the last on the terminal and the first on its page.
func TestAdviceIsWhereItIsRead(t *testing.T) {
	doc := compareRun()
	last := doc.Comparison.Advice[len(doc.Comparison.Advice)-1]
	if !strings.HasSuffix(drawn(t, doc, Options{}), "measure longer: "+last.Command+"\n") {
		t.Error("the terminal does not end with the last advice")
	}
	page := paged(t, doc)
	if strings.Index(page, `id="advice"`) > strings.Index(page, "<table") || !strings.Contains(page, "<code>"+last.Command+"</code>") {
		t.Error("on the page, a table stands before the advice, or its command is missing")
	}
}

func TestHighestRate(t *testing.T) {
	high := 560.0
	some := []run.RateStep{{Rate: 430}}
	for _, tt := range []struct {
		name string
		rung run.Rung
		want string
	}{
		{"nothing was tried", run.Rung{}, "–"},
		{"none was good enough", run.Rung{Rates: some}, "none"},
		{"both ends are sure", run.Rung{Highest: 430, Rates: some, Between: &run.Between{Low: 430, High: &high}}, "430–560"},
		{"no higher one was tried", run.Rung{Highest: 6200, Rates: some, Between: &run.Between{Low: 6200}}, "≥ 6,200"},
		{"the loads do not tell", run.Rung{Highest: 430, Rates: some}, "430?"},
	} {
		if got := highest(&tt.rung); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A rung is marked as equal where its interval and that of the rung above have a value in common.
func TestEqualRungsAreMarked(t *testing.T) {
	rung := func(median, within float64) run.Rung {
		f := run.Figures{Workload: "w", Clients: 9, OK: 1, Repeats: 5, Rate: median,
			Spread: &measure.Interval{Low: median - within, Median: median, High: median + within, Count: 5, Confidence: 0.9375}}
		return run.Rung{Figures: []run.Figures{f}}
	}
	once := run.Rung{Figures: []run.Figures{{Workload: "w", Clients: 9, OK: 1, Repeats: 1, Rate: 100}}}
	c := run.Comparison{Rungs: []run.Rung{rung(100, 20), once, rung(130, 10), rung(145, 4), rung(90, 1)}}
	for i, want := range []string{"100 20 %", "100 –", "~ 130 8 %", "145 3 %", "90 1 %"} {
		if got := line(rungTable(&c, "", atClients("w", 9, rateColumnsOf(&c, "w", 9)...)).Rows[i]); got != want {
			t.Errorf("rung %d: %q, want %q", i, got, want)
		}
	}
	between := func(low, high float64) run.Rung {
		return run.Rung{Rates: []run.RateStep{{Rate: low}}, Between: &run.Between{Low: low, High: &high}}
	}
	rungs := []run.Rung{between(100, 150), {}, between(140, 200), between(200, 250), {Between: &run.Between{Low: 240}}}
	same := equalHighest(rungs)
	for i, want := range []bool{false, false, true, false, true} {
		if same[&rungs[i]] != want {
			t.Errorf("highest rate of rung %d: equal to that above is %t, want %t", i, !want, want)
		}
	}
}

// line is a row's cells in one string.
func line(r row) string {
	var all []string
	for _, c := range r.Cells {
		all = append(all, c.Text)
	}
	return strings.Join(all, " ")
}

// What is unknown is a dash: a 0 would be a figure.
func TestUnknownIsNoFigure(t *testing.T) {
	cpu := 0.004
	never := run.Figures{Workload: "w", Clients: 1, Refused: 5, Lost: ref(0), Fairness: 1}
	some := run.Figures{Workload: "w", Clients: 1, OK: 12345, Unknown: 2, LostMax: ref(3), Rate: 61.72,
		Latency: measure.Summary{P50: 1, P99: 22, P999: 333, Max: 4444}, Fairness: .5, CPU: &cpu}
	c := run.Comparison{Rungs: []run.Rung{{}, {Figures: []run.Figures{never}}, {Figures: []run.Figures{some}}}}
	for i, want := range []string{"– – – – – – – – – – – –", "0 5 0 0 0 – – – – – – –", "12,345 0 2 – 61.7 1 22 333 4,444 0.5 – 0.004"} {
		if got := line(mainTable(&c, "w", 1).Rows[i]); got != want {
			t.Errorf("rung %d: %q, want %q", i, got, want)
		}
	}
	c = run.Comparison{Rate: 9, Rungs: []run.Rung{{Asked: &run.RateStep{Errors: 1}}, {}}}
	for i, want := range []string{"– 100 % no – –", "– – – – –"} {
		if got := line(costTable(&c, "counter", 10).Rows[i]); got != want {
			t.Errorf("rung %d: %q, want %q", i, got, want)
		}
	}
}

func TestLossInWords(t *testing.T) {
	for want, got := range map[string]cell{
		"7": lossCell(ref(7), nil), "1,007–2,009": lossCell(ref(1007), ref(2009)), "–": lossCell(nil, ref(3)), "8": lossCell(ref(8), ref(8)), "0–3": lossCell(ref(0), ref(3)),
	} {
		if got.Text != want || got.Strong != (want[0] >= '1' && want[0] <= '9') {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}

func TestLossIsMarkedWhereverItWas(t *testing.T) {
	lost, kept := ref(3), ref(0)
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

func TestSurvivals(t *testing.T) {
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
	for _, told := range survivals(&c) {
		mark := "- "
		if told.Notable {
			mark = "! "
		}
		got = append(got, mark+told.String())
	}
	want := []string{"- a node's kill -9 (a): Nothing.", "! a node's kill -9 (b): A pause.", "! a node's kill -9 (c): Lost.", "- power loss (a and b): It is on the disk."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("survivals differ (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		rung         int
		mishap, want string
	}{{0, run.MishapPower, "yes*"}, {2, run.MishapPower, "–"}, {0, "hail", "?"}, {2, run.MishapNode, "no"}} {
		if got := survives(&c.Rungs[tt.rung], tt.mishap); got != tt.want {
			t.Errorf("%s, rung %d: %q, want %q", tt.mishap, tt.rung, got, tt.want)
		}
	}
}

// Quick answers do not make up for what is lost.
func TestWhatLosesIsNotGoodEnough(t *testing.T) {
	for want, r := range map[string]run.Rung{
		"yes":    {Asked: &run.RateStep{Met: true}},
		"no":     {Asked: &run.RateStep{Lost: ref(1), Loads: 5, Sure: true}},
		"4 of 5": {Asked: &run.RateStep{Met: true, Loads: 5, LoadsMet: 4}},
		"loses":  {Asked: &run.RateStep{Met: true}, Figures: []run.Figures{{Lost: ref(1)}}},
	} {
		c := run.Comparison{Rate: 9, Rungs: []run.Rung{r}}
		if got := costTable(&c, "counter", 10).Rows[0].Cells[2].Text; got != want {
			t.Errorf("target met: %q, want %q", got, want)
		}
	}
}

func TestRungsOfServers(t *testing.T) {
	c := run.Comparison{Rungs: []run.Rung{{Title: "red: hasty"}, {Server: "PostgreSQL 15", Title: "a"}, {Server: "PostgreSQL 15", Title: "b"}, {Title: "other"}}}
	got := rungTable(&c, "", []column[*run.Rung]{words("ok", (*run.Rung).String)})
	want := []row{
		{Name: "red: hasty", Cells: []cell{{Text: "red: hasty"}}},
		{Name: "PostgreSQL 15", Begins: true, Cells: []cell{{}}},
		{Name: "a", Inner: true, Cells: []cell{{Text: "PostgreSQL 15: a"}}},
		{Name: "b", Inner: true, Cells: []cell{{Text: "PostgreSQL 15: b"}}},
		{Name: "other", Begins: true, Cells: []cell{{Text: "other"}}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

func TestSpans(t *testing.T) {
	s := table{Heads: []head{{Name: "rung"}, {Group: "a", Name: "x"}, {Group: "a", Name: "y"}, {Name: "z"}, {Group: "b", Name: "x"}}}
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
	if got := commandLine(again(doc, &doc.Experiments[0])); got != "contend compare --quick --rate 200 --seed 7" {
		t.Errorf("repeated with %q", got)
	}
}
