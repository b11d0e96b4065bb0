package catalogue

import "example.com/contend/internal/experiment"

// figureBars returns a plot with a group of bars for each arm that matches, and
// in it one for each figure, taken over all of the arm's recordings.
func figureBars(title string, y experiment.Axis, match func(*experiment.Evidence) bool, figures ...experiment.Figure) experiment.Plot {
	return func(arms []experiment.Evidence) experiment.Chart {
		c := experiment.Chart{Kind: experiment.ChartBars, Title: title, Y: y}
		for _, f := range figures {
			s := experiment.Series{Name: f.Name}
			group := 0.0
			for i := range arms {
				if !match(&arms[i]) {
					continue
				}
				group++
				if spread := arms[i].Trials[0].Spread(f.Of); spread.Count > 0 {
					s.Points = append(s.Points, experiment.Point{
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
