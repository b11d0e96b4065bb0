package ladder

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
)

func ptr[T any](v T) *T { return &v }

// waits is a distribution with a p99, and a tail that is six times as long.
func waits(p99 float64) measure.Summary {
	return measure.Summary{Count: 1000, P50: p99 / 4, P90: p99 / 2, P99: p99, P999: 5 * p99, Max: 6 * p99, Mean: p99 / 4}
}

// met and unmet are steps of a search, of five loads and two seconds together.
func met(rate float64) run.RateStep {
	n := int(2 * rate)
	return run.RateStep{Rate: rate, Sent: n, OK: n, Latency: waits(41), Lost: ptr(int64(0)), Loads: 5, LoadsMet: 5, Met: true, Sure: true}
}

func unmet(rate float64) run.RateStep {
	n := int(2 * rate)
	return run.RateStep{Rate: rate, Sent: n, OK: n - 3, Refused: 3, Errors: 3 / float64(n), Latency: waits(713), Lost: ptr(int64(0)), Loads: 5, Sure: true}
}

// chance is a step of ten loads of which met met the target.
func chance(rate float64, met int) run.RateStep {
	n := int(2 * rate)
	return run.RateStep{Rate: rate, Sent: n, OK: n, Latency: waits(90), Lost: ptr(int64(0)), Loads: 10, LoadsMet: met, Met: met > 5, Sure: met > 8 || met < 2}
}

// at is what clients of the hot counter got from a rung.
func at(clients int, rate, p99 float64, lost int64) run.Figures {
	spread := &measure.Interval{Low: 0.98 * rate, Median: rate, High: 1.02 * rate, Count: 5, Confidence: 0.9375}
	return run.Figures{Workload: "counter", Clients: clients, OK: int(2 * rate), Repeats: 5, Rate: rate, Spread: spread, Latency: waits(p99), Lost: &lost, Fairness: 1, Attempts: 1}
}

// rungOf is a rung that was asked about 200/s if that is among its rates.
func rungOf(name, title, engine string, careful bool, figures []run.Figures, rates ...run.RateStep) run.Rung {
	r := run.Rung{
		Name: name, Title: title, Called: strings.TrimPrefix(title, "+ "), Engine: engine, Kind: strings.Fields(engine)[0],
		Careful: careful, Figures: figures, Rates: rates,
	}
	for i := range rates {
		if rates[i].Rate == 200 {
			r.Asked = &rates[i]
		}
	}
	r.Highest, r.Between = highestOf(&r)
	return r
}

// saysYes and saysNo are what documents say of a second host.
var (
	saysYes = run.Survival{Mishap: run.MishapHost, Answer: "yes", Says: "Clients connect over the network.", Source: "https://db.example/ha"}
	saysNo  = run.Survival{Mishap: run.MishapHost, Answer: "no", Says: "All processes must be on one host.", Source: "https://file.example/wal"}
)

// whole is a comparison about which every rule but that of broken promises has
// something to say.
func whole() *run.Comparison {
	const file, server = "SQLite 3.54.1", "PostgreSQL 15.18"
	two := func(one, many run.Figures) []run.Figures { return []run.Figures{one, many} }
	c := &run.Comparison{
		Nodes: 4, Rate: 200, Asks: "counter", Expect: DefaultExpect, Met: true, Lasts: 1,
		Rungs: []run.Rung{
			rungOf("red", "red: busy_timeout 0", file, false, two(at(1, 300, 5, 0), at(64, 310, 6, 0))),
			rungOf("busy-timeout", "+ busy_timeout", file, false, two(at(1, 300, 5, 0), at(64, 1520, 300, 743))),
			rungOf("wal", "+ WAL", file, false, two(at(1, 480, 4, 0), at(64, 2050, 310, 1999))),
			rungOf("immediate", "+ BEGIN IMMEDIATE", file, true, two(at(1, 490, 4, 0), at(64, 2100, 812, 0)), met(200), met(880), unmet(1100)),
			rungOf("queue", "+ queue", file, true, two(at(1, 470, 4, 0), at(64, 3120, 23, 0)), met(200), met(1100), met(2800), unmet(3300)),
			rungOf("single-writer", "+ single writer", file, true, two(at(1, 460, 4, 0), at(64, 3300, 22, 0)), met(200), met(2900), unmet(3400)),
			rungOf("postgres/naive", "PostgreSQL: naive", server, false, two(at(1, 390, 4, 0), at(64, 1230, 60, 876))),
			rungOf("postgres/update", "PostgreSQL: one UPDATE", server, true, two(at(1, 400, 4, 0), at(64, 1410, 70, 0)), met(200), met(1300), unmet(1600)),
		},
		Missing: []run.Missing{{Rungs: []string{"rqlite"}, Why: "there is no rqlited on PATH", Hint: "give --rqlite URL"}},
	}
	for i, rate := range map[int]float64{3: 2000, 4: 3000, 7: 6800} {
		f := at(64, rate, 30, 0)
		f.Workload = "counters"
		c.Rungs[i].Figures = append(c.Rungs[i].Figures, f)
	}
	writer := run.Survival{Mishap: run.MishapWriter, Measured: true, Answer: "yes", Says: "app-1 was killed.", Failed: 34, Gap: ptr(1.234), Lost: ptr(int64(0))}
	c.Rungs[5].Survives = []run.Survival{saysNo, writer}
	c.Rungs[7].Survives = []run.Survival{saysYes}
	return c
}

// The whole of it, as people read it.
func TestAdvise(t *testing.T) {
	want := []string{
		"On this machine, with your 4 nodes at 200 writes/s (counter): BEGIN IMMEDIATE is enough (0 of 400 refused, 0 lost, p99 41 ms, met in 5 of 5 loads).",
		"Do not stop at busy_timeout or WAL: of 4,100 requests that were answered ok, 1,999 changes were lost without an error (WAL, counter, 64 clients). " +
			"PostgreSQL alone does not help where the application reads, then writes: of 2,460 requests that were answered ok, 876 changes were lost without an error (PostgreSQL: naive, counter, 64 clients).",
		"Above about 880/s (counter): queue, which met the target up to at least 2,800/s; BEGIN IMMEDIATE missed it at 1,100/s.",
		"These rates are for counter. In counters (64 clients), queue does as much (3,000/s) and PostgreSQL: one UPDATE does 6,800/s instead of 1,410/s.",
		"For several hosts: PostgreSQL (by its documents, not tested here). On this one host (counter), PostgreSQL: one UPDATE met the target up to at least 1,300/s " +
			"(0 of 2,600 refused, 0 lost, p99 41 ms), BEGIN IMMEDIATE up to at least 880/s.",
		"With single writer, after its writer was killed: no success for 1.23 s, 34 requests not ok, 0 lost.",
		"With BEGIN IMMEDIATE a few clients wait long: its p99.9 was 4.06 s, that of single writer 110 ms (counter, 64 clients).",
		"With one client the queue is slower: 470/s, with BEGIN IMMEDIATE 490/s (counter).",
	}
	got := Advise(whole())
	for i, advice := range got {
		if i >= len(want) || advice.Text != want[i] {
			t.Errorf("advice %d is\n%s", i, advice.Text)
		}
		if len(advice.Rests) == 0 {
			t.Errorf("%q rests on nothing", advice.Text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d pieces of advice, want %d", len(got), len(want))
	}
	rests := []string{
		"immediate at 880/s: 0 of 1,760 refused, 0 lost, p99 41 ms: met the target in 5 of 5 loads",
		"immediate at 1,100/s: 3 of 2,200 refused, 0 lost, p99 713 ms: met the target in 0 of 5 loads",
		"queue at 2,800/s: 0 of 5,600 refused, 0 lost, p99 41 ms: met the target in 5 of 5 loads",
	}
	if !slices.Equal(got[2].Rests, rests) {
		t.Errorf("it rests on\n%s", strings.Join(got[2].Rests, "\n"))
	}
}

// Each case changes the whole comparison in one thing.
func TestAdviseChanges(t *testing.T) {
	const immediate, queue, single, postgres = 3, 4, 5, 7
	for _, tt := range []struct {
		name   string
		change func(c *run.Comparison)
		says   []string // in some advice
		not    []string // in none
	}{
		{"what was asked about is not good enough", func(c *run.Comparison) { c.Rungs[immediate].Rates[0].Met = false },
			[]string{"4 nodes at 200 writes/s (counter): queue is enough"}, []string{"BEGIN IMMEDIATE is enough"}},
		{"it is good enough by luck", func(c *run.Comparison) {
			r := &c.Rungs[immediate]
			r.Rates = slices.Insert(slices.Clone(r.Rates), 0, unmet(150))
		}, []string{"queue is enough"}, []string{"BEGIN IMMEDIATE is enough"}},
		{"nobody knows what is lost", func(c *run.Comparison) { c.Rungs[immediate].Asked.Lost = nil },
			[]string{": queue is enough", "Rungs before queue may be enough, too. The target was met with BEGIN IMMEDIATE in 5 of 5 loads (what it lost is not known) at 200 writes/s."},
			[]string{": BEGIN IMMEDIATE is enough"}},
		{"a server with a queue", func(c *run.Comparison) {
			with := at(64, 2950, 30, 0)
			with.Syncs = ptr(0.05)
			c.Rungs = append(c.Rungs, rungOf("postgres/queue", "PostgreSQL: one UPDATE, queue", "PostgreSQL 15.18", true, []run.Figures{with}))
		}, []string{"What the queue buys, and what the engine (counter, 64 clients): on SQLite 3,120/s with it, 2,100/s without; on PostgreSQL 2,950/s with it, 1,410/s without."}, nil},
		{"nobody was asked", func(c *run.Comparison) {
			for i := range c.Rungs {
				c.Rungs[i].Asked = nil
			}
		}, []string{"The highest rate that met the target (counter): 2,900/s with single writer."}, []string{"is enough", "met the target here", "Above about"}},
		{"too few for a p99", func(c *run.Comparison) {
			s := c.Rungs[immediate].Asked
			s.Sent, s.OK = 40, 40
		}, []string{"is enough (0 of 40 refused, 0 lost, too few for a p99, met in 5 of 5 loads)"}, nil},
		{"dropped arrivals", func(c *run.Comparison) {
			s := c.Rungs[immediate].Asked
			s.OK, s.Errors = 399, 0.0025
		}, []string{"is enough (0 of 400 refused, 0.25 % not ok, 0 lost, p99 41 ms, met in 5 of 5 loads)"}, nil},
		{"none on SQLite is enough", func(c *run.Comparison) {
			for _, i := range []int{immediate, queue, single} {
				c.Rungs[i].Asked.Met = false
			}
		}, []string{"No way to share the SQLite file met the target here at 200 writes/s (counter) without losing data. On this machine, with your 4 nodes at 200 writes/s (counter): PostgreSQL: one UPDATE is enough"},
			[]string{"Above about"}},
		{"none is enough", func(c *run.Comparison) {
			for i := range c.Rungs {
				if r := &c.Rungs[i]; r.Careful {
					r.Asked.Met = false
					r.Rates = []run.RateStep{met(100), *r.Asked}
				}
			}
		}, []string{"Nothing met the target here at 200 writes/s (counter) without losing data. The highest rate that met the target (counter): 100/s with BEGIN IMMEDIATE."},
			[]string{"is enough", "Above about"}},
		{"no rate is asked about", func(c *run.Comparison) { c.Rate = 0 },
			[]string{"On this machine, with your 4 nodes (counter): BEGIN IMMEDIATE is enough up to at least 880/s", "Above about 880/s (counter): queue"}, []string{"writes/s"}},
		{"no rate is asked about, and none is good enough", func(c *run.Comparison) {
			c.Rate = 0
			for i := range c.Rungs {
				for j := range c.Rungs[i].Rates {
					c.Rungs[i].Rates[j].Met = false
				}
			}
		}, []string{"Nothing met the target here at any rate that was tried"}, []string{"is enough", "The highest"}},
		{"nobody saw the end of BEGIN IMMEDIATE", func(c *run.Comparison) { c.Rungs[immediate].Rates = c.Rungs[immediate].Rates[:2] },
			[]string{"BEGIN IMMEDIATE is enough"}, []string{"Above about"}},
		{"the queue was never tried where BEGIN IMMEDIATE fails", func(c *run.Comparison) {
			c.Rungs[immediate].Rates[1], c.Rungs[immediate].Rates[2] = met(300), unmet(5000)
		}, []string{"BEGIN IMMEDIATE is enough"}, []string{"Above about"}},
		{"the queue brings nothing", func(c *run.Comparison) {
			c.Rungs[queue].Rates = []run.RateStep{met(200), met(900), unmet(1100)}
		}, []string{"No clearly higher rate with queue here (counter): its highest rate is between 900 and 1,100/s, that of BEGIN IMMEDIATE between 880 and 1,100/s.", "Above about 880/s (counter): single writer"}, []string{"Above about 880/s (counter): queue"}},
		{"the queue is a little above, and surely so", func(c *run.Comparison) {
			c.Rungs[immediate].Rates[2] = unmet(950)
			c.Rungs[queue].Rates = []run.RateStep{met(200), met(1000), unmet(1100)}
		}, []string{"Above about 880/s (counter): queue"}, []string{"No clearly higher rate"}},
		{"loads at the end of the queue disagree, and it is above all the same", func(c *run.Comparison) {
			c.Rungs[queue].Rates = []run.RateStep{met(200), met(2000), chance(2800, 7), unmet(3300)}
		}, []string{"Above about 880/s (counter): queue, which met the target up to at least 2,000/s"}, []string{"is open"}},
		{"loads at every rate of the queue disagree", func(c *run.Comparison) {
			c.Rungs[queue].Rates = []run.RateStep{chance(900, 7), chance(1100, 4)}
		}, []string{"Above about 880/s (counter): single writer", "The highest rate of queue is open: the loads at a rate disagree, or are fewer than five."},
			[]string{"/s: queue", "No clearly higher"}},
		{"loads disagree whether BEGIN IMMEDIATE is enough", func(c *run.Comparison) { *c.Rungs[immediate].Asked = chance(200, 7) },
			[]string{"queue is enough", "Rungs before queue may be enough, too. The target was met with BEGIN IMMEDIATE in 7 of 10 loads at 200 writes/s."}, []string{": BEGIN IMMEDIATE is enough"}},
		{"nine of ten loads are sure", func(c *run.Comparison) { *c.Rungs[immediate].Asked = chance(200, 9) },
			[]string{": BEGIN IMMEDIATE is enough"}, []string{"is open"}},
		{"no server is enough while the file may be", func(c *run.Comparison) {
			for _, i := range []int{immediate, queue, single} {
				*c.Rungs[i].Asked = chance(200, 3)
			}
		}, []string{"Rungs before PostgreSQL: one UPDATE may be enough, too. The target was met with BEGIN IMMEDIATE in 3 of 10 loads, queue in 3 of 10 loads and single writer"},
			[]string{": PostgreSQL: one UPDATE is enough", "No way to share", "Nothing met"}},
		{"every rung may be enough", func(c *run.Comparison) {
			for _, i := range []int{immediate, queue, single, postgres} {
				*c.Rungs[i].Asked = chance(200, 3)
			}
		}, []string{"Whether a rung is enough is open. The target was met with BEGIN IMMEDIATE in 3 of 10 loads,"}, []string{"is enough (", "Nothing met"}},
		{"one load each tells no rung from another", func(c *run.Comparison) {
			for i := range c.Rungs {
				for k := range c.Rungs[i].Figures {
					c.Rungs[i].Figures[k].Spread = nil
				}
			}
		}, []string{"BEGIN IMMEDIATE is enough"}, []string{"What the queue buys", "These rates are for", "With one client", "wait long"}},
		{"intervals do not overlap", func(c *run.Comparison) { c.Rungs[queue].Figures[2].Spread.High = 3010 },
			[]string{"queue does 3,000/s instead of 3,120/s"}, nil},
		{"intervals of one client overlap", func(c *run.Comparison) { c.Rungs[immediate].Figures[0].Spread.Low = 400 },
			[]string{"With one client the queue is not clearly slower or faster: 470/s, with BEGIN IMMEDIATE 490/s"}, nil},
		{"it is quick", func(c *run.Comparison) { c.Quick = true },
			[]string{"A quick comparison sends most loads once, for 1 s: it cannot tell which rung is faster, nor the highest rate of any."}, nil},
		{"nobody saw the end of the queue", func(c *run.Comparison) { c.Rungs[queue].Rates = []run.RateStep{met(200), met(900)} },
			[]string{"BEGIN IMMEDIATE is enough"}, []string{"/s: queue", "No clearly higher"}},
		{"it takes two steps further", func(c *run.Comparison) {
			c.Rungs[single].Rates[1], c.Rungs[single].Rates[2] = met(9000), unmet(11_000)
		},
			[]string{"Above about 880/s (counter): queue", "Above about 2,800/s (counter): single writer, which met the target up to at least 9,000/s; queue missed it at 3,300/s."}, nil},
		{"something careful loses", func(c *run.Comparison) { c.Rungs[immediate].Figures[1].Lost = ptr(int64(1)) },
			[]string{"Do not trust BEGIN IMMEDIATE: it should lose nothing, and lost 1 acknowledged change.", "queue is enough", "Do not stop at busy_timeout or WAL:"}, []string{"BEGIN IMMEDIATE is enough", "With BEGIN IMMEDIATE"}},
		{"something careful loses at a kill", func(c *run.Comparison) { c.Rungs[single].Survives[1].Lost = ptr(int64(7)) },
			[]string{"Do not trust single writer: it should lose nothing, and lost 7 acknowledged changes.", "0 lost, p99", "34 requests not ok, 7 lost"}, []string{"single writer 110 ms"}},
		{"something careful loses at a rate", func(c *run.Comparison) { c.Rungs[immediate].Rates[2].Lost = ptr(int64(5)) },
			[]string{"Do not trust BEGIN IMMEDIATE: it should lose nothing, and lost 5 acknowledged changes.", "queue is enough"}, []string{"BEGIN IMMEDIATE is enough"}},
		{"naive rungs lose nothing", func(c *run.Comparison) {
			for i := range c.Rungs {
				c.Rungs[i].Figures[1].Lost = ptr(int64(0))
			}
		}, []string{"BEGIN IMMEDIATE is enough"}, []string{"Do not stop", "does not help"}},
		{"nobody knows what naive rungs lose", func(c *run.Comparison) {
			for i := range c.Rungs {
				c.Rungs[i].Figures[1].Lost = nil
			}
		}, nil, []string{"Do not stop", "does not help"}},
		{"one change is lost", func(c *run.Comparison) {
			c.Rungs[1].Figures[1].Lost, c.Rungs[2].Figures[1].Lost = ptr(int64(1)), ptr(int64(0))
		}, []string{"Do not stop at busy_timeout: of 3,040 requests that were answered ok, 1 change was lost"}, []string{"or WAL"}},
		{"the documents do not say yes", func(c *run.Comparison) { c.Rungs[postgres].Survives = []run.Survival{saysNo} },
			nil, []string{"several hosts"}},
		{"a second host was tried", func(c *run.Comparison) {
			c.Rungs[postgres].Survives = []run.Survival{{Mishap: run.MishapHost, Measured: true, Answer: "yes", Says: "It went on."}}
		}, []string{"For several hosts: PostgreSQL (tested here)."}, []string{"documents"}},
		{"the cost of a second host is not known", func(c *run.Comparison) { c.Rungs[postgres].Rates, c.Rungs[postgres].Asked = nil, nil },
			[]string{"For several hosts: PostgreSQL"}, []string{"On this one host"}},
		{"two engines for two hosts", func(c *run.Comparison) {
			r := rungOf("rqlite/update", "rqlite: one UPDATE", "rqlite 10.2", true, nil, met(200), unmet(300))
			r.Survives = []run.Survival{saysYes}
			c.Rungs = append(c.Rungs, r)
		}, []string{"For several hosts: PostgreSQL (by its", "Or: rqlite (by its documents, not tested here). On this one host (counter), rqlite: one UPDATE met the target up to at least 200/s"}, nil},
		{"what became of the writer was not measured", func(c *run.Comparison) { c.Rungs[single].Survives = []run.Survival{saysNo} },
			nil, []string{"its writer was killed"}},
		{"what becomes of the writer is what documents say", func(c *run.Comparison) { c.Rungs[single].Survives[1].Measured = false },
			nil, []string{"its writer was killed"}},
		{"how long nothing succeeded is not known", func(c *run.Comparison) { c.Rungs[single].Survives[1].Gap = nil },
			nil, []string{"its writer was killed"}},
		{"a queue's writer is any node", func(c *run.Comparison) {
			c.Rungs[queue].Survives, c.Rungs[single].Survives = c.Rungs[single].Survives, nil
		}, nil, []string{"its writer was killed"}},
		{"nobody waits ten times as long", func(c *run.Comparison) { c.Rungs[immediate].Figures[1].Latency = waits(210) },
			nil, []string{"wait long"}},
		{"the quick one refuses", func(c *run.Comparison) {
			c.Rungs[queue].Figures[1].Refused, c.Rungs[single].Figures[1].Unknown, c.Rungs[postgres].Figures[1].Refused = 70, 70, 70
		}, nil, []string{"wait long"}},
		{"a wait of nothing is not measured", func(c *run.Comparison) {
			for _, i := range []int{queue, single, postgres} {
				c.Rungs[i].Figures[1].Latency = measure.Summary{}
			}
		}, nil, []string{"wait long"}},
		{"too few for a p99.9", func(c *run.Comparison) { c.Rungs[immediate].Figures[1].OK = 500 },
			[]string{"its max was 4.87 s, that of single writer 132 ms"}, nil},
		{"too few for any tail", func(c *run.Comparison) { c.Rungs[immediate].Figures[1].OK = 99 }, nil, []string{"wait long"}},
		{"another than the one that is enough starves", func(c *run.Comparison) {
			c.Rungs[immediate].Figures[1].Latency, c.Rungs[postgres].Figures[1].Latency = waits(23), waits(900)
		}, []string{"With PostgreSQL: one UPDATE a few clients wait long: its p99.9 was 4.5 s"}, nil},
		{"the queue costs a client alone nothing", func(c *run.Comparison) { c.Rungs[queue].Figures[0] = at(1, 600, 4, 0) },
			[]string{"With one client the queue is faster: 600/s, with BEGIN IMMEDIATE 490/s (counter)."}, nil},
		{"a client alone was measured once", func(c *run.Comparison) { c.Rungs[queue].Figures[0].Spread = nil }, nil, []string{"With one client"}},
		{"a client alone was not measured", func(c *run.Comparison) { c.Rungs[queue].Figures = c.Rungs[queue].Figures[1:] },
			nil, []string{"With one client"}},
		{"mixed drivers are nobody's choice", func(c *run.Comparison) {
			r := rungOf("mixed-drivers", "BEGIN IMMEDIATE, mixed drivers", "SQLite 3.54.1", true, nil, met(200), met(20_000), unmet(30_000))
			c.Rungs = append([]run.Rung{r}, append(c.Rungs, r)...)
		}, []string{": BEGIN IMMEDIATE is enough"}, []string{"mixed"}},
		{"nothing was recorded of a rung", func(c *run.Comparison) {
			c.Rungs = append(c.Rungs, run.Rung{Name: "rqlite/update", Server: "rqlite", Title: "one UPDATE", Careful: true, Survives: []run.Survival{saysYes}})
		}, nil, []string{"Or:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := whole()
			tt.change(c)
			for i := range c.Rungs {
				c.Rungs[i].Highest, c.Rungs[i].Between = highestOf(&c.Rungs[i])
			}
			var all []string
			for _, advice := range Advise(c) {
				all = append(all, advice.Text)
			}
			text := strings.Join(all, "\n")
			for _, want := range tt.says {
				if !strings.Contains(text, want) {
					t.Errorf("nobody says %q", want)
				}
			}
			for _, unwanted := range tt.not {
				if strings.Contains(text, unwanted) {
					t.Errorf("somebody says %q", unwanted)
				}
			}
			if t.Failed() {
				t.Log(text)
			}
			restsOnFigures(t, c)
		})
	}
}

var number = regexp.MustCompile(`[0-9][0-9,.]*[0-9]|[0-9]`)

// restsOnFigures wants each number of an advice to stand in what it rests on, or
// in the comparison's own question and names.
func restsOnFigures(t *testing.T, c *run.Comparison) {
	t.Helper()
	given := fmt.Sprint(c.Nodes, " ", c.Rate, " ", c.Expect)
	for i := range c.Rungs {
		given += " " + c.Rungs[i].String()
	}
	for _, advice := range Advise(c) {
		have := number.FindAllString(given+" "+strings.Join(advice.Rests, " "), -1)
		for _, n := range number.FindAllString(advice.Text, -1) {
			if !slices.Contains(have, n) {
				t.Errorf("%s stands in %q, which rests on\n%s", n, advice.Text, strings.Join(advice.Rests, "\n"))
			}
		}
	}
}

func TestAdviseOfNothing(t *testing.T) {
	for _, c := range []*run.Comparison{nil, {}, {Nodes: 4, Rate: 200, Expect: DefaultExpect, Rungs: []run.Rung{{}, {Careful: true}}}} {
		if got := Advise(c); got == nil || len(got) != 0 {
			t.Errorf("of nothing it says %v", got)
		}
	}
}

// What is open comes with the command that closes it.
func TestAdviceNamesTheCommand(t *testing.T) {
	c := whole()
	*c.Rungs[3].Asked = chance(200, 7)
	c.Expect = "p99<50ms"
	for _, tt := range []struct {
		quick bool
		want  string
	}{
		{false, "contend compare --rung immediate --workload counter --for 3s --repeats 10 --rate 200 --expect 'p99<50ms'"},
		{true, "contend compare --rung immediate --workload counter --for 3s --repeats 10 --rate 200 --expect 'p99<50ms'"},
	} {
		c.Quick = tt.quick
		all := Advise(c)
		if got := all[len(all)-1].Command; got != tt.want {
			t.Errorf("quick %t: %q, want %q", tt.quick, got, tt.want)
		}
	}
	c.Rungs[3].Asked.Sure = true
	all := Advise(c)
	if got := all[len(all)-1].Command; got != "contend compare" {
		t.Errorf("of a quick run that left nothing open: %q", got)
	}
}

// An advice leaves what it rests on as it is, and is the same each time.
func TestAdviseChangesNothing(t *testing.T) {
	c := whole()
	before, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprint(Advise(c))
	for range 20 {
		if again := fmt.Sprint(Advise(c)); again != said {
			t.Fatalf("it says\n%s\nand then\n%s", said, again)
		}
	}
	if after, _ := json.Marshal(c); string(after) != string(before) {
		t.Errorf("the comparison is now\n%s", after)
	}
}
