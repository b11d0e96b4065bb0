package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// crash is the source's fifth test: containers die in the midst of writing. There chance says when
// each dies once; here all die together, again and again, and chance says when.
func crash(o Options) experiment.Experiment {
	var arms []experiment.Arm // the two journals, each as careful and as careless as it can be; of a quick run the most at risk
	for _, synchronous := range pick(o, []store.Synchronous{store.Off, store.Normal, store.Full}, []store.Synchronous{store.Off}) {
		for _, j := range []store.Journal{store.Delete, store.WAL} {
			d := quiet(store.Separate, 1000, j)
			d.Synchronous, d.Pool = synchronous, 8
			expected := outlook{holds: "ok-before data-safe all-or-nothing", refuted: "damaged-after writes-lost"}
			arms = append(arms, single(fmt.Sprintf("%s/%s", j, synchronous), expected, run.Setup{
				Nodes: nodes, Discipline: d, Workload: workload.Write{}, Fault: run.Crash{Within: 400 * time.Millisecond},
				// An open load: while no node lives, clients do not ask more often.
				Load: run.Load{Arrival: run.Open, Clients: 32, Rate: 150, Duration: pick(o, 2*time.Second, 1200*time.Millisecond), Timeout: 5 * time.Second},
			}))
		}
	}
	return experiment.Experiment{
		Name:     "crash",
		Question: "When every node is killed with SIGKILL in the midst of writing, again and again (no power loss: the page cache survives), is the file damaged, and is an acknowledged write lost?",
		Claims:   crashClaims,
		Arms:     arms,
		Figures:  []experiment.Figure{crashes, hotJournals, unacknowledged, downtime},
		Plots: []experiment.Plot{
			survivalPlot(arms[0].Name),
			figureBars("What crashes left behind", run.Axis{Label: "in one recording"}, func(*run.Evidence) bool { return true }, crashes, hotJournals, unacknowledged, lostWrites),
		},
		Abreast: 2, // a killed node works for nobody until it is back
		Takes:   pick(o, 8*time.Second, 2*time.Second),
	}
}

// crashClaims are the source's and SQLite's. All of them are about programs that
// are killed. Killing says nothing about a power cut: the operating system goes on and
// has every byte that the program handed to it.
var crashClaims = []experiment.Claim{
	claim("ok-before", source(242, "整合性チェック"),
		"Before anything is asked of the nodes, integrity_check says ok.",
		experiment.Each(func(r *run.Recording) experiment.Judgement {
			before, _ := looks(r)
			if before == nil {
				return undecided("nobody looked at the database before the load began")
			}
			return judged(ruled(before.Integrity == "ok"), before.Integrity, "before the load began, integrity_check said %q", before.Integrity)
		})),
	claim("damaged-after", source(250, "破損の可能性を確認"),
		"Once nodes have been killed in the midst of writing, integrity_check finds damage.",
		experiment.Each(func(r *run.Recording) experiment.Judgement {
			found, checks := damage(r)
			if checks == 0 {
				return neverCrashed
			}
			measured := fmt.Sprintf("damaged in %d of %d checks", len(found), checks)
			if len(found) > 0 {
				return judged(check.Holds, measured, "integrity_check found damage in %d of %d checks: %s", len(found), checks, found[0])
			}
			return judged(check.Refuted, measured, "integrity_check was asked %d times, after every crash and in the end, and always said ok", checks)
		})),
	claim("writes-lost", source(641, "データの不整合"),
		"The data become inconsistent: writes that were acknowledged are missing after a crash.",
		experiment.Each(func(r *run.Recording) experiment.Judgement {
			s := r.Durability()
			lost := check.Range{Min: max(s.Lost.Min, s.Missing), Max: max(s.Lost.Max, s.Missing)}
			j := experiment.Judgement{Measured: fmt.Sprintf("%s of %d lost", lost, s.Acknowledged), Reason: s.Reason, Witness: s.Witnesses}
			if len(s.Crashes) > 0 && s.Acknowledged > 0 {
				j.Verdict = lost.Above(0)
			}
			return j
		})),
	claim("data-safe", sqlite("pragma.html#pragma_synchronous"),
		"If the application crashes, the data are safe, even where synchronous is OFF: no acknowledged write is lost and nothing is damaged.",
		experiment.Each(dataSafe)),
	claim("all-or-nothing", sqlite("atomiccommit.html"),
		"Commit is atomic: of a transaction that a crash cut off, and of a write that was refused, nothing is there afterwards.",
		experiment.Each(allOrNothing)),
}

// crashes is how often all nodes were killed at once.
var crashes = experiment.Figure{Name: "crashes of all nodes", Of: func(r *run.Recording) (n float64, ok bool) {
	_, after := looks(r)
	return float64(len(after)), r.Told()
}}

// hotJournals is how many of them left a rollback journal that had to be rolled back.
var hotJournals = experiment.Figure{Name: "hot journals", Of: func(r *run.Recording) (n float64, ok bool) {
	_, after := looks(r)
	for _, look := range after {
		if look.Hot {
			n++
		}
	}
	return n, r.Told()
}}

// unacknowledged is how many rows were committed though no client got an answer.
var unacknowledged = experiment.Figure{Name: "committed, not acknowledged", Of: func(r *run.Recording) (n float64, ok bool) {
	return float64(r.Durability().Recovered), r.Facts != nil
}}

// lostWrites is how many acknowledged writes are certainly gone.
var lostWrites = experiment.Figure{Name: "lost", Of: func(r *run.Recording) (n float64, ok bool) {
	return float64(r.Durability().Lost.Min), r.Facts != nil
}}

// downtime is the longest that a node took from being killed to serving again.
var downtime = experiment.Figure{Name: "longest from killed to serving", Unit: "s", Of: func(r *run.Recording) (seconds float64, ok bool) {
	for _, c := range r.Durability().Crashes {
		seconds, ok = max(seconds, (c.Serving-c.Killed).Seconds()), true
	}
	return seconds, ok
}}

// looks returns the look at the database before the load began, and those after each crash.
func looks(r *run.Recording) (before *run.FaultEvent, after []run.FaultEvent) {
	for i, event := range r.Faults {
		switch {
		case event.Kind != run.KindLook:
		case before == nil:
			before = &r.Faults[i]
		default:
			after = append(after, event)
		}
	}
	return before, after
}

// damage returns the results of integrity_check after crashes and in the end
// that were not ok, and how many checks there were.
func damage(r *run.Recording) (found []string, checks int) {
	_, after := looks(r)
	if r.Facts != nil && len(after) > 0 {
		after = append(after, run.FaultEvent{Integrity: r.Facts.Integrity})
	}
	for _, look := range after {
		if look.Integrity != "ok" {
			found = append(found, look.Integrity)
		}
	}
	return found, len(after)
}

var neverCrashed = undecided("nobody looked at the database after a crash")

func dataSafe(r *run.Recording) experiment.Judgement {
	s := r.Durability()
	found, checks := damage(r)
	if checks == 0 {
		return neverCrashed
	}
	return experiment.Judgement{
		Verdict:  check.Merge(s.Verdict, ruled(len(found) == 0)),
		Measured: fmt.Sprintf("%s of %d lost, damaged in %d of %d checks", s.Lost, s.Acknowledged, len(found), checks),
		Reason:   s.Reason, Witness: s.Witnesses,
	}
}

// allOrNothing looks for rows that cannot be there. Every other crash meets a
// transaction that has written to the disk and never commits; a recording in
// which none left anything to recover has not tested the claim.
func allOrNothing(r *run.Recording) experiment.Judgement {
	s := r.Durability()
	_, after := looks(r)
	cut := 0
	for _, look := range after {
		if look.Journal > 0 {
			cut++
		}
	}
	stray := s.Resurrected + s.Unexpected + s.Duplicated
	j := judged(check.Inconclusive, fmt.Sprintf("%d rows that must not be there", stray),
		"%d of %d crashes left a journal to recover from; %d rows of what was cut off or refused were found", cut, len(after), stray)
	switch {
	case stray > 0:
		j.Verdict, j.Witness = check.Refuted, s.Witnesses
	case cut == 0 || !s.Found.Valid:
		j.Reason += ", which puts nothing to the test"
	default:
		j.Verdict = check.Holds
	}
	return j
}

// survivalPlot shows how the acknowledged writes of an arm's first recording
// grow, how many rows were found after each crash, and when no node served.
func survivalPlot(arm string) experiment.Plot {
	return func(arms []run.Evidence) run.Chart {
		c := run.Chart{
			Kind: run.ChartTime, Title: "Acknowledged writes, and the rows found after each crash: " + arm,
			Note: "Rows that nobody was told of may be there, but none may be missing. Killing a program is not cutting the power: what it had handed to the operating system survives.",
			X:    run.Axis{Label: "time", Unit: "ms"}, Y: run.Axis{Label: "writes"},
		}
		for i := range arms {
			r := arms[i].First()
			if r == nil || arms[i].Arm != arm {
				continue
			}
			var times []time.Duration // of the acknowledgements, of which about 100 are drawn
			for _, op := range r.ClientOps() {
				if op.Func == history.Write && op.Outcome == history.OK {
					times = append(times, op.Returned)
				}
			}
			slices.Sort(times)
			step := max(len(times)/100, 1)
			for i, t := range times {
				if i%step == 0 || i == len(times)-1 {
					c.Add("acknowledged", countAt(t, i+1))
				}
			}
			_, after := looks(r)
			for _, look := range after {
				c.Add("found after a crash", countAt(look.From.Sub(r.Started), int(look.Rows)))
			}
			c.Marks = deaths(r)
		}
		return c
	}
}

// countAt is the point of a count at a time, in ms.
func countAt(t time.Duration, n int) run.Point { return exact(1000*t.Seconds(), float64(n), n) }

// deaths are the stretches from the first kill of a crash until the last of the
// killed nodes served again. The kills of a crash stand behind its look.
func deaths(r *run.Recording) (marks []run.Mark) {
	begun := false
	for _, event := range r.Faults {
		from, to := 1000*event.From.Sub(r.Started).Seconds(), 1000*event.To.Sub(r.Started).Seconds()
		switch {
		case event.Kind == run.KindLook:
			begun = true
		case event.Kind != run.KindCrash:
		case begun:
			marks = append(marks, run.Mark{From: from, To: to, Label: "killed"})
			begun = false
		default:
			last := &marks[len(marks)-1]
			last.From, last.To = min(last.From, from), max(last.To, to)
		}
	}
	return marks
}
