package catalogue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// OldEngine is the build of the node with SQLite 3.51.2, the last release that
// has the WAL-reset bug: the module in exhibits/wal-reset.
const OldEngine = "old-engine"

// walReset shows the WAL-reset bug, and that the engine of this program does
// not have it (https://sqlite.org/wal.html#walresetbug).
//
// A checkpoint reads the wal-index header, which says that the WAL has N frames, and then how
// many of them are in the database already, nBackfill. Between the two, a commit on another
// connection may find all N there and restart the WAL: it sets nBackfill to 0 and writes its own
// frames from the beginning. The checkpoint then copies nothing that counts, and sets nBackfill to
// N. As soon as the new WAL has N frames, they pass for checkpointed and the next commit restarts
// the WAL over them, though none was ever copied; where it has grown beyond N first, the next
// checkpoint copies only what follows, which may leave half of a transaction in the file. Since
// 3.51.3 a checkpoint compares the header's salts once it holds the lock that bars a restart.
//
// Tens of nanoseconds lie between the two reads, so it takes many tries: a node that keeps
// checkpointing, PASSIVE, because the other modes bar writers before they read the header; few
// clients and small writes, so that most commits find the WAL checkpointed to its end and restart
// it; and synchronous=OFF, for an fsync takes as long as hundreds of tries. NORMAL loses writes
// too, more rarely. No machine crashes here, so synchronous decides about nothing else.
func walReset(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "wal-reset",
		Question: "While one node keeps checkpointing the WAL and nothing crashes, do acknowledged writes vanish, and does it take an old SQLite?",
		Claims:   walResetClaims,
		Arms:     walResetArms(o),
		Figures:  []experiment.Figure{firstVanished, toldCorrupt},
		Plots:    []experiment.Plot{vanishedPlot},
		Takes:    pick(o, 16*time.Second, 2*time.Second),
	}
}

// walResetArms differ in nothing but the engine. Chance decides when the race is
// lost: on 2 cores that were busy with much other work, mostly within half a
// second. So an arm is recorded three times.
func walResetArms(o Options) []experiment.Arm {
	d := quiet(store.Immediate, 5000, store.WAL)
	d.Synchronous, d.Pool = store.Off, 4
	setup := run.Setup{
		Nodes: nodes, Discipline: d,
		Load:     run.Load{Arrival: run.Closed, Clients: 2, Duration: pick(o, 2*time.Second, time.Second)},
		Workload: workload.Write{},
		Fault:    run.Checkpoint{Node: fmt.Sprintf("app-%d", nodes), Mode: store.CheckpointPassive, Sessions: 1, Times: 100},
	}
	// An arm that is asked for by hand is not made quick: it would show nothing.
	old := setup
	old.Build, old.Load.Duration = OldEngine, 2*time.Second
	arms := []experiment.Arm{
		single("this engine", outlook{holds: "fix-suffices", refuted: "writes-vanish"}, setup),
		single("3.51.2", outlook{holds: "writes-vanish", refuted: "integrity-tells"}, old),
	}
	arms[0].Repeats, arms[1].Repeats = pick(o, 3, 1), 3
	return arms
}

var walResetClaims = []experiment.Claim{
	claim("writes-vanish", sqlite("wal.html#walresetbug"),
		"Within seconds acknowledged writes vanish or the file is damaged, though no node crashes and none does anything that SQLite forbids.",
		writesVanish),
	claim("fix-suffices", sqlite("releaselog/3_51_3.html"),
		"From SQLite 3.51.3 on, and from 3.50.7 and 3.44.6 on their branches, the same load loses nothing and leaves the file intact.",
		fixSuffices),
	claim("integrity-tells", sqlite("pragma.html#pragma_integrity_check"),
		"Where acknowledged writes have vanished, PRAGMA integrity_check finds that something is wrong.",
		damageTold),
}

// A harm is what a recording shows of acknowledged writes that are gone and of
// a file that is damaged.
type harm struct {
	acknowledged int64
	lost         check.Range // of these; where the rows could not be read, anything
	stray        int64       // rows that must not be there
	malformed    int         // requests that were answered with SQLITE_CORRUPT
	integrity    string      // in the end; "" where nobody could ask
}

func harmOf(r *run.Recording) harm {
	rows := r.Rows()
	h := harm{acknowledged: rows.Acknowledged, lost: check.Range{Max: rows.Acknowledged}}
	for _, op := range r.ClientOps() {
		if op.Code == "SQLITE_CORRUPT" {
			h.malformed++
		}
	}
	if r.Facts == nil {
		return h
	}
	h.integrity = r.Facts.Integrity
	// A damaged file whose rows could not be read has no rows here, which is no
	// proof that they are gone.
	if h.integrity == "ok" || r.FoundRows() {
		h.lost, h.stray = rows.Lost, rows.Resurrected+rows.Duplicated+rows.Unexpected
	}
	return h
}

// verdict is on the claim that there is harm.
func (h harm) verdict() check.Verdict {
	switch {
	case h.stray > 0, h.malformed > 0, h.integrity != "" && h.integrity != "ok":
		return check.Holds
	case h.acknowledged == 0:
		return check.Inconclusive
	default:
		return h.lost.Above(0)
	}
}

// String says it in a few words: "lost 7 of 9120, integrity_check: ok".
func (h harm) String() string {
	integrity, _, _ := strings.Cut(strings.TrimPrefix(h.integrity, "*** in database main ***\n"), "\n")
	text := fmt.Sprintf("lost %s of %d, integrity_check: %s", h.lost, h.acknowledged, cmp.Or(integrity, "not asked"))
	if h.stray > 0 {
		text += fmt.Sprintf(", %d rows that must not be there", h.stray)
	}
	if h.malformed > 0 {
		text += fmt.Sprintf(", %d answered SQLITE_CORRUPT", h.malformed)
	}
	return text
}

// anyHarm holds where any recording shows harm, and is refuted where each shows that there is
// none: chance says in which recordings it happens.
func anyHarm(e *run.Evidence) experiment.Judgement {
	var j experiment.Judgement
	var said []string
	count := map[check.Verdict]int{}
	for r := range e.All {
		if !r.Told() {
			continue
		}
		h := harmOf(r)
		count[h.verdict()]++
		said = append(said, h.String())
		if len(j.Witness) == 0 && h.lost.Min > 0 {
			j.Witness = r.Rows().Witnesses
		}
	}
	switch {
	case count[check.Holds] > 0:
		j.Verdict = check.Holds
	case len(said) > 0 && count[check.Refuted] == len(said):
		j.Verdict = check.Refuted
	}
	j.Measured = fmt.Sprintf("harm in %d of %d", count[check.Holds], len(said))
	j.Reason = fmt.Sprintf("%d of %d recordings show harm: %s", count[check.Holds], len(said), strings.Join(said, "; "))
	return j
}

// writesVanish is [anyHarm] of an arm, unless that has another engine than it says.
func writesVanish(e *run.Evidence) experiment.Judgement {
	for r := range e.All {
		for _, engine := range r.Engines {
			if fixed, _ := store.WALResetFixed(engine.Version); fixed && r.Setup.Build == OldEngine {
				return wrongEngine(engine, "has the fix: --"+OldEngine+" has to name a program with 3.51.2")
			}
		}
	}
	return anyHarm(e)
}

// wrongEngine is a judgement that decides nothing: a node ran an engine which says.
func wrongEngine(e run.Engine, says string) experiment.Judgement {
	return judged(check.Inconclusive, e.Version, "a node ran %s, which %s", e, says)
}

// fixSuffices is the opposite, of engines that have the fix.
func fixSuffices(e *run.Evidence) experiment.Judgement {
	for r := range e.All {
		if r.Told() && len(r.Engines) == 0 {
			return undecided("no node said which SQLite it runs on")
		}
		for _, engine := range r.Engines {
			if fixed, _ := store.WALResetFixed(engine.Version); !fixed {
				return wrongEngine(engine, "is not known to have the fix")
			}
		}
	}
	return experiment.Not(anyHarm)(e)
}

// damageTold looks at the recordings in which writes have certainly vanished.
// One in which integrity_check says ok refutes the claim.
func damageTold(e *run.Evidence) experiment.Judgement {
	silent := 0
	var vanished []string // a recording each
	for r := range e.All {
		h := harmOf(r)
		if h.lost.Min == 0 || h.integrity == "" {
			continue
		}
		vanished = append(vanished, h.String())
		if h.integrity == "ok" {
			silent++
		}
	}
	if len(vanished) == 0 {
		return undecided("no recording is known to have lost a write, so integrity_check was not put to the test")
	}
	return judged(ruled(silent == 0), fmt.Sprintf("ok in %d of %d", silent, len(vanished)),
		"of %d recordings that lost writes, integrity_check said ok in %d: %s", len(vanished), silent, strings.Join(vanished, "; "))
}

// firstVanished is when the first of the writes that are gone had been acknowledged.
var firstVanished = experiment.Figure{Name: "until the first lost write", Unit: "s", Of: func(r *run.Recording) (seconds float64, ok bool) {
	if times := gone(r); len(times) > 0 {
		return times[0].Seconds(), true
	}
	return 0, false
}}

// toldCorrupt is how many requests learned that the file is malformed.
var toldCorrupt = experiment.Figure{Name: "answered SQLITE_CORRUPT", Of: func(r *run.Recording) (n float64, ok bool) {
	return float64(harmOf(r).malformed), r.Told()
}}

// gone returns when each of the writes that are certainly gone was acknowledged, in order.
func gone(r *run.Recording) []time.Duration {
	if harmOf(r).lost.Min == 0 {
		return nil
	}
	there := map[string]bool{}
	for i := range r.Ops {
		if r.Ops[i].Func == history.FinalRow {
			there[r.Ops[i].Key] = true
		}
	}
	var times []time.Duration
	for _, op := range r.ClientOps() {
		if op.Func == history.Write && op.Outcome == history.OK && !there[op.Key] {
			times = append(times, op.Returned)
		}
	}
	slices.Sort(times)
	return times
}

// vanishedPlot shows, for each recording, when the writes that are gone in the
// end had been acknowledged.
func vanishedPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartTime, Title: "Acknowledged writes that are gone in the end",
		Note: "A line for each recording, drawn up to its last answer. It rises where a write was acknowledged that is not there afterwards.",
		X:    run.Axis{Label: "time of the acknowledgement", Unit: "ms"}, Y: run.Axis{Label: "writes"},
	}
	for i := range arms {
		n := 0
		for r := range arms[i].All {
			n++
			if !r.Told() || r.Facts == nil {
				continue
			}
			name, times := fmt.Sprintf("%s, no. %d", arms[i].Arm, n), gone(r)
			c.Add(name, countAt(0, 0))
			for k, t := range times {
				c.Add(name, countAt(t, k+1))
			}
			c.Add(name, countAt(time.Duration(r.Seconds*float64(time.Second)), len(times)))
		}
	}
	return c
}
