package chart

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"example.com/contend/internal/run"
)

// A sample is a chart with data such as the report has, and the name of its golden file.
type sample struct {
	name  string
	chart run.Chart
}

func samples() []sample {
	return []sample{
		{"error-rate", errorRate()}, {"mean-wait", meanWait()}, {"attempts", attempts()}, {"throughput", throughput()},
		{"overload", overload()}, {"waits", waits()}, {"waits-crowded", waitsCrowded()},
		{"lost", lost()}, {"journal", journal()}, {"outcomes", outcomes()}, {"lanes", served(4, 12)}, {"lanes-crowded", served(4, 40)},
		{"empty", run.Chart{Kind: run.ChartTime, Title: "Nothing was recorded", X: run.Axis{Label: "time", Unit: "ms"}, Y: run.Axis{Label: "requests a second"}}},
	}
}

// presets are those of the arms in the samples.
var presets = Presets{"green": "green", "green/burst": "green", "red/burst": "red"}

func outcomes() run.Chart {
	c := run.Chart{Kind: run.ChartStacks, Title: "What became of 100 increments", Y: run.Axis{Label: "requests"}}
	arms := []string{"red/burst", "separate/5000/WAL/burst", "deferred/5000/WAL/burst", "immediate/5000/WAL/burst", "green/burst", "not read"}
	for _, part := range []struct {
		name  string
		harm  run.Topic
		of100 []float64
	}{
		{"kept", run.AboutKept, []float64{2, 2, 3, 100, 100, 0}}, {"lost", run.AboutLost, []float64{9, 98, 0, 0, 0, 0}},
		{"refused", run.AboutRefused, []float64{89, 0, 97, 0, 0, 0}}, {"unknown", "", []float64{0, 0, 0, 0, 0, 100}},
	} {
		s := run.Series{Name: part.name, Harm: part.harm}
		for i, n := range part.of100 {
			s.Points = append(s.Points, run.Point{X: float64(i), Y: n, Label: arms[i]})
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func curve(name string, xs, ys []float64) run.Series {
	s := run.Series{Name: name}
	for i, x := range xs {
		s.Points = append(s.Points, run.Point{X: x, Y: ys[i], Label: "100 requests"})
	}
	return s
}

var levels = []float64{10, 50, 100, 200, 500}

func errorRate() run.Chart {
	seed := curve("the seed's table", levels, []float64{.05, .25, .45, .70, .85})
	seed.Claimed = true
	return run.Chart{
		Kind:  run.ChartLines,
		Title: "Error rate against concurrent requests",
		Note:  "Four nodes, WAL, BEGIN EXCLUSIVE, 10 ms inside the transaction. The seed's curve is one of several: patience decides which.",
		X:     run.Axis{Label: "concurrent requests"},
		Y:     run.Axis{Label: "refused requests", Percent: true},
		Series: []run.Series{
			seed,
			curve("green: busy_timeout 5000, 3 retries", levels, []float64{0, 0, 0, 0, 0}),
			curve("busy_timeout 5000, no retries", levels, []float64{0, 0, 0, .265, .368}),
			curve("no patience, 3 retries, no jitter", levels, []float64{.60, .92, .96, .98, .98}),
			curve("no patience, no retries", levels, []float64{.90, .97, .985, .99, .998}),
		},
	}
}

func meanWait() run.Chart {
	return run.Chart{
		Kind:  run.ChartLines,
		Title: "Mean wait against concurrent requests",
		X:     run.Axis{Label: "concurrent requests", Log: true},
		Y:     run.Axis{Label: "mean wait", Log: true, Unit: "ms"},
		Series: []run.Series{
			curve("green", levels, []float64{130, 740, 2000, 5000, 4000}),
			curve("no patience, 3 retries", levels, []float64{900, 4200, 6100, 6800, 6900}),
			curve("no patience", levels, []float64{1.2, 2.5, 3.1, 6, 11}),
		},
	}
}

func attempts() run.Chart {
	retries := []float64{0, 1, 2, 3, 4, 5}
	return run.Chart{
		Kind:  run.ChartLines,
		Title: "Attempts for each success against allowed retries",
		X:     run.Axis{Label: "retries"},
		Y:     run.Axis{Label: "attempts for each success"},
		Series: []run.Series{
			curve("no jitter", retries, []float64{25, 21, 19.5, 18, 17.4, 17.1}),
			curve("full jitter", retries, []float64{25, 9.1, 5.2, 3.9, 3.6, 3.5}),
		},
	}
}

func throughput() run.Chart {
	nodes := []float64{1, 2, 4, 8}
	withSpread := func(name string, ys []float64, part float64) run.Series {
		s := curve(name, nodes, ys)
		for i := range s.Points {
			p := &s.Points[i]
			p.Low, p.High = p.Y*(1-part), p.Y*(1+part*1.3)
		}
		return s
	}
	return run.Chart{
		Kind:  run.ChartLines,
		Title: "Throughput against nodes",
		Note:  "Whiskers reach from the slowest to the fastest of 5 runs.",
		X:     run.Axis{Label: "nodes"},
		Y:     run.Axis{Label: "acknowledged writes a second"},
		Series: []run.Series{
			withSpread("DELETE", []float64{1180, 930, 860, 790}, .09),
			withSpread("WAL", []float64{3150, 2890, 2640, 2510}, .07),
			withSpread("WAL, one writer queue", []float64{12400, 12100, 11650, 11800}, .05),
		},
	}
}

func overload() run.Chart {
	rng := rand.New(rand.NewPCG(3, 4))
	arrivals := run.Series{Name: "arrivals"}
	goodput := run.Series{Name: "goodput"}
	for i := range 60 {
		t := float64(i) * 500
		rate, done := 200.0, 196.0
		if i >= 16 && i < 32 {
			rate, done = 900, 410-14*float64(i-16)
		}
		if i >= 32 && i < 46 {
			done = 40 + 9*float64(i-32)
		}
		done += 22 * (rng.Float64() - .5)
		arrivals.Points = append(arrivals.Points, run.Point{X: t, Y: rate})
		goodput.Points = append(goodput.Points, run.Point{X: t, Y: done, Low: done * .85, High: done * 1.12})
	}
	return run.Chart{
		Kind:   run.ChartTime,
		Title:  "Arrivals and goodput over time",
		X:      run.Axis{Label: "time since the start", Unit: "ms"},
		Y:      run.Axis{Label: "requests a second"},
		Series: []run.Series{arrivals, goodput},
		Marks:  []run.Mark{{From: 8000, To: 16000, Label: "overload"}, {From: 23000, Label: "goodput is back"}},
	}
}

// lognormal returns the distribution of n waits of total about a median.
func lognormal(name string, seed uint64, n, total int, median, sigma float64) run.Series {
	rng := rand.New(rand.NewPCG(seed, 9))
	var waits []float64
	for range n {
		waits = append(waits, math.Pow(10, math.Ceil(math.Log10(median*math.Exp(sigma*rng.NormFloat64()))*20)/20))
	}
	slices.Sort(waits)
	s := run.Series{Name: name}
	for i, wait := range waits {
		if i+1 == n || waits[i+1] != wait {
			s.Points = append(s.Points, run.Point{X: wait, Y: float64(i+1) / float64(total)})
		}
	}
	return s
}

func waits() run.Chart {
	return run.Chart{
		Kind:  run.ChartWaits,
		Title: "How long clients waited",
		Note:  "500 requests for each arm. A curve that ends below 100 % leaves out those that never got an answer.",
		X:     run.Axis{Label: "wait"},
		Y:     run.Axis{Label: "requests answered"},
		Series: []run.Series{
			lognormal("WAL, one writer queue", 1, 500, 500, 4, .5),
			lognormal("WAL", 2, 500, 500, 90, 1.1),
			lognormal("DELETE", 3, 430, 500, 900, 1),
		},
		Marks: []run.Mark{{From: 5000, Label: "busy_timeout 5 s"}},
	}
}

func waitsCrowded() run.Chart {
	d := waits()
	d.Title = "How long clients waited, in arms that differ little"
	d.Series = nil
	for i, name := range []string{"busy_timeout 0", "busy_timeout 1000", "busy_timeout 5000", "busy_timeout 5000, full jitter, 3 retries", "queue", "PostgreSQL"} {
		d.Series = append(d.Series, lognormal(name, uint64(i), 300, 300, 200+float64(i), .9))
	}
	return d
}

func lost() run.Chart {
	c := run.Chart{Kind: run.ChartBars, Title: "Acknowledged increments that were lost", Y: run.Axis{Label: "lost increments, of 100"}}
	for journal, values := range map[string][]float64{"DELETE": {92, 0, 0, 0}, "WAL": {98, 0, 0, 0}} {
		s := run.Series{Name: journal}
		for i, group := range []string{"read, then write, in no transaction", "BEGIN DEFERRED", "BEGIN IMMEDIATE", "one UPDATE"} {
			v := values[i]
			s.Points = append(s.Points, run.Point{X: float64(i), Label: group, Y: v, Low: v * .93, High: min(v*1.04, 100), Shown: fmt.Sprintf("%g of 100", v)})
		}
		c.Series = append(c.Series, s)
	}
	slices.SortFunc(c.Series, func(a, b run.Series) int { return len(b.Name) - len(a.Name) })
	return c
}

func journal() run.Chart {
	bar := func(name string, median, low, high float64) run.Series {
		return run.Series{Name: name, Points: []run.Point{{Y: median, Low: low, High: high}}}
	}
	return run.Chart{
		Kind:  run.ChartBars,
		Title: "Time for 50 writes in a burst",
		Y:     run.Axis{Label: "duration", Unit: "ms"},
		Series: []run.Series{
			bar("DELETE, synchronous FULL", 1480, 1320, 1710),
			bar("WAL, synchronous FULL", 510, 480, 590),
			bar("WAL, synchronous NORMAL", 160, 151, 204),
		},
	}
}

// served makes up a run: one lock, and for each free moment a waiter who is
// asleep for as long as SQLite's busy handler would let it be.
func served(nodes, each int) run.Chart {
	rng := rand.New(rand.NewPCG(5, 6))
	c := run.Chart{
		Kind:  run.ChartLanes,
		Title: fmt.Sprintf("Who was served when: %d requests at once on each of %d nodes", each, nodes),
		Note:  "Old waiters ask more rarely than new ones, and starve.",
		Marks: []run.Mark{{From: 900, To: 1900, Label: "app-1 holds the lock"}},
	}
	hold := 4800 / float64(nodes*each)
	turns := rng.Perm(nodes * each)
	for n := range nodes {
		lane := run.Lane{Node: fmt.Sprintf("app-%d", n+1)}
		for i := range each {
			began := rng.Float64() * 700
			at := 10 + hold*float64(turns[n*each+i])
			if at > 880 {
				at += 1020
			}
			a := run.LaneAttempt{Began: min(began, at), Locked: &at, Ended: at + hold*.8}
			if at > 5200 {
				a = run.LaneAttempt{Began: began, Ended: began + 5000 + rng.Float64()*60, Code: "SQLITE_BUSY"}
			}
			lane.Attempts = append(lane.Attempts, a)
		}
		c.Lanes = append(c.Lanes, lane)
	}
	c.Lanes[2].Faults = []run.Mark{{From: 3000, To: 3800, Label: "killed"}}
	return c
}
