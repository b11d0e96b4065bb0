package catalogue

import (
	"slices"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/fault"
)

// survivalPlot shows how the acknowledged writes of an arm's first recording
// grow, how many rows were found after each crash, and when no node served.
func survivalPlot(arm string) experiment.Plot {
	return func(arms []experiment.Evidence) experiment.Chart {
		c := experiment.Chart{
			Kind: experiment.ChartTime, Title: "Acknowledged writes, and the rows found after each crash: " + arm,
			Note: "Rows that nobody was told of may be there, but none may be missing. Killing a program is not cutting the power: what it had handed to the operating system survives.",
			X:    experiment.Axis{Label: "time", Unit: "ms"}, Y: experiment.Axis{Label: "writes"},
		}
		for i := range arms {
			if arms[i].Arm != arm {
				continue
			}
			for r := range arms[i].All {
				c.Series = []experiment.Series{acknowledgedOver(r), foundOver(r)}
				c.Marks = deaths(r)
				break
			}
		}
		return c
	}
}

// acknowledgedOver counts the acknowledged writes as their clients heard of
// them, in about 100 steps.
func acknowledgedOver(r *experiment.Recording) experiment.Series {
	s := experiment.Series{Name: "acknowledged"}
	var times []time.Duration
	for _, op := range r.ClientOps() {
		if op.Func == history.Write && op.Outcome == history.OK {
			times = append(times, op.Returned)
		}
	}
	slices.Sort(times)
	step := max(len(times)/100, 1)
	for i, t := range times {
		if i%step == 0 || i == len(times)-1 {
			s.Points = append(s.Points, countAt(t, i+1))
		}
	}
	return s
}

// foundOver is how many rows each look found.
func foundOver(r *experiment.Recording) experiment.Series {
	s := experiment.Series{Name: "found after a crash"}
	_, after := looks(r)
	for _, look := range after {
		s.Points = append(s.Points, countAt(look.From.Sub(r.Started), int(look.Rows)))
	}
	return s
}

func countAt(t time.Duration, n int) experiment.Point {
	y := float64(n)
	return experiment.Point{X: 1000 * t.Seconds(), Y: y, Low: y, High: y, Count: n}
}

// deaths are the stretches from the first kill of a crash until the last of the
// killed nodes served again.
func deaths(r *experiment.Recording) []experiment.Mark {
	var marks []experiment.Mark
	for _, round := range rounds(r) {
		first := slices.MinFunc(round, func(a, b fault.Event) int { return a.From.Compare(b.From) })
		last := slices.MaxFunc(round, func(a, b fault.Event) int { return a.To.Compare(b.To) })
		marks = append(marks, experiment.Mark{
			From: 1000 * first.From.Sub(r.Started).Seconds(), To: 1000 * last.To.Sub(r.Started).Seconds(), Label: "killed",
		})
	}
	return marks
}

// rounds returns the kills of each crash: they stand behind its look.
func rounds(r *experiment.Recording) [][]fault.Event {
	var all [][]fault.Event
	begun := false
	for _, event := range r.Faults {
		switch {
		case event.Kind == fault.KindLook:
			begun = true
		case event.Kind != fault.KindCrash:
		case begun:
			all = append(all, []fault.Event{event})
			begun = false
		default:
			all[len(all)-1] = append(all[len(all)-1], event)
		}
	}
	return all
}
