package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/contend/internal/dbfile"
	"example.com/contend/internal/lockstate"
	"example.com/contend/internal/locktap"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/units"
)

// How often the kernel's trace is read, the list of locks, and what changes slowly.
const (
	traceEvery = 20 * time.Millisecond
	listEvery  = 100 * time.Millisecond
	tidyEvery  = time.Second
)

// Bounds of what is remembered. Beyond them, what is old or rare is dropped or counted together.
const (
	maxProcesses = 10_000
	maxInodes    = 1_000
	maxSampled   = 32 // holders that are looked at each time
)

// leastSlow is how long a hold or wait must last at least to be looked at and blamed, whatever is reported.
const leastSlow = 20 * time.Millisecond

// A Session watches one database. Its methods are for one goroutine.
type Session struct {
	o      Options
	tap    *locktap.Tap // nil: lists of locks are read
	start  Start
	device uint64
	main   uint64                    // inode of the database
	files  map[uint64]lockstate.File // its files, by inode; of the wal-index also those that were deleted
	index  os.FileInfo               // the wal-index that is there now; nil: none
	alien  map[uint64]bool           // inodes that are none of the database's
	peers  map[string]string         // of sockets, by inode: a long table is read once
	space  bool                      // the kernel's process numbers are those of this PID namespace

	tracker  *lockstate.Tracker
	emit     func(any)
	offset   int64 // of the calendar's clock to the events', in nanoseconds
	names    map[int]named
	usage    map[Process]*Usage
	samples  map[*lockstate.Hold]*sample
	findings *diagnosis
	lost     int64
	closed   []*lockstate.Hold // of the main file, released by a close: the process may have ended, or gone on without its locks

	steps  *lockstate.Steps
	tids   map[int]int     // processes of threads
	probed map[string]bool // by name of file: whether its statements can be seen
	inodes map[[2]uint64]bool
	mute   map[int]bool // processes whose statements cannot be seen
}

// A tag is what a thread was doing when it got a lock or was refused one.
type tag struct {
	tx  *lockstate.Transaction
	sql string
}

type named struct {
	Process
	start string // when it started
}

// A sample is what a slow holder was seen doing.
type sample struct {
	n    int
	did  map[Doing]int
	last Doing
	wal  Growth
	told bool // that it holds the lock was reported
}

// Open attaches to a database. Close detaches.
func Open(o Options) (s *Session, err error) {
	path, err := filepath.Abs(o.Database)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err == nil {
		err = looksLikeDatabase(path)
	}
	if err != nil {
		return nil, err
	}
	o.Database = path
	s = &Session{o: o, files: map[uint64]lockstate.File{}, alien: map[uint64]bool{}, peers: map[string]string{}, space: true, tracker: lockstate.NewTracker(), names: map[int]named{},
		usage: map[Process]*Usage{}, samples: map[*lockstate.Hold]*sample{}, findings: newDiagnosis(max(o.Slow, leastSlow)),
		steps: lockstate.NewSteps(), tids: map[int]int{}, probed: map[string]bool{}, inodes: map[[2]uint64]bool{}, mute: map[int]bool{}}
	s.start = Start{Type: "start", Schema: Schema, Database: path, SQL: o.SQL, Unseen: []string{}, Began: time.Now()}
	id, err := locktap.Identify(path)
	if err != nil {
		return nil, err
	}
	s.device, s.main = id.Device, id.Inode
	s.files[id.Inode] = lockstate.Main
	if !o.Poll {
		if err := s.trace(); err != nil {
			s.unseen("Refusals, waits and short holds: %v.", err)
			if s.tap != nil {
				_ = s.tap.Close() // what it made is removed by the next one
				s.tap = nil
			}
		}
	} else {
		s.unseen("Refusals, waits and short holds: the list of locks was asked for, and it shows none.")
	}
	s.start.Trace = s.tap != nil
	if s.tap == nil {
		s.start.SQL = SQLOff
	}
	if s.start.SQL != SQLOff {
		s.probeLibraries()
	}
	for pid := range proc.Users(path) { // to see their next statement
		s.process(pid)
	}
	if s.tap == nil && !proc.SeesAll() {
		s.unseen("Processes outside this container's PID namespace: run contend on the host.")
	}
	return s, nil
}

func (s *Session) unseen(format string, args ...any) {
	s.start.Unseen = append(s.start.Unseen, fmt.Sprintf(format, args...))
}

// looksLikeDatabase refuses what is no SQLite database. An empty file is one.
func looksLikeDatabase(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file, as a database is", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, len(dbfile.Magic))
	if n, err := io.ReadFull(f, head); n > 0 && (err != nil || string(head) != dbfile.Magic) {
		return fmt.Errorf("%s is no SQLite database: it does not begin with %q", path, dbfile.Magic[:len(dbfile.Magic)-1])
	}
	return nil
}

// trace begins to record, and proves with a lock of its own that what is recorded comes through.
func (s *Session) trace() (err error) {
	if s.tap, err = locktap.Open(); err != nil {
		return err
	}
	if err := s.tap.Watch(s.device, []uint64{s.main}); err != nil {
		return err
	}
	own, err := locktap.Identify(s.o.Database)
	if err != nil {
		return err
	}
	var events []locktap.Event
	if _, err := s.tap.Read(true, func(e locktap.Event) { events = append(events, e) }); err != nil {
		return err
	}
	at := slices.IndexFunc(events, func(e locktap.Event) bool { return e.First == own.Byte })
	if at < 0 {
		return errors.New("the kernel's trace did not show a lock that was taken as a test")
	}
	if s.space = events[at].PID == os.Getpid(); !s.space {
		s.unseen("The names of processes: this is not the machine's first PID namespace, and the kernel numbers processes by that one. Run contend on the host.")
	}
	for _, e := range events {
		s.apply(e)
	}
	return nil
}

// Close detaches from the database.
func (s *Session) Close() error {
	if s.tap == nil {
		return nil
	}
	return s.tap.Close()
}

// Start returns what is watched.
func (s *Session) Start() Start { return s.start }

// Run watches until ctx is done, and calls emit with each [Hold] and [Wait] that is worth a line.
func (s *Session) Run(ctx context.Context, emit func(any)) (Report, error) {
	s.emit, s.tracker.OnHold, s.tracker.OnWait, s.tracker.Tag = emit, s.holdEnded, s.waitEnded, s.tag
	s.clock()
	if err := s.step(false); err != nil { // what has happened since Open
		return Report{}, err
	}
	if err := s.list(s.tracker.Add); err != nil {
		return Report{}, err
	}
	every := listEvery
	if s.tap != nil {
		every = traceEvery
	}
	tick, tidy := time.NewTicker(every), time.NewTicker(tidyEvery)
	defer tick.Stop()
	defer tidy.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			if err := s.step(false); err != nil {
				return Report{}, err
			}
			s.sample()
		case <-tidy.C:
			s.clock()
			clear(s.alien)
			clear(s.peers)
			s.checkClosed()
			for pid, p := range s.names {
				if start := startOf(pid); start != "" && start != p.start {
					delete(s.names, pid) // the number is another process's now
					delete(s.mute, pid)
				}
			}
			if s.tap != nil && s.tracker.Listed() {
				if err := s.list(func(at int64, l []lockstate.Listed) { s.tracker.Prune(at, l, false) }); err != nil {
					return Report{}, err
				}
			}
		}
	}
	if err := s.step(true); err != nil {
		return Report{}, err
	}
	s.sample()
	return s.report(), nil
}

// clock compares the clock of events with the calendar's.
func (s *Session) clock() { s.offset = time.Now().UnixNano() - locktap.Now() }

func (s *Session) time(at int64) time.Time { return time.Unix(0, at+s.offset) }

// step takes in what has happened since the last step.
func (s *Session) step(all bool) error {
	s.findIndex()
	if s.tap == nil {
		return s.list(func(at int64, l []lockstate.Listed) {
			s.tracker.Prune(at, l, true)
			s.tracker.Add(at, l)
		})
	}
	lost, err := s.tap.Read(all, s.apply)
	s.tracker.Expire(locktap.Now() - int64(traceEvery))
	if lost > 0 && err == nil {
		// What was lost may have been the end of a hold, or its beginning.
		s.lost += lost
		for range 2 {
			if err := s.list(func(at int64, l []lockstate.Listed) { s.tracker.Prune(at, l, true) }); err != nil {
				return err
			}
		}
		err = s.list(s.tracker.Add)
	}
	return err
}

// apply takes an event of the kernel's trace.
func (s *Session) apply(e locktap.Event) {
	if e.Step != nil {
		e.Step.PID = s.processOf(e.Step.TID)
		s.steps.Apply(*e.Step)
		return
	}
	file, ours := s.files[e.Inode]
	uses := ours && file == lockstate.Main || s.tracker.Uses(e.PID)
	if !ours || !uses && e.Op != lockstate.Unlock {
		if s.alien[e.Inode] || e.First < lockstate.FirstIndexByte || e.Last > lockstate.LastIndexByte {
			return
		}
		// A connection in WAL mode has SHARED on the database before it locks the wal-index. Who has not lost it by
		// a close(), or is of another database, whose file got the number of a wal-index that was deleted.
		s.findIndex()
		known := s.files[e.Inode] == lockstate.Index
		has, err := hasIndex(e.PID, e.Inode, filepath.Base(s.o.Database)+"-shm")
		if !(known && (uses || has)) && !(uses && (has || err != nil)) {
			s.alien[e.Inode] = !known
			return
		}
		s.know(e.Inode)
		file = lockstate.Index
	}
	s.process(e.PID) // now: it may soon end
	if s.tids[e.TID] != e.PID {
		s.thread(e.TID, e.PID)
	}
	e.File = file
	s.tracker.Apply(e.Event)
}

// know remembers the inode of a wal-index.
func (s *Session) know(inode uint64) {
	if len(s.files) == maxInodes {
		clear(s.files)
		s.files[s.main] = lockstate.Main
	}
	s.files[inode] = lockstate.Index
}

// findIndex looks whether the wal-index is another one than before: SQLite deletes it when the last connection closes.
func (s *Session) findIndex() {
	path := s.o.Database + "-shm"
	info, err := os.Stat(path)
	if err != nil {
		s.index = nil
		return
	}
	if s.index != nil && os.SameFile(info, s.index) {
		return
	}
	id, err := locktap.Identify(path)
	if err != nil || id.Device != s.device {
		return // it was deleted just now, or may not be read: its locks tell who it belongs to
	}
	s.index = info
	s.know(id.Inode)
	if s.tap != nil {
		_ = s.tap.Watch(s.device, []uint64{s.main, id.Inode})
	}
}

// list reads the list of locks and passes on those of the database, with the time before it was read.
func (s *Session) list(to func(at int64, list []lockstate.Listed)) error {
	at := locktap.Now()
	all, err := locktap.Locks()
	if err != nil {
		return err
	}
	var list []lockstate.Listed
	for _, h := range all {
		if file, ours := s.files[h.Inode]; ours && h.Device == s.device && h.First < 1<<60 {
			h.File = file
			list = append(list, h.Listed)
			s.process(h.PID)
		}
	}
	to(at, list)
	return nil
}

// process returns who has that number.
func (s *Session) process(pid int) Process {
	if pid == 0 {
		return Process{}
	}
	p, known := s.names[pid]
	if known {
		return p.Process
	}
	if len(s.names) >= maxProcesses {
		clear(s.names)
	}
	p = named{Process{PID: pid, Command: "a program of another PID namespace"}, startOf(pid)}
	if s.space {
		p.Process = lookUp(pid, s.o.Container)
	}
	if s.tap != nil && p.Command == "" {
		p.Command = s.tap.Command(pid)
	}
	s.names[pid] = p
	if s.start.SQL != SQLOff && s.space && p.start != "" && pid != os.Getpid() {
		s.mute[pid] = !s.probe(pid)
	}
	return p.Process
}

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
