package chart

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A sample is a chart with data such as the report has, and the name of its golden file.
type sample struct {
	name  string
	chart Chart
}

func samples() []sample {
	return []sample{
		{"error-rate", errorRate()}, {"mean-wait", meanWait()}, {"attempts", attempts()}, {"throughput", throughput()},
		{"overload", overload()}, {"waits", waits()}, {"waits-crowded", waitsCrowded()},
		{"lost", lost()}, {"journal", journal()}, {"lanes", lanes(4, 12)}, {"lanes-crowded", lanes(4, 40)},
		{"empty", Lines{Title: "Nothing was recorded", X: Axis{Title: "time", Unit: Milliseconds}, Y: Axis{Title: "requests a second"}}},
	}
}

func curve(name string, xs, ys []float64) Series {
	s := Series{Name: name}
	for i, x := range xs {
		s.Points = append(s.Points, Point{X: x, Y: ys[i], Text: "100 requests"})
	}
	return s
}

var levels = []float64{10, 50, 100, 200, 500}

func errorRate() Lines {
	seed := curve("the seed's table", levels, []float64{.05, .25, .45, .70, .85})
	seed.Claimed = true
	return Lines{
		Title: "Error rate against concurrent requests",
		Note:  "Four nodes, WAL, BEGIN EXCLUSIVE, 10 ms inside the transaction. The seed's curve is one of several: patience decides which.",
		X:     Axis{Title: "concurrent requests", Scale: Ordinal},
		Y:     Axis{Title: "refused requests", Unit: Share},
		Series: []Series{
			seed,
			curve("green: busy_timeout 5000, 3 retries", levels, []float64{0, 0, 0, 0, 0}),
			curve("busy_timeout 5000, no retries", levels, []float64{0, 0, 0, .265, .368}),
			curve("no patience, 3 retries, no jitter", levels, []float64{.60, .92, .96, .98, .98}),
			curve("no patience, no retries", levels, []float64{.90, .97, .985, .99, .998}),
		},
	}
}

func meanWait() Lines {
	return Lines{
		Title: "Mean wait against concurrent requests",
		X:     Axis{Title: "concurrent requests", Scale: Log},
		Y:     Axis{Title: "mean wait", Scale: Log, Unit: Milliseconds},
		Series: []Series{
			curve("green", levels, []float64{130, 740, 2000, 5000, 4000}),
			curve("no patience, 3 retries", levels, []float64{900, 4200, 6100, 6800, 6900}),
			curve("no patience", levels, []float64{1.2, 2.5, 3.1, 6, 11}),
		},
	}
}

func attempts() Lines {
	retries := []float64{0, 1, 2, 3, 4, 5}
	return Lines{
		Title: "Attempts for each success against allowed retries",
		X:     Axis{Title: "retries", Scale: Ordinal},
		Y:     Axis{Title: "attempts for each success"},
		Series: []Series{
			curve("no jitter", retries, []float64{25, 21, 19.5, 18, 17.4, 17.1}),
			curve("full jitter", retries, []float64{25, 9.1, 5.2, 3.9, 3.6, 3.5}),
		},
	}
}

func throughput() Lines {
	nodes := []float64{1, 2, 4, 8}
	withSpread := func(name string, ys []float64, part float64) Series {
		s := curve(name, nodes, ys)
		for i := range s.Points {
			p := &s.Points[i]
			p.Low, p.High = p.Y*(1-part), p.Y*(1+part*1.3)
		}
		return s
	}
	return Lines{
		Title: "Throughput against nodes",
		Note:  "Whiskers reach from the slowest to the fastest of 5 runs.",
		X:     Axis{Title: "nodes", Scale: Ordinal},
		Y:     Axis{Title: "acknowledged writes a second"},
		Series: []Series{
			withSpread("DELETE", []float64{1180, 930, 860, 790}, .09),
			withSpread("WAL", []float64{3150, 2890, 2640, 2510}, .07),
			withSpread("WAL, one writer queue", []float64{12400, 12100, 11650, 11800}, .05),
		},
	}
}

func overload() Lines {
	rng := rand.New(rand.NewPCG(3, 4))
	arrivals := Series{Name: "arrivals", Steps: true}
	goodput := Series{Name: "goodput"}
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
		arrivals.Points = append(arrivals.Points, Point{X: t, Y: rate})
		goodput.Points = append(goodput.Points, Point{X: t, Y: done, Low: done * .85, High: done * 1.12})
	}
	return Lines{
		Title:  "Arrivals and goodput over time",
		X:      Axis{Title: "time since the start", Unit: Milliseconds},
		Y:      Axis{Title: "requests a second"},
		Series: []Series{arrivals, goodput},
		Spans:  []Span{{From: 8000, To: 16000, Label: "overload"}, {From: 23000, Label: "goodput is back"}},
	}
}

// lognormal returns a histogram of waits about a median.
func lognormal(seed uint64, n int, median, sigma float64) []Bucket {
	rng := rand.New(rand.NewPCG(seed, 9))
	counts := map[int]int64{}
	low, high := 1000, -1000
	for range n {
		i := int(math.Ceil(math.Log10(median*math.Exp(sigma*rng.NormFloat64())) * 20))
		counts[i]++
		low, high = min(low, i), max(high, i)
	}
	var buckets []Bucket
	for i := low; i <= high; i++ {
		buckets = append(buckets, Bucket{math.Pow(10, float64(i)/20), counts[i]})
	}
	return buckets
}

func waits() Distribution {
	return Distribution{
		Title: "How long clients waited",
		Note:  "500 requests for each arm. A curve that ends below 100 % leaves out those that never got an answer.",
		X:     "wait", Y: "requests answered",
		Curves: []Curve{
			{"WAL, one writer queue", Cumulated(lognormal(1, 500, 4, .5), 0)},
			{"WAL", Cumulated(lognormal(2, 500, 90, 1.1), 0)},
			{"DELETE", Cumulated(lognormal(3, 430, 900, 1), 500)},
		},
		Spans: []Span{{From: 5000, Label: "busy_timeout 5 s"}},
	}
}

func waitsCrowded() Distribution {
	d := waits()
	d.Title = "How long clients waited, in arms that differ little"
	d.Curves = nil
	for i, name := range []string{"busy_timeout 0", "busy_timeout 1000", "busy_timeout 5000", "busy_timeout 5000, full jitter, 3 retries", "queue", "PostgreSQL"} {
		d.Curves = append(d.Curves, Curve{name, Cumulated(lognormal(uint64(i), 300, 200+float64(i), .9), 0)})
	}
	return d
}

func lost() Bars {
	group := func(name string, rollback, wal float64) Group {
		bar := func(journal string, v float64) Bar {
			return Bar{Name: journal, Value: v, Label: fmt.Sprintf("%g of 100", v), Low: v * .93, High: min(v*1.04, 100)}
		}
		return Group{name, []Bar{bar("DELETE", rollback), bar("WAL", wal)}}
	}
	return Bars{
		Title: "Acknowledged increments that were lost",
		Value: Axis{Title: "lost increments, of 100"},
		Groups: []Group{
			group("read, then write, in no transaction", 92, 98),
			group("BEGIN DEFERRED", 0, 0),
			group("BEGIN IMMEDIATE", 0, 0),
			group("one UPDATE", 0, 0),
		},
	}
}

func journal() Bars {
	return Bars{
		Title: "Time for 50 writes in a burst",
		Value: Axis{Title: "duration", Unit: Milliseconds},
		Groups: []Group{{Bars: []Bar{
			{Name: "DELETE, synchronous FULL", Value: 1480, Low: 1320, High: 1710},
			{Name: "WAL, synchronous FULL", Value: 510, Low: 480, High: 590},
			{Name: "WAL, synchronous NORMAL", Value: 160, Low: 151, High: 204},
		}}},
	}
}

// lanes makes up a run: one lock, and for each free moment a waiter who is
// asleep for as long as SQLite's busy handler would let it be.
func lanes(nodes, each int) Lanes {
	rng := rand.New(rand.NewPCG(5, 6))
	c := Lanes{
		Title: fmt.Sprintf("Who was served when: %d requests at once on each of %d nodes", each, nodes),
		Note:  "Old waiters ask more rarely than new ones, and starve.",
		Spans: []Span{{From: 900, To: 1900, Label: "app-1 holds the lock"}},
	}
	hold := 4800 / float64(nodes*each)
	turns := rng.Perm(nodes * each)
	for n := range nodes {
		lane := Lane{Name: fmt.Sprintf("app-%d", n+1)}
		for i := range each {
			began := rng.Float64() * 700
			at := 10 + hold*float64(turns[n*each+i])
			if at > 880 {
				at += 1020
			}
			a := Attempt{Began: min(began, at), Locked: at, Ended: at + hold*.8, Held: true}
			if at > 5200 {
				a = Attempt{Began: began, Ended: began + 5000 + rng.Float64()*60, Refused: true, Text: "SQLITE_BUSY"}
			}
			lane.Attempts = append(lane.Attempts, a)
		}
		c.Lanes = append(c.Lanes, lane)
	}
	c.Lanes[2].Spans = []Span{{From: 3000, To: 3800, Label: "killed"}}
	return c
}
