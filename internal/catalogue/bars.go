package catalogue

import (
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// figureBars returns a plot with a group of bars for each arm that matches, and
// in it one for each figure, taken over all of the arm's recordings.
func figureBars(title string, y run.Axis, match func(*run.Evidence) bool, figures ...experiment.Figure) experiment.Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{Kind: run.ChartBars, Title: title, Y: y}
		for _, f := range figures {
			s := run.Series{Name: f.Name}
			group := 0.0
			for i := range arms {
				if !match(&arms[i]) {
					continue
				}
				group++
				if spread := arms[i].Trials[0].Spread(f.Of); spread.Count > 0 {
					s.Points = append(s.Points, run.Point{
						X: group, Y: spread.Median, Low: spread.Min, High: spread.Max, Count: spread.Count, Label: arms[i].Arm,
					})
				}
			}
			if len(s.Points) > 0 {
				c.Series = append(c.Series, s)
			}
		}
		return c
	}
}
