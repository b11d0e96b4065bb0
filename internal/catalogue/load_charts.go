package catalogue

import (
	"example.com/contend/internal/experiment"
)

// claimedErrors is the seed's table of errors as a line of a chart.
func claimedErrors() experiment.Series {
	s := experiment.Series{Name: "the lab's table", Claimed: true}
	for _, row := range tableRows {
		s.Points = append(s.Points, claimedPoint(float64(row.level), row.percent))
	}
	return s
}

// claimedWaits is that of its waits, but for the last, which is no number.
func claimedWaits() experiment.Series {
	s := experiment.Series{Name: "the lab's table", Claimed: true}
	for _, row := range tableRows {
		if row.wait > 0 {
			s.Points = append(s.Points, claimedPoint(float64(row.level), row.wait))
		}
	}
	return s
}

func claimedPoint(x, y float64) experiment.Point {
	return experiment.Point{X: x, Y: y, Low: y, High: y}
}

// crowdWaitsPlot shows how the waits at one level spread.
func crowdWaitsPlot(level int) experiment.Plot {
	draw := experiment.WaitsPlot("How long clients waited, "+atOnce(level), nil,
		experiment.Mark{From: timeoutWait, To: timeoutWait, Label: "the lab's busy_timeout"})
	return func(arms []experiment.Evidence) experiment.Chart {
		var at []experiment.Evidence
		for i := range arms {
			if t := arms[i].Trial(atOnce(level)); len(t.Recordings) > 0 {
				at = append(at, experiment.Evidence{Arm: arms[i].Arm, Trials: []experiment.TrialEvidence{*t}})
			}
		}
		return draw(at)
	}
}
