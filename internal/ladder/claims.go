package ladder

import (
	"fmt"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// lab cites a line of the lab that contend started from.
func lab(line int) string { return fmt.Sprintf("07_container_shared_filedb.md:%d", line) }

// claims are put to every rung that they are about.
var claims = []experiment.Claim{
	{ID: "many-busy", Text: "More than 30 of 100 simultaneous writes are refused.",
		TextJA: "大量のBUSYエラーが発生することを確認", Source: lab(122), Check: refuses},
	{ID: "lost-update", Text: "An acknowledged change is lost.",
		TextJA: "期待値: 102 実際値: 101 ❌", Source: lab(58), Check: loses(calm)},
	{ID: "wal-no-cure", Text: "WAL does not solve the problem: changes are lost, or requests refused.",
		TextJA: "WALモードでも根本解決にならない", Source: lab(702), Check: falls},
	{ID: "proper-dbms", Text: "With a proper DBMS (PostgreSQL and the like) no acknowledged change is lost.",
		TextJA: "適切なDBMS（PostgreSQL等）の必要性", Source: lab(703), Check: experiment.Not(loses(calm))},
	{ID: "outlives-kill", Text: "What was acknowledged outlives the kill -9 of a node or of the writer.",
		Source: "https://sqlite.org/transactional.html, https://www.postgresql.org/docs/current/wal-intro.html",
		Check:  experiment.Not(loses(func(r *run.Recording) bool { return !calm(r) }))},
}

// expectations says what is expected of the rung; crowd: several clients
// increment one counter, struck: somebody is killed.
func (r *rung) expectations(crowd, struck bool) map[string]run.Expectation {
	if !r.naive && !r.careful { // whether it loses hangs on chance, for most is refused
		if crowd {
			return map[string]run.Expectation{"many-busy": run.ExpectHolds}
		}
		return map[string]run.Expectation{"lost-update": run.Either}
	}
	loses, keeps := run.ExpectRefuted, run.ExpectHolds
	if r.naive {
		loses, keeps = keeps, loses
	}
	expect := map[string]run.Expectation{"lost-update": loses}
	if r.server == "" && r.discipline.Journal == "WAL" && r.drivers == nil {
		expect["wal-no-cure"] = run.Either
		if r.naive {
			expect["wal-no-cure"] = run.ExpectHolds
		}
	}
	if r.server != "" {
		expect["proper-dbms"] = keeps
	}
	if struck {
		expect["outlives-kill"] = run.ExpectHolds
	}
	return expect
}

// A tally is what several recordings come to together.
type tally struct {
	acknowledged, refused int
	lost                  check.Range
	worst                 string // the trial that lost most
	witnesses             []check.Witness
	recordings            int
	unread                int // whose database could not be read
}

// tallyOf adds up the recordings of an arm that count.
func tallyOf(e *run.Evidence, counts func(*run.Recording) bool) tally {
	var t tally
	most := int64(0)
	for i := range e.Trials {
		for _, r := range e.Trials[i].Recordings {
			if !counts(r) || !r.Told() {
				continue
			}
			lost, known := r.Deficit()
			n := r.Counts()
			t.recordings++
			t.acknowledged, t.refused = t.acknowledged+n.OK, t.refused+n.Refused()
			t.lost.Min, t.lost.Max = t.lost.Min+lost.Min, t.lost.Max+lost.Max
			if !known {
				t.unread++
			}
			if lost.Min > most {
				most, t.worst, t.witnesses = lost.Min, e.Trials[i].Name, r.LostWitnesses()
			}
		}
	}
	return t
}

// calm reports whether nobody is killed in a recording.
func calm(r *run.Recording) bool { return r.Setup.Fault == nil }

// lostOne judges whether an acknowledged change is lost.
func (t tally) lostOne() experiment.Judgement {
	j := experiment.Judgement{Measured: fmt.Sprintf("%s of %d lost", t.lost, t.acknowledged), Witness: t.witnesses}
	switch {
	case t.recordings == 0:
		return experiment.Judgement{Reason: "nothing was recorded"}
	case t.lost.Min > 0:
		j.Verdict, j.Reason = check.Holds, fmt.Sprintf("of %d acknowledged changes %s are not in the database; most in %s", t.acknowledged, t.lost, t.worst)
	case t.unread > 0:
		j.Reason = fmt.Sprintf("%d of %d databases could not be read", t.unread, t.recordings)
	case t.lost.Max > 0:
		j.Reason = fmt.Sprintf("requests whose end is unknown leave room for %s lost", t.lost)
	default:
		j.Verdict, j.Reason = check.Refuted, fmt.Sprintf("all %d acknowledged changes are in the database", t.acknowledged)
	}
	return j
}

// loses returns the check of whether a change is lost in the recordings that count.
func loses(counts func(*run.Recording) bool) func(*run.Evidence) experiment.Judgement {
	return func(e *run.Evidence) experiment.Judgement { return tallyOf(e, counts).lostOne() }
}

// severalClients are enough for one to be refused for another nearly always.
const severalClients = 10

// crowd reports whether several clients increment one counter in a closed loop.
func crowd(s *run.Setup) bool {
	return s.Load.Arrival == run.Closed && s.Load.Clients >= severalClients && s.Workload == jobs[0].asks
}

// refuses judges whether more than 30 of 100 increments of a crowd were refused.
func refuses(e *run.Evidence) experiment.Judgement {
	t := tallyOf(e, func(r *run.Recording) bool { return crowd(&r.Setup) })
	all := t.acknowledged + t.refused
	if all == 0 {
		return experiment.Judgement{Reason: "nothing was recorded of several clients at once"}
	}
	share := 100 * float64(t.refused) / float64(all)
	return experiment.Judgement{
		Verdict:  check.Exactly(int64(share)).Above(30),
		Measured: fmt.Sprintf("%.1f %% refused", share),
		Reason:   fmt.Sprintf("%d of %d requests were refused", t.refused, all),
	}
}

// falls judges whether a change is lost or a request refused.
func falls(e *run.Evidence) experiment.Judgement {
	t := tallyOf(e, calm)
	j := t.lostOne()
	if j.Verdict == check.Refuted && t.refused > 0 {
		j.Verdict, j.Measured = check.Holds, fmt.Sprintf("%d refused", t.refused)
		j.Reason = fmt.Sprintf("%d requests were refused", t.refused)
	}
	return j
}
