package report

import (
	"fmt"
	"math"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// labRun is a run of experiments in which all that a report can draw happens:
// trials with repeats and figures, each kind of chart, a script, faults, claims
// that an arm is not asked, and strings that mean harm.
func labRun() *run.Run {
	doc := finish(&run.Run{Experiments: []run.Result{
		{Name: "busy", Question: "Of 100 increments over four nodes that share one SQLite file, how many are refused with SQLITE_BUSY?",
			Arms: judge(sampleArms(), sampleBusy)},
		levelsResult(), sceneResult(), crashResult(), hostileResult(),
	}})
	doc.Asked = run.Asked{Quick: true, Arms: []string{"red/*", "green", "scene"}}
	doc.Command = []string{"contend", "run", "--quick", "--arm", "red/*", "--arm", "green", "--arm", "scene", "--seed", "7"}
	return doc
}

// largeRun is a run with as many experiments and claims as the whole lab, and a long bottom line.
func largeRun() *run.Run {
	lab := labRun()
	var doc run.Run
	for i := range 16 {
		x := lab.Experiments[i%4]
		x.Name = fmt.Sprintf("%s-%d", x.Name, i)
		doc.Experiments = append(doc.Experiments, x)
	}
	finish(&doc)
	for i := range run.MaxSentences {
		doc.Summary.Sentences = append(doc.Summary.Sentences, run.Sentence{About: run.AboutLost, Link: "#" + doc.Experiments[i].Name,
			Text: "Of 100 increments that came at once 98 were acknowledged and lost where the read and the write are apart and busy_timeout is 5 s, in WAL mode as in a rollback journal."})
	}
	return &doc
}

func ref(n int64) *int64 { return &n }

func spread(least, median, most float64) measure.Spread {
	return measure.Spread{Count: 3, Min: least, Median: median, Max: most}
}

// levelsResult has two arms of four levels each, and more claims than columns.
func levelsResult() run.Result {
	r := run.Result{Name: "error-rate", Question: "How does the error rate grow with the number of simultaneous clients?"}
	rates := map[string][]float64{"red": {0.60, 0.92, 0.96, 0.98}, "green": {0, 0, 0.01, 0.265}}
	for _, name := range []string{"red", "green"} {
		arm := run.ArmResult{Name: name}
		d, _ := store.Preset(name)
		for i, level := range []int{10, 50, 100, 200} {
			rate := rates[name][i]
			ok := int(math.Round(3 * float64(level) * (1 - rate)))
			trial := run.TrialResult{Name: fmt.Sprintf("%d clients", level), Level: float64(level), Totals: sampleTotals(d, level, ok)}
			trial.Figures = []run.Measured{
				{Name: "error rate", Unit: "%", Spread: spread(90*rate, 100*rate, min(110*rate, 100))},
				{Name: "attempts per success", Spread: spread(1, 1+rate, 1+3*rate)},
			}
			if ok < 10 {
				trial.Figures[1].Spread = measure.Spread{}
			}
			arm.Trials = append(arm.Trials, trial)
			arm.Ops.Total += trial.Ops.Total
		}
		arm.Totals = arm.Trials[0].Totals
		r.Arms = append(r.Arms, arm)
	}
	for i, claimed := range []int{5, 25, 45, 70, 85} {
		id := fmt.Sprintf("rate-%d", claimed)
		f := run.Finding{Claim: id, Text: fmt.Sprintf("Under load %d of 100 requests fail.", claimed),
			TextJA: fmt.Sprintf("エラー率 %d%%", claimed), Source: fmt.Sprintf("07_container_shared_filedb.md:%d", 590+i),
			Verdict: check.Refuted, Expected: run.ExpectRefuted, Measured: fmt.Sprintf("%d of 300 failed", 60*(i+1))}
		r.Arms[0].Findings = append(r.Arms[0].Findings, f)
		if i > 2 {
			continue // the green arm is not asked
		}
		f.Verdict, f.Measured = check.Holds, "3 of 300 failed"
		r.Arms[1].Findings = append(r.Arms[1].Findings, f)
	}
	r.Charts = levelCharts(rates)
	return r
}

func sampleTotals(d store.Discipline, level, ok int) run.Totals {
	n := 3 * level
	dirs := []string{"recordings/11", "recordings/12", "recordings/13"}
	return run.Totals{
		Setup: run.Setup{
			Nodes: 4, Discipline: d, Workload: workload.Write{},
			Load: run.Load{Arrival: run.Burst, Clients: level, Requests: level},
		},
		Ops: run.OpCounts{Total: n, OK: ok, Failed: n - ok}, Codes: map[string]int{"SQLITE_BUSY": n - ok},
		Latency: measure.Summary{P50: float64(level) / 3, P99: float64(level) * 9, Max: float64(level) * 11},
		Seconds: 3, Recordings: dirs, Integrity: "ok",
	}
}

func levelCharts(rates map[string][]float64) []run.Chart {
	lines := run.Chart{Kind: run.ChartLines, Title: "Error rate by number of clients",
		Note: "The dashed line is what the source says.",
		X:    run.Axis{Label: "simultaneous clients"}, Y: run.Axis{Label: "requests that failed", Percent: true}}
	waits := run.Chart{Kind: run.ChartWaits, Title: "How long clients waited",
		X: run.Axis{Label: "wait", Unit: "ms", Log: true}, Y: run.Axis{Label: "share of requests", Percent: true},
		Marks: []run.Mark{{From: 5000, To: 5000, Label: "busy_timeout"}}}
	bars := run.Chart{Kind: run.ChartBars, Title: "Throughput by journal",
		X: run.Axis{Label: "journal"}, Y: run.Axis{Label: "acknowledged writes", Unit: "1/s"}}
	over := run.Chart{Kind: run.ChartTime, Title: "Requests in flight",
		X: run.Axis{Label: "time", Unit: "ms"}, Y: run.Axis{Label: "requests in flight"},
		Marks: []run.Mark{{From: 300, To: 700, Label: "hold"}}}
	for k, name := range []string{"red", "green"} {
		line, wait := run.Series{Name: name}, run.Series{Name: name}
		bar, flight := run.Series{Name: name}, run.Series{Name: name}
		for i, level := range []float64{10, 50, 100, 200} {
			rate := rates[name][i]
			line.Points = append(line.Points, run.Point{X: level, Y: rate, Low: 0.9 * rate, High: min(1, 1.1*rate), Count: 3})
		}
		for i := range 40 {
			share := float64(i+1) / 40
			wait.Points = append(wait.Points, run.Point{X: math.Pow(10, 1+float64(k)+2*share), Y: share, Count: 600})
			flight.Points = append(flight.Points, run.Point{X: float64(25 * i), Y: 50 + 40*math.Sin(float64(i+6*k)/6), Count: 1})
		}
		for i, journal := range []string{"DELETE", "WAL"} {
			y := 120 * float64(1+i) * float64(1+k)
			bar.Points = append(bar.Points, run.Point{X: float64(i), Y: y, Low: y - 20, High: y + 15, Count: 3, Label: journal})
		}
		lines.Series, waits.Series = append(lines.Series, line), append(waits.Series, wait)
		bars.Series, over.Series = append(bars.Series, bar), append(over.Series, flight)
	}
	lines.Series = append(lines.Series, run.Series{Name: "as the source says", Claimed: true, Points: []run.Point{
		{X: 10, Y: 0.05}, {X: 50, Y: 0.25}, {X: 100, Y: 0.45}, {X: 200, Y: 0.70}}})
	return []run.Chart{lines, waits, bars, over, {Kind: "hologram", Title: "of a later version"}}
}

// sceneResult has a script with all that a step can say, and lanes.
func sceneResult() run.Result {
	totals := run.Totals{Setup: run.Setup{Nodes: 2, Discipline: store.Red(), Scene: &run.Scene{Name: "oversell"}},
		Recordings: []string{"recordings/21"}, Integrity: "ok", Seconds: 0.05}
	step := func(session, node, do, name string, sent, answered float64) run.StepResult {
		return run.StepResult{Session: session, Node: node, Do: do, Name: name, Outcome: "ok", Sent: sent, Answered: answered}
	}
	steps := []run.StepResult{
		step("A", "app-1", "begin-immediate", "", 0, 0.4), step("A", "app-1", "read-stock", "item", 1, 1.3),
		step("B", "app-2", "set-stock", "item", 2, 2.1), step("A", "app-1", "record-payment", "alice", 3, 3.5),
		step("C", "app-2", "commit", "", 4, 5007), step("A", "app-1", "checkpoint", "TRUNCATE", 5, 6),
	}
	steps[0].Open, steps[0].Say = true, "1. Container A: トランザクション開始"
	steps[1].Open, steps[1].Got, steps[1].Say = true, history.Some(50), "2. Container A: 在庫確認 → 50個"
	steps[2].Wrote, steps[2].Outcome, steps[2].Code, steps[2].Extended = history.Some(45), "failed", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"
	steps[2].Say = "5. Container B: 5個販売処理 → SQLITE_BUSY（失敗）"
	steps[3].To, steps[3].Wrote, steps[3].Open = "bob", history.Some(40), true
	steps[4].Outcome, steps[4].Code = "unknown", "CLIENT_TIMEOUT"
	steps[5].Blocked, steps[5].Frames, steps[5].Checkpointed = true, history.Some(12), history.Some(3)
	finding := run.Finding{Claim: "second-seller-refused", Text: "The second container's sale is refused.",
		TextJA: "Container B: 5個販売処理 → SQLITE_BUSY（失敗）", Source: "07_container_shared_filedb.md:667", Verdict: check.Holds,
		Expected: run.ExpectHolds, Measured: "step 3 was refused with SQLITE_BUSY_SNAPSHOT after 0.1 ms"}
	return run.Result{
		Name: "scene", Question: "Is the second of two sellers refused?",
		Arms: []run.ArmResult{{Name: "scene", Totals: totals, Findings: []run.Finding{finding},
			Trials: []run.TrialResult{{Totals: totals, Steps: steps}}}},
		Charts: []run.Chart{laneChart()},
	}
}

func laneChart() run.Chart {
	c := run.Chart{Kind: run.ChartLanes, Title: "Who had the write lock", X: run.Axis{Label: "time", Unit: "ms"}}
	for n := range 4 {
		lane := run.Lane{Node: fmt.Sprintf("app-%d", n+1)}
		for i := range 12 {
			began := float64(80*i + 17*n)
			a := run.LaneAttempt{Kind: "write", Began: began, Ended: began + 25}
			if (i+n)%3 > 0 {
				locked := began + float64(3*n)
				a.Locked = &locked
			} else {
				a.Code = "SQLITE_BUSY"
			}
			lane.Attempts = append(lane.Attempts, a)
		}
		c.Lanes = append(c.Lanes, lane)
	}
	c.Lanes[0].Faults = []run.Mark{{From: 200, To: 500, Label: "hold"}}
	return c
}

// crashResult has arms that differ in their fault, and what a look found.
func crashResult() run.Result {
	r := run.Result{Name: "crash", Question: "Does SIGKILL lose what was acknowledged?"}
	for i, fault := range []run.Fault{nil, run.Hold{Node: "app-1", For: 3 * time.Second}, run.Crash{}} {
		totals := sampleTotals(store.Green(), 50, 150)
		totals.Setup.Fault = fault
		trial := run.TrialResult{Totals: totals}
		arm := run.ArmResult{Name: []string{"calm", "hold", "crash"}[i], Totals: totals}
		switch i {
		case 1:
			trial.Faults = []run.FaultResult{{Repeat: 1, Kind: "hold", Node: "app-1", From: 0, To: 3000.4}}
		case 2:
			for k := range 4 {
				at := 900 * float64(k+1)
				trial.Faults = append(trial.Faults,
					run.FaultResult{Repeat: 1, Kind: "crash", Node: fmt.Sprintf("app-%d", k+1), From: at, To: at + 210},
					run.FaultResult{Repeat: 1, Kind: "look", From: at, To: at + 80, Journal: 512 * int64(k), Hot: k > 0, Rows: 40 * int64(k), Integrity: "ok"})
			}
		}
		arm.Trials = []run.TrialResult{trial}
		f := run.Finding{Claim: "nothing-lost", Text: "No acknowledged row is lost.", TextJA: "データ損失なし", Source: "https://sqlite.org/atomiccommit.html",
			Verdict: holds(i != 1), Expected: run.ExpectHolds, Measured: fmt.Sprintf("%d lost", i%2)}
		if i == 2 {
			f.Verdict = check.Inconclusive
			f.Reason = "the crash came before any row was written"
		}
		arm.Findings = []run.Finding{f}
		r.Arms = append(r.Arms, arm)
	}
	return r
}

const evil = "\x1b]0;owned\x07\u202egnp.exe\r\n</title></style><script>alert(1)</script>&#x202e;|`*_x_*`[a](http://evil.example/)"

// sly means harm in few letters, where words are meant to be short.
const sly = "\u202e<script>|"

// hostileResult means harm wherever it can say something.
func hostileResult() run.Result {
	trial := run.TrialResult{Name: evil,
		Totals:  run.Totals{Error: evil, Integrity: evil, Codes: map[string]int{evil: 1}, Ops: run.OpCounts{Total: 1}},
		Figures: []run.Measured{{Name: evil, Unit: evil, Spread: measure.Spread{Count: 1, Min: 1, Median: 1, Max: 1}}},
		Steps:   []run.StepResult{{Session: sly, Node: sly, Do: sly, Name: evil, Outcome: evil, Code: evil, Say: evil}},
		Faults:  []run.FaultResult{{Kind: sly, Node: sly}, {Kind: "look", Integrity: evil}},
	}
	finding := run.Finding{Claim: evil, Text: evil, TextJA: evil, Source: "https://sqlite.org/\"onclick=alert(1)" + evil,
		Verdict: check.Refuted, Expected: run.ExpectHolds, Measured: evil, Reason: evil, Witness: sampleWitnesses()}
	finding.Witness[0].Anomaly, finding.Witness[1].Anomaly = evil, evil
	finding.Witness[1].Ops[0].Key, finding.Witness[1].Ops[0].Node = evil, evil
	return run.Result{
		Name: "claims", Question: evil, // its anchor is taken by the page itself
		Arms: []run.ArmResult{{Name: evil, Totals: trial.Totals, Trials: []run.TrialResult{trial}, Findings: []run.Finding{finding}}},
		Charts: []run.Chart{{Kind: run.ChartLines, Title: evil, Note: evil, X: run.Axis{Label: sly, Unit: sly},
			Y: run.Axis{Label: sly}, Series: []run.Series{{Name: evil, Points: []run.Point{{X: 1, Y: 1, Label: evil}, {X: 2, Y: 3}}}},
			Marks: []run.Mark{{From: 1, To: 2, Label: sly}}}},
	}
}
