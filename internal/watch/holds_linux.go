package watch

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"example.com/contend/internal/lockstate"
	"example.com/contend/internal/locktap"
	"example.com/contend/internal/units"
)

// worth reports whether a hold tells anything: a connection in WAL mode always has some, and a reader tests PENDING.
func worth(h *lockstate.Hold) bool {
	return !h.Idle && h.Kind.Lock != lockstate.DMS && (h.Kind.Exclusive || h.Kind.Lock != lockstate.Pending)
}

// sample looks at what slow holders are doing.
func (s *Session) sample() {
	now, n := locktap.Now(), 0
	seen := map[int]Doing{}
	var size int64 = -1
	for _, h := range s.tracker.Held() { // the oldest first
		if now-h.From < int64(s.findings.slow) || n == maxSampled {
			break
		}
		if !worth(h) || h.PID == 0 || !s.space {
			continue
		}
		n++
		if size < 0 {
			size = 0
			if info, err := os.Stat(s.o.Database + "-wal"); err == nil {
				size = info.Size()
			}
		}
		does, known := seen[h.PID]
		if !known {
			does = look(h.PID, h.TID, s.peers)
			if w := s.tracker.Waiting(h.PID); w != nil && does.Kind == Asleep && now-w.Last < int64(lockstate.GiveUp) {
				does = Doing{OnLock, "waiting for " + w.Kind.String() + " itself"}
			}
			seen[h.PID] = does
		}
		m := s.samples[h]
		if m == nil {
			m = &sample{did: map[Doing]int{}, wal: Growth{From: size}}
			s.samples[h] = m
		}
		m.n++
		m.did[does]++
		m.last, m.wal.To = does, max(m.wal.To, size)
		if !m.told && !h.Wrote && now-h.From >= longRead*int64(s.findings.slow) {
			m.told = true
			s.emit(s.hold(h, now))
		}
	}
}

// hold returns the hold for a reader; now is the time if it has not ended.
func (s *Session) hold(h *lockstate.Hold, now int64) *Hold {
	out := &Hold{Type: "hold", Process: s.process(h.PID), Lock: h.Kind, Began: s.time(h.From), AtLeast: !h.Seen, Ended: h.To != 0, Doing: []Share{}}
	out.MS = float64(cmp.Or(h.To, now)-h.From) / 1e6
	if h.Tag == nil && h.To != 0 {
		h.Tag = s.tag(h.TID) // its first statements were not seen, as where SQLite's file was not known yet
	}
	if tag, is := h.Tag.(tag); is {
		out.SQL = &SQL{First: s.text(tag.tx.First), Last: s.text(tag.tx.Last), Steps: tag.tx.Steps, PauseMS: float64(tag.tx.Pause) / 1e6, After: s.text(tag.tx.After)}
	}
	m := s.samples[h]
	if m == nil {
		return out
	}
	most := 0
	for did, n := range m.did {
		out.Doing = append(out.Doing, Share{did.What, float64(n) / float64(m.n)})
		if n > most {
			most, out.kind = n, did
		}
	}
	slices.SortFunc(out.Doing, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.What, b.What)) })
	if m.last.Kind == Stopped && !out.Ended {
		out.kind = m.last
	} else if m.n < leastSamples || 2*most < m.n {
		out.kind = Doing{}
	}
	if h.Kind.Reads() && h.Kind.Lock != lockstate.Shared {
		wal := m.wal
		out.WAL = &wal
	}
	return out
}

// leastSamples is how often a holder must have been looked at before it is blamed for what it did.
const leastSamples = 3

func (s *Session) holdEnded(h *lockstate.Hold) {
	ms := float64(h.To-h.From) / 1e6
	if h.Kind.Lock == lockstate.Write || h.Kind.Lock == lockstate.Reserved {
		u := s.used(h.PID)
		u.Writes++
		u.WriteMS += ms
		u.LongMS = max(u.LongMS, ms)
	}
	if h.To-h.From >= int64(s.o.Slow) && worth(h) {
		out := s.hold(h, 0)
		if h.To-h.From >= int64(s.findings.slow) {
			s.findings.hold(out)
		}
		if !h.Wrote { // the write lock tells it
			s.emit(out)
		}
	}
	if n := len(s.closed); h.Closed && h.Kind.OnMain() && s.space && n < maxProcesses {
		// One close drops all locks: it counts once, for the strongest, which comes first.
		if n == 0 || s.closed[n-1].Owner != h.Owner || s.closed[n-1].To != h.To {
			s.closed = append(s.closed, h)
		}
	}
	delete(s.samples, h)
	if tag, is := h.Tag.(tag); is {
		tag.tx.Released()
	}
}

func (s *Session) waitEnded(w *lockstate.Wait) {
	out := &Wait{Type: "wait", Process: s.process(w.PID), Lock: w.Kind, Began: s.time(w.First), MS: float64(w.End-w.First) / 1e6, Refusals: w.Refusals,
		Outcome: GaveUp, Behind: []Blame{}, Passed: w.Passed, Upgrade: w.Upgrade, Checkpoint: w.Checkpoint}
	for pid, n := range w.By {
		out.Behind = append(out.Behind, Blame{s.process(pid), n})
	}
	slices.SortFunc(out.Behind, func(a, b Blame) int {
		return cmp.Or(cmp.Compare(b.Refusals, a.Refusals), cmp.Compare(a.Process.PID, b.Process.PID))
	})
	if tag, is := w.Tag.(tag); is {
		out.Statement = s.text(tag.sql)
	}
	if w.Since > 0 {
		out.HeldMS = float64(w.Last-w.Since) / 1e6
	}
	u := s.used(w.PID)
	u.Refusals += w.Refusals
	switch {
	case w.Granted:
		out.Outcome = Granted
		u.Waits++
		u.WaitMS += out.MS
		u.MostMS = max(u.MostMS, out.MS)
	case w.Open:
		out.Outcome = Waiting
	default:
		u.GaveUp++
	}
	s.findings.wait(out)
	if w.End-w.First >= int64(s.o.Slow) || !w.Granted && !w.Checkpoint {
		s.emit(out)
	}
}

// checkClosed looks which processes have lost locks by closing the file. Who has ended has lost them by that. A process takes a moment to
// end after it has given back its locks.
func (s *Session) checkClosed() {
	const moment = 200 * time.Millisecond
	var later []*lockstate.Hold
	for _, h := range s.closed {
		switch start := startOf(h.PID); {
		case locktap.Now()-h.To < int64(moment):
			later = append(later, h)
		case start != "" && start == s.names[h.PID].start:
			out := s.hold(h, 0)
			out.Dropped = true
			s.findings.hold(out)
		}
	}
	s.closed = later
}

// used returns the usage of a process; beyond maxProcesses, of all others together.
func (s *Session) used(pid int) *Usage {
	p := s.process(pid)
	if s.usage[p] == nil && len(s.usage) >= maxProcesses {
		p = Process{Command: "(others)"}
	}
	if s.usage[p] == nil {
		s.usage[p] = &Usage{Process: p}
	}
	return s.usage[p]
}

// report sums up.
func (s *Session) report() Report {
	now := locktap.Now()
	s.tracker.Finish(now)
	s.checkClosed()
	var mute []string
	r := Report{Type: "report", Schema: Schema, Database: s.o.Database, Trace: s.start.Trace, SQL: s.start.SQL, Unseen: slices.Clone(s.start.Unseen), Began: s.start.Began, Seconds: time.Since(s.start.Began).Seconds(),
		Events: s.tracker.Events, Refused: s.tracker.Refused, Lost: s.lost, Usage: []Usage{}, Held: []Hold{}}
	for _, h := range s.tracker.Held() {
		if !worth(h) {
			continue
		}
		out := s.hold(h, now)
		if now-h.From >= int64(s.findings.slow) {
			s.findings.hold(out)
		}
		r.Held = append(r.Held, *out)
	}
	for _, u := range s.usage {
		r.Usage = append(r.Usage, *u)
		if s.mute[u.Process.PID] && len(mute) < 5 {
			mute = append(mute, u.Process.String())
		}
	}
	if slices.Sort(mute); len(mute) > 0 {
		r.Unseen = append(r.Unseen, fmt.Sprintf("Statements of %s: no program or library of theirs named sqlite has the function sqlite3_step (in Go, modernc and ncruces have none; others were stripped).",
			units.List(mute, "and")))
	}
	slices.SortFunc(r.Usage, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(b.WriteMS+b.WaitMS, a.WriteMS+a.WaitMS), cmp.Compare(b.Refusals, a.Refusals), cmp.Compare(a.Process.PID, b.Process.PID))
	})
	r.Findings = s.findings.findings()
	return r
}
