package lockstate

import (
	"cmp"
	"slices"
	"time"
)

// A Time is in nanoseconds of the clock that the events have; only differences mean anything here.
type Time = int64

// An Event is one attempt at a lock, as the kernel decided it.
type Event struct {
	At          Time
	File        File
	Inode       uint64 // of the file: a wal-index that was deleted and made again is another one
	Owner       uint64 // whom the kernel takes for the owner: a process, or an open file with OFD locks
	PID, TID    int    // who called
	First, Last int64  // bytes; of a grant it is the range merged with the owner's others
	Op          Op
	Refused     bool // or, of an owner that sleeps in the kernel, not granted yet
	OFD         bool // the lock belongs to an open file, not to a process
	Closed      bool // the kernel released it at a close() of the file, or at the end of the process
}

// An Op is what an attempt asks for. The values are those of F_RDLCK, F_WRLCK and F_UNLCK in Linux's
// struct file_lock.
type Op uint8

// The operations.
const (
	LockShared Op = iota
	LockExclusive
	Unlock
)

// A Hold is a lock that an owner has or had.
type Hold struct {
	Kind     Kind
	Owner    uint64
	PID, TID int  // who took it
	From, To Time // To is 0 while it is held
	Seen     bool // its grant was seen; otherwise it is older than From
	Wrote    bool // a read lock of a process that had the write lock, too, meanwhile
	Idle     bool // SHARED of a connection in WAL mode: it holds it as long as it has the database open
	Closed   bool // released because the process closed a descriptor of the file, or ended; of an OFD lock never
	Tag      any  // what Tracker.Tag returned when it began

	inode  uint64
	missed bool // the last list of locks did not have it
}

// A Wait is a row of refused attempts of one owner at one lock.
type Wait struct {
	Kind        Kind // what it was after
	Owner       uint64
	PID, TID    int
	First, Last Time // refusals
	End         Time // the grant, or the last refusal where it gave up
	Refusals    int
	Granted     bool
	Open        bool        // the watch ended before the wait did
	By          map[int]int // refusals by the process that held the lock; 0: one that was not seen
	Since       Time        // the grant of the oldest lock that refused it at the last refusal; 0 where it was not seen
	Passed      int         // grants of this lock to others that had waited for less time, or not at all
	Upgrade     bool        // a transaction that has read wanted to write: see [UpgradeAge]
	Checkpoint  bool        // a checkpoint at a read mark that a reader uses
	Tag         any         // what Tracker.Tag returned when it began

	read *Hold // of the same process, when it was refused
}

// GiveUp is how long after its last refusal a wait is taken to be over. SQLite's busy handler sleeps at most 100 ms
// between two attempts (sqliteDefaultBusyCallback in src/main.c), and a busy machine adds to it.
const GiveUp = time.Second

// UpgradeAge is how long a process must have held its read lock before it was refused, or have kept it after, to be taken for a
// deferred transaction that wants to write after it has read. BEGIN IMMEDIATE takes its read lock
// only to try for the write lock, and gives it back at once when refused.
const UpgradeAge = time.Millisecond

// A Tracker follows the locks of one database. Events are to come in the order of their times. Holds and waits that
// have ended go to OnHold and OnWait, and Tag is called with the thread that begins one. All three may be nil.
type Tracker struct {
	OnHold func(*Hold)
	OnWait func(*Wait)
	Tag    func(tid int) any

	Events  int64 // attempts
	Refused int64 // of them, refused

	held     map[place]map[uint64]*Hold // by owner
	last     map[place]*Hold            // the last exclusive hold that ended
	waits    map[waiter]*Wait
	attached map[int]int // by process: its DMS locks
	listed   map[int]int // by process: holds that are known from a list of locks, whose owner is not known
}

type place struct {
	inode uint64
	lock  Lock
}

type waiter struct {
	owner uint64
	kind  Kind
}

// NewTracker returns a Tracker of a database nobody has locked.
func NewTracker() *Tracker {
	return &Tracker{held: map[place]map[uint64]*Hold{}, last: map[place]*Hold{}, waits: map[waiter]*Wait{},
		attached: map[int]int{}, listed: map[int]int{}}
}

// Apply takes the next event.
func (t *Tracker) Apply(e Event) {
	locks := covered(e.File, e.First, e.Last)
	if len(locks) == 0 {
		return
	}
	t.Events++
	if !e.OFD && t.listed[e.PID] > 0 {
		t.adopt(e.PID, e.Owner)
	}
	switch {
	case e.Refused:
		t.Refused++
		t.refuse(&e, locks)
	case e.Op == Unlock:
		for _, lock := range locks {
			t.release(place{e.Inode, lock}, e.Owner, e.At, e.Closed && !e.OFD)
		}
		if e.Closed {
			t.endWaits(e.At, func(w *Wait) bool { return w.Owner == e.Owner })
		}
	default:
		for _, lock := range locks {
			t.grant(&e, Kind{lock, e.Op == LockExclusive})
		}
	}
}

// grant gives a lock to the event's owner. Who holds what excludes it has released it before, and its event
// comes late: processors write down their events each for itself.
func (t *Tracker) grant(e *Event, kind Kind) {
	at := place{e.Inode, kind.Lock}
	if had := t.held[at][e.Owner]; had != nil {
		if had.Kind == kind { // the kernel merged it with what the owner had
			if !had.Seen { // the list was read just after it, or while it happened: SQLite asks for no lock that it has
				had.From, had.TID, had.Seen, had.Tag = e.At, e.TID, true, t.tag(e.TID)
			}
			return
		}
		t.release(at, e.Owner, e.At, false)
	}
	for owner, other := range t.held[at] {
		if !kind.compatible(other.Kind) {
			t.release(at, owner, e.At, false)
		}
	}
	t.hold(at, &Hold{Kind: kind, Owner: e.Owner, PID: e.PID, TID: e.TID, From: e.At, Seen: true, Tag: t.tag(e.TID), inode: e.Inode})

	mine := t.waits[waiter{e.Owner, kind}]
	for _, other := range t.waits {
		if kind.Exclusive && other.Kind == kind && other != mine && (mine == nil || mine.First > other.First) {
			other.Passed++
		}
	}
	switch {
	case mine == nil:
	case e.At-mine.Last > int64(GiveUp):
		t.giveUp(mine)
	default:
		mine.End, mine.Granted = e.At, true
		t.endWait(mine)
	}
}

func (t *Tracker) tag(tid int) any {
	if t.Tag == nil {
		return nil
	}
	return t.Tag(tid)
}

// hold begins a hold.
func (t *Tracker) hold(at place, h *Hold) {
	if t.held[at] == nil {
		t.held[at] = map[uint64]*Hold{}
	}
	t.held[at][h.Owner] = h
	switch h.Kind.Lock {
	case DMS:
		t.attached[h.PID]++
		for of, holds := range t.held {
			for _, other := range holds {
				if of.lock == Shared && other.PID == h.PID && !other.Kind.Exclusive {
					other.Idle = true
				}
			}
		}
	case Shared:
		h.Idle = !h.Kind.Exclusive && t.attached[h.PID] > 0
	case Reserved, Write:
		for _, lock := range []Lock{Shared, Read0, Read1, Read2, Read3, Read4} {
			if read := t.held[place{h.inode, lock}][h.Owner]; read != nil {
				read.Wrote = true
			}
		}
	}
}

// newer reports whether the hold is known from a list that was read after at: an event of that time tells of what came before it.
func (h *Hold) newer(at Time) bool { return !h.Seen && at < h.From }

func (t *Tracker) release(at place, owner uint64, when Time, closed bool) {
	h := t.held[at][owner]
	if h == nil || h.newer(when) {
		return
	}
	delete(t.held[at], owner)
	if len(t.held[at]) == 0 {
		delete(t.held, at)
	}
	if at.lock == DMS {
		if t.attached[h.PID]--; t.attached[h.PID] == 0 {
			delete(t.attached, h.PID)
		}
	}
	if owner == listedOwner(h.PID) {
		if t.listed[h.PID]--; t.listed[h.PID] == 0 {
			delete(t.listed, h.PID)
		}
	}
	h.To, h.Closed = max(when, h.From), closed
	if h.Kind.Exclusive {
		t.last[at] = h
	}
	if t.OnHold != nil {
		t.OnHold(h)
	}
}

// justNow is how long after its release a hold still explains a refusal that was written down after it.
const justNow = time.Millisecond

// refuse counts a refused attempt as a part of a wait, if it is one.
func (t *Tracker) refuse(e *Event, locks []Lock) {
	lock, by := locks[0], []*Hold(nil)
	for _, l := range locks {
		kind, at := Kind{l, e.Op == LockExclusive}, place{e.Inode, l}
		for owner, h := range t.held[at] {
			if owner != e.Owner && !kind.compatible(h.Kind) {
				by = append(by, h)
			}
		}
		if h := t.last[at]; len(by) == 0 && h != nil && h.Owner != e.Owner && e.At-h.To < int64(justNow) {
			by = append(by, h)
		}
		if len(by) > 0 {
			lock = l
			break
		}
	}
	kind := Kind{lock, e.Op == LockExclusive}.wanted()
	checkpoint := kind.readMark() && kind.Exclusive && t.holds(e.PID, func(k Kind) bool { return k.Lock == Checkpoint }) != nil
	if !t.waitsFor(kind, e.PID) && !checkpoint {
		return
	}
	key := waiter{e.Owner, kind}
	w := t.waits[key]
	if w != nil && e.At-w.Last > int64(GiveUp) {
		t.giveUp(w)
		w = nil
	}
	if w == nil {
		w = &Wait{Kind: kind, Owner: e.Owner, PID: e.PID, TID: e.TID, First: e.At, By: map[int]int{}, Checkpoint: checkpoint, Tag: t.tag(e.TID)}
		w.read = t.holds(e.PID, func(k Kind) bool { return k.Reads() && ranges[k.Lock].file == e.File })
		t.waits[key] = w
	}
	w.Last = e.At
	w.Refusals++
	w.Since = 0
	pids := map[int]bool{}
	for _, h := range by {
		pids[h.PID] = true
		if w.Since == 0 || h.From < w.Since {
			w.Since = h.From
		}
	}
	if len(pids) == 0 {
		pids[0] = true
	}
	for pid := range pids {
		w.By[pid]++
	}
}

// waitsFor reports whether SQLite is refused a transaction or a commit where it is refused kind. Other refusals are part of its
// ordinary work: a reader looks for a read mark that nobody uses, a second checkpoint leaves the work to the first,
// and a connection in WAL mode that closes asks for EXCLUSIVE to learn whether it is the last.
func (t *Tracker) waitsFor(kind Kind, pid int) bool {
	switch kind {
	case Kind{Shared, true}:
		return t.attached[pid] == 0
	case Kind{Shared, false}, Kind{Reserved, true}, Kind{Write, true}:
		return true
	}
	return false
}

// holds returns a hold of the process whose kind is as asked, the oldest; nil where there is none.
func (t *Tracker) holds(pid int, is func(Kind) bool) (oldest *Hold) {
	for _, holds := range t.held {
		for _, h := range holds {
			if h.PID == pid && is(h.Kind) && (oldest == nil || h.From < oldest.From) {
				oldest = h
			}
		}
	}
	return oldest
}

// giveUp ends a wait whose last refusal no attempt has followed.
func (t *Tracker) giveUp(w *Wait) {
	w.End = w.Last
	t.endWait(w)
}

func (t *Tracker) endWait(w *Wait) {
	delete(t.waits, waiter{w.Owner, w.Kind})
	if r := w.read; r != nil && w.Refusals == 1 && !w.Granted && (w.Kind == Kind{Reserved, true} || w.Kind == Kind{Write, true}) {
		kept := r.To == 0 || r.To-w.Last >= int64(UpgradeAge)
		w.Upgrade = kept || w.First-r.From >= int64(UpgradeAge)
	}
	if t.OnWait != nil {
		t.OnWait(w)
	}
}

// endWaits ends the waits that are as asked, as given up, in the order of their beginnings.
func (t *Tracker) endWaits(now Time, over func(*Wait) bool) {
	var ended []*Wait
	for _, w := range t.waits {
		if over(w) {
			ended = append(ended, w)
		}
	}
	slices.SortFunc(ended, func(a, b *Wait) int { return cmp.Compare(a.First, b.First) })
	for _, w := range ended {
		t.giveUp(w)
	}
}

// Expire ends the waits that nobody has gone on with for [GiveUp] before now.
func (t *Tracker) Expire(now Time) {
	t.endWaits(now, func(w *Wait) bool { return now-w.Last > int64(GiveUp) })
}

// Finish ends all waits: those that may yet go on are Open. Holds stay.
func (t *Tracker) Finish(now Time) {
	t.Expire(now)
	t.endWaits(now, func(w *Wait) bool { w.Open = true; return true })
}

// Held returns what is held now, by the time of the grant.
func (t *Tracker) Held() (all []*Hold) {
	for _, holds := range t.held {
		for _, h := range holds {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b *Hold) int {
		if a.From != b.From {
			return cmp.Compare(a.From, b.From)
		}
		return int(a.Kind.Lock) - int(b.Kind.Lock)
	})
	return all
}

// Waiting returns the wait in which the process is now; nil where it is in none.
func (t *Tracker) Waiting(pid int) *Wait {
	for _, w := range t.waits {
		if w.PID == pid {
			return w
		}
	}
	return nil
}

// Uses reports whether the process holds a lock on the database's main file.
func (t *Tracker) Uses(pid int) bool {
	return t.holds(pid, Kind.OnMain) != nil
}
