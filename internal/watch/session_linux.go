package watch

import (
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
