package report

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

const (
	sampleSQLite   = "SQLite 3.54.1"
	samplePostgres = "PostgreSQL 15.18"
)

// A sampleRung is a made-up rung: its figures at 100 clients, from which those
// at other numbers of clients follow.
type sampleRung struct {
	name, title, means, engine string
	discipline                 store.Discipline
	ok, refused, unknown       int
	lost                       int64
	p50, fairness, attempts    float64
	cpu                        float64 // 0: not known
	highest                    float64
	lines                      int
	pool                       int // the best; 0: it was not searched for
}

func sampleRungs() []sampleRung {
	red := store.Red()
	patient, wal := red, red
	patient.BusyTimeout = 5000
	wal.BusyTimeout, wal.Journal = 5000, store.WAL
	immediate := wal
	immediate.Transaction = store.Immediate
	fair, queue := immediate, immediate
	fair.Busy, queue.Writer = store.Random, store.Queue
	postgres := red.With(store.Pgx)
	naive, update := postgres, postgres
	naive.Transaction, update.Transaction = store.Separate, store.Atomic
	return []sampleRung{
		{"red", "red: no patience", "No patience and no transaction: a read, then a write.", sampleSQLite, red, 0, 4816, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{"busy-timeout", "+ busy_timeout", "A connection waits 5 s for a lock.", sampleSQLite, patient, 1402, 61, 0, 1290, 61.4, .41, 1, 2.61, 0, 2, 0},
		{"wal", "+ WAL", "Readers and the writer no longer bar each other.", sampleSQLite, wal, 5210, 12, 2, 4871, 14.2, .58, 1, 1.12, 0, 3, 0},
		{"immediate", "+ BEGIN IMMEDIATE", "The write lock comes before the read.", sampleSQLite, immediate, 4130, 3, 0, 0, 11.3, .62, 1, 1.31, 430, 9, 4},
		{"fair", "+ fair busy policy", "Whoever waits sleeps a random while, 2 ms at most.", sampleSQLite, fair, 5004, 0, 0, 0, 18.9, .93, 1, 1.52, 780, 22, 2},
		{"queue", "+ queue", "One writer connection a node, several requests to a transaction.", sampleSQLite, queue, 21876, 0, 0, 0, 4.1, .99, 1, .22, 6200, 71, 0},
		{"single-writer", "+ single writer", "The balancer sends writes to one node, reads to all.", sampleSQLite, queue, 26310, 0, 4, 0, 3.6, .99, 1, 0, 7800, 6, 0},
		{"postgres/naive", "naive", "A read, then a write, each committed on its own.", samplePostgres, naive, 7920, 0, 0, 7402, 12.1, .97, 1, .71, 0, 14, 0},
		{"postgres/update", "one UPDATE", "One statement reads and writes.", samplePostgres, update, 6105, 0, 0, 0, 15.8, .98, 1, .62, 1200, 12, 2},
		{"postgres/for-update", "SELECT … FOR UPDATE", "The row's lock comes before the read.", samplePostgres, postgres, 3210, 0, 0, 0, 30.2, .97, 1.02, .9, 610, 17, 4},
	}
}

// compareRun is a run of `contend compare` in which everything that a ladder can
// say is said once.
func compareRun() *run.Run {
	result := run.Result{Name: "compare", Question: "What would fix it, and what does each fix cost?"}
	c := &run.Comparison{Nodes: 4, Rate: 200, Expect: "p99<100ms,errors<0.1%", Met: true, Lasts: 2,
		Servers: []run.Server{{Name: "postgres", Label: samplePostgres,
			Says: "a server of its own on this host, READ COMMITTED unless a rung says otherwise, no replicas"}},
		Missing: []run.Missing{{Rungs: []string{"rqlite: naive", "rqlite: one UPDATE"}, Why: "no rqlited on PATH",
			Hint: "install it (https://rqlite.io/docs/install-rqlite/) or name a cluster with --rqlite URL"}},
		Advice: []run.Advice{
			{Text: "On this machine your 4 nodes at 200 writes/s: BEGIN IMMEDIATE + busy_timeout is enough (0 refused, p99 41 ms).",
				Rests: []string{"+ BEGIN IMMEDIATE at 200/s: 1,000 sent, 0 refused, 0 lost, p99 41 ms"}},
			{Text: "Above 430/s use the queue: it was good enough at 6,200/s.",
				Rests: []string{"+ BEGIN IMMEDIATE: highest rate 430/s", "+ queue: highest rate 6,200/s, 0 lost"}},
			{Text: "Do not stop at busy_timeout: of 1,402 acknowledged increments 1,290 were lost, and nobody was told. PostgreSQL does not save you from it.",
				Rests: []string{"+ busy_timeout: 1,402 ok, 1,290 lost", "PostgreSQL 15.18: naive: 7,920 ok, 7,402 lost"}},
			{Text: "Above one host use PostgreSQL, as its documents say."},
			{Text: "The highest rate of SELECT … FOR UPDATE is open: the loads at a rate disagree.", Rests: []string{"postgres/for-update at 610/s: met the target in 3 of 5 loads"},
				Command: "contend compare --rung postgres/for-update --for 6s --repeats 10"},
		}}
	for i, s := range sampleRungs() {
		c.Rungs = append(c.Rungs, s.rung(i))
		result.Arms = append(result.Arms, s.arm())
	}
	result.Charts = []run.Chart{rungBars(c), rungLines(c)}
	doc := finish(&run.Run{Experiments: []run.Result{result}, Comparison: c})
	doc.Command = []string{"contend", "compare", "--quick", "--rate", "200", "--seed", "7"}
	return doc
}

func (s *sampleRung) rung(i int) run.Rung {
	r := run.Rung{Name: s.name, Server: s.server(), Title: s.title, Means: s.means, Engine: s.engine, Careful: s.lost == 0 && i > 0,
		Highest: s.highest, Lines: &run.Lines{Changed: s.lines, Of: 61}}
	if s.name == "single-writer" {
		r.Lines.Balancer = 11
	}
	if s.engine == samplePostgres && s.ok < 4000 {
		r.Lines = nil
	}
	for _, clients := range []int{1, 10, 100, 500} {
		r.Figures = append(r.Figures, s.figures("counter", clients))
	}
	r.Figures = append(r.Figures, s.figures("mixed", 100))
	if s.pool > 0 {
		for i, size := range []int{s.pool / 2, s.pool, s.pool * 2} {
			r.Pools = append(r.Pools, run.PoolStep{Workload: "counter", Clients: 100, Pool: size, Trial: fmt.Sprintf("counter, 100 clients, pool %d", size),
				Rate: float64(s.ok) / float64(3-i%2)})
		}
	}
	r.Asked = s.step(200, s.highest >= 200)
	for _, part := range []float64{.5, 1, 1.3} {
		if rate := part * max(s.highest, 100); s.ok > 0 && !(part > 1 && s.name == "single-writer") {
			r.Rates = append(r.Rates, *s.step(rate, rate <= s.highest))
		}
	}
	if s.highest > 0 && s.name != "postgres/for-update" {
		r.Between = &run.Between{Low: s.highest}
		if s.name != "single-writer" {
			missed := 1.3 * s.highest
			r.Between.High = &missed
		}
	}
	r.Survives = s.survivals()
	return r
}

// server is the label of the rung's database server.
func (s *sampleRung) server() string {
	if s.engine == samplePostgres {
		return s.engine
	}
	return ""
}

func (s *sampleRung) figures(workload string, clients int) run.Figures {
	part := math.Log10(float64(clients)*10) / 3
	lost := int64(float64(s.lost) * part)
	least, most := lost, lost+int64(s.unknown)
	f := run.Figures{Workload: workload, Clients: clients, Pool: cmp.Or(s.pool, 32), Trial: fmt.Sprintf("%s, %d clients", workload, clients),
		OK: int(float64(s.ok) * part), Refused: s.refused * clients / 100, Unknown: s.unknown * clients / 100, Lost: &least, LostMax: &most,
		Rate: float64(s.ok) * part / 2, Fairness: s.fairness, Attempts: s.attempts}
	f.Repeats = 1
	if clients == 100 && s.highest > 0 {
		f.Repeats, f.Spread = 5, &measure.Interval{Low: 0.9 * f.Rate, Median: f.Rate, High: 1.15 * f.Rate, Count: 5, Confidence: 0.9375}
	}
	if s.ok > 0 {
		f.Latency = s.waits(float64(clients) / 100)
		f.Latency.Count = int64(f.OK)
	}
	if s.cpu > 0 {
		syncs := s.cpu / 2
		f.CPU, f.Syncs = &s.cpu, &syncs
	}
	if workload != "counter" {
		f.Lost, f.LostMax = nil, nil
	}
	return f
}

// waits are longer the less fair a rung is.
func (s *sampleRung) waits(factor float64) measure.Summary {
	tail := 1 + 60*(1-s.fairness)
	p50 := s.p50 * factor
	return measure.Summary{Count: int64(s.ok), P50: p50, P90: 1.4 * p50, P99: 2 * p50 * tail, P999: 3 * p50 * tail, Max: 5.5 * p50 * tail, Mean: 1.1 * p50}
}

func (s *sampleRung) step(rate float64, met bool) *run.RateStep {
	sent := int(5 * rate)
	step := &run.RateStep{Rate: rate, Trial: fmt.Sprintf("%g/s", rate), Sent: sent, OK: sent, Latency: s.waits(0.1), Lost: ref(s.lost / 10), Met: met,
		Loads: 5, LoadsMet: 5, Sure: true}
	if s.name == "postgres/for-update" && rate > 200 {
		step.LoadsMet, step.Sure = 3, false
	}
	if !met {
		step.LoadsMet = 0
		step.Refused = sent * 3 / 100
		step.OK -= step.Refused
		step.Errors = float64(step.Refused) / float64(sent)
	}
	if s.ok == 0 {
		step.Latency, step.OK, step.Errors, step.Refused = measure.Summary{}, 0, 1, sent
	}
	return step
}

func (s *sampleRung) survivals() []run.Survival {
	gap := 0.3
	node := run.Survival{Mishap: run.MishapNode, Measured: true, Answer: "yes", Failed: 4, Lost: ref(0), Gap: &gap,
		Says: "4 requests failed, none that was acknowledged was lost."}
	writer := node
	writer.Mishap = run.MishapWriter
	if s.name == "single-writer" {
		long := 2.1
		writer.Gap, writer.Failed = &long, 37
		writer.Says = "37 requests failed, and nothing was written for 2.1 s until another node took over."
	}
	host := run.Survival{Mishap: run.MishapHost, Answer: "no", Says: "All nodes must be on one host.", Source: "https://sqlite.org/wal.html"}
	power := run.Survival{Mishap: run.MishapPower, Answer: "yes", Says: "With synchronous FULL a commit is on the disk.",
		Source: "https://sqlite.org/pragma.html#pragma_synchronous"}
	if s.engine == samplePostgres {
		host.Answer, host.Says, host.Source = "yes", "Clients of other hosts reach the server over the network.", "https://www.postgresql.org/docs/15/runtime-config-connection.html"
		power.Says, power.Source = "A commit waits for its WAL to be on the disk.", "https://www.postgresql.org/docs/15/wal-reliability.html"
	}
	if s.ok == 0 {
		node.Answer, node.Says = "?", "Nothing had been acknowledged."
		return []run.Survival{node, host}
	}
	return []run.Survival{node, writer, host, power}
}

func (s *sampleRung) arm() run.ArmResult {
	totals := run.Totals{
		Setup: run.Setup{
			Nodes: 4, Discipline: s.discipline, Workload: workload.Increment{Key: "counter"},
			Load: run.Load{Arrival: run.Closed, Clients: 100, Duration: 2 * time.Second},
		},
		Engines: []run.Engine{{Name: run.SQLite, Version: "3.54.1"}}, Recordings: []string{"recordings/" + s.name}, Seconds: 2,
		Ops:   run.OpCounts{Total: s.ok + s.refused + s.unknown, OK: s.ok, Failed: s.refused, Unknown: s.unknown},
		Codes: map[string]int{"SQLITE_BUSY": s.refused}, Latency: s.waits(1), Throughput: float64(s.ok) / 2,
		Lost: &s.lost, LostMax: &s.lost, Integrity: "ok"}
	if s.engine == samplePostgres {
		totals.Engines = []run.Engine{{Name: "PostgreSQL", Version: "15.18"}}
	}
	f := run.Finding{Claim: "nothing-lost", Text: "No acknowledged change is lost.", Source: "https://sqlite.org/isolation.html",
		Verdict: holds(s.lost == 0), Expected: run.ExpectHolds, Measured: fmt.Sprintf("%d of %d lost", s.lost, s.ok)}
	if s.lost > 0 {
		f.Expected = run.ExpectRefuted
	}
	if s.ok == 0 {
		f.Verdict, f.Expected, f.Reason = check.Inconclusive, run.Either, "nothing was acknowledged"
	}
	trial := run.TrialResult{Name: "counter, 100 clients", Level: 100, Totals: totals}
	return run.ArmResult{Name: s.name, Place: run.Processes, Totals: totals,
		Trials: []run.TrialResult{trial}, Findings: []run.Finding{f}}
}

// rungBars is a chart as the ladder makes it: a group of one bar for each rung.
func rungBars(c *run.Comparison) run.Chart {
	bars := run.Series{Name: "counter, 100 clients"}
	for i, r := range c.Rungs {
		f := r.Figures[2]
		bars.Points = append(bars.Points, run.Point{X: float64(i), Y: f.Rate, Low: f.Rate, High: f.Rate, Count: f.OK, Label: r.Name})
	}
	return run.Chart{Kind: run.ChartBars, Title: "Acknowledged a second: counter, 100 clients",
		Y: run.Axis{Label: "ok", Unit: "1/s"}, Series: []run.Series{bars}}
}

// rungLines is a chart as the ladder makes it: a line for each rung.
func rungLines(c *run.Comparison) run.Chart {
	drawn := run.Chart{Kind: run.ChartLines, Title: "Throughput against clients", X: run.Axis{Label: "clients", Log: true},
		Y: run.Axis{Label: "ok requests a second", Log: true}}
	for _, r := range c.Rungs {
		line := run.Series{Name: r.String()}
		for _, f := range r.Figures[:4] {
			line.Points = append(line.Points, run.Point{X: float64(f.Clients), Y: f.Rate, Low: f.Rate, High: f.Rate, Count: f.OK})
		}
		drawn.Series = append(drawn.Series, line)
	}
	return drawn
}

// bareComparison is one that was cut short: a rung without figures, one with
// nothing but nulls, and no advice.
func bareComparison() *run.Run {
	return finish(&run.Run{Interrupted: true, Experiments: []run.Result{{Name: "compare", Question: "Well?"}},
		Comparison: &run.Comparison{Nodes: 1, Expect: "p99<100ms", Rungs: []run.Rung{
			{Name: "red", Title: "red", Engine: sampleSQLite},
			{Name: "queue", Title: "+ queue", Figures: []run.Figures{{Workload: "write", Clients: 500, OK: 3, Rate: 1.5}},
				Rates: []run.RateStep{{Rate: 12.5, Met: false}}, Asked: &run.RateStep{}},
		}, Missing: []run.Missing{{Rungs: []string{"PostgreSQL"}, Why: "no initdb"}}}})
}

// longNames is a comparison with a server that has a lot to say of itself.
func longNames() *run.Run {
	doc := compareRun()
	long := "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27 01:53:43, go1.19.10)"
	doc.Comparison.Servers[0].Label = long
	for i := range doc.Comparison.Rungs {
		r := &doc.Comparison.Rungs[i]
		if r.Server == samplePostgres {
			r.Server, r.Engine = long, long
		}
	}
	return doc
}

// evilComparison means harm wherever a comparison can say something.
func evilComparison() *run.Run {
	doc := compareRun()
	c := doc.Comparison
	c.Expect, c.Decides, c.Met = evil, true, false
	c.Servers[0] = run.Server{Name: evil, Label: evil, Says: evil}
	c.Missing[0] = run.Missing{Rungs: []string{evil}, Why: evil, Hint: evil}
	c.Advice[0] = run.Advice{Text: evil, Rests: []string{evil}}
	r := &c.Rungs[1]
	r.Name, r.Title, r.Means, r.Engine = evil, evil, evil, evil
	c.Rungs[2].Server, c.Rungs[2].Title = evil, evil
	r.Figures[0].Workload = evil
	r.Survives[0] = run.Survival{Mishap: evil, Measured: true, Answer: evil, Says: evil, Source: "https://sqlite.org/" + evil}
	return doc
}
