package lockstate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// The bytes of SQLite's locks, written out once more: https://sqlite.org/lockingv3.html and walformat.html.
const (
	pending, reserved, shared, sharedEnd = 1 << 30, 1<<30 + 1, 1<<30 + 2, 1<<30 + 511
	write, ckpt, read0, read1, dms       = 120, 121, 123, 124, 128
)

// A play is a row of events, a millisecond apart unless it says otherwise.
type play struct {
	now    Time
	events []Event
}

func (p *play) add(pid int, file File, op Op, first, last int64, refused bool) *play {
	p.now += 1e6
	inode := uint64(7)
	if file == Index {
		inode = 8
	}
	p.events = append(p.events, Event{At: p.now, File: file, Inode: inode, Owner: 0xffff_0000_0000_0000 + uint64(pid), PID: pid, TID: pid, First: first, Last: last, Op: op, Refused: refused})
	return p
}

// wait and soon say when the next event is.
func (p *play) wait(ms Time) *play { p.now += ms*1e6 - 1e6; return p }
func (p *play) soon() *play        { p.now += 1e4 - 1e6; return p }

func (p *play) gets(pid int, file File, op Op, first, last int64) *play {
	return p.add(pid, file, op, first, last, false)
}

func (p *play) refused(pid int, file File, op Op, first, last int64) *play {
	return p.add(pid, file, op, first, last, true)
}

// reads takes SHARED as the unix VFS does, by way of PENDING.
func (p *play) reads(pid int) *play {
	return p.gets(pid, Main, LockShared, pending, pending).gets(pid, Main, LockShared, shared, sharedEnd).gets(pid, Main, Unlock, pending, pending)
}

func (p *play) reserves(pid int) *play {
	return p.gets(pid, Main, LockExclusive, reserved, reserved)
}

// commits takes EXCLUSIVE and gives back all locks.
func (p *play) commits(pid int) *play {
	return p.gets(pid, Main, LockExclusive, pending, pending).gets(pid, Main, LockExclusive, shared, sharedEnd).
		gets(pid, Main, LockShared, shared, sharedEnd).gets(pid, Main, Unlock, pending, reserved).leaves(pid)
}

func (p *play) leaves(pid int) *play {
	return p.gets(pid, Main, Unlock, 0, math.MaxInt64)
}

// attaches opens the database in WAL mode.
func (p *play) attaches(pid int) *play {
	return p.reads(pid).gets(pid, Index, LockShared, dms, dms)
}

func (p *play) closes(pid int) *play {
	p.leaves(pid)
	p.events[len(p.events)-1].Closed = true
	return p
}

// tell returns what a tracker makes of a play: a line for each hold and wait, with times in ms.
func tell(p *play) (lines []string) {
	t := NewTracker()
	t.OnHold = func(h *Hold) {
		line := fmt.Sprintf("%d held %s %d-%d", h.PID, h.Kind, h.From/1e6, h.To/1e6)
		if h.Idle {
			line += " idle"
		}
		if h.Wrote {
			line += " wrote"
		}
		if !h.Seen {
			line += " unseen"
		}
		if h.Closed {
			line += " closed"
		}
		if h.Kind != (Kind{Pending, false}) {
			lines = append(lines, line)
		}
	}
	t.OnWait = func(w *Wait) {
		line := fmt.Sprintf("%d wants %s %d-%d refused %d", w.PID, w.Kind, w.First/1e6, w.End/1e6, w.Refusals)
		switch {
		case w.Granted:
			line += " granted"
		case w.Open:
			line += " open"
		}
		for _, pid := range slices.Sorted(maps.Keys(w.By)) {
			line += fmt.Sprintf(" by %d: %d", pid, w.By[pid])
		}
		for word, is := range map[string]bool{" upgrade": w.Upgrade, " checkpoint": w.Checkpoint, fmt.Sprintf(" passed %d", w.Passed): w.Passed > 0} {
			if is {
				line += word
			}
		}
		lines = append(lines, line)
	}
	for _, e := range p.events {
		t.Apply(e)
	}
	t.Finish(p.now)
	return lines
}

func TestTracker(t *testing.T) {
	for name, c := range map[string]struct {
		play *play
		want string
	}{
		"a read": {new(play).reads(1).wait(50).leaves(1), "1 held SHARED 2-53"},
		"a write transaction": {new(play).reads(1).reserves(1).wait(90).commits(1), `
			1 held SHARED 2-95 wrote
			1 held EXCLUSIVE 95-96
			1 held PENDING 94-97
			1 held RESERVED 4-97
			1 held SHARED 96-98`},
		"a writer waits for another": {new(play).reads(1).reserves(1).
			reads(2).refused(2, Main, LockExclusive, reserved, reserved).leaves(2).
			reads(2).refused(2, Main, LockExclusive, reserved, reserved).leaves(2).
			gets(1, Main, Unlock, reserved, reserved).
			reads(2).reserves(2), `
			2 held SHARED 6-9
			2 held SHARED 11-14
			1 held RESERVED 4-15
			2 wants RESERVED 8-19 refused 2 granted by 1: 2`},
		"readers keep a writer from committing": {new(play).reads(1).reads(2).reserves(2).
			gets(2, Main, LockExclusive, pending, pending).refused(2, Main, LockExclusive, shared, sharedEnd).refused(2, Main, LockExclusive, shared, sharedEnd).
			leaves(1).gets(2, Main, LockExclusive, shared, sharedEnd), `
			1 held SHARED 2-11
			2 held SHARED 5-12 wrote
			2 wants EXCLUSIVE 9-12 refused 2 granted by 1: 2`},
		"a reader meets a writer that commits": {new(play).reads(1).reserves(1).gets(1, Main, LockExclusive, pending, pending).
			refused(2, Main, LockShared, pending, pending).wait(2000).reads(3), `
			1 held PENDING 5-2006
			2 wants SHARED 6-6 refused 1 by 1: 1`},
		"no busy_timeout": {new(play).reads(1).reserves(1).gets(2, Main, LockShared, shared, sharedEnd).soon().refused(2, Main, LockExclusive, reserved, reserved).soon().leaves(2).wait(2000).leaves(1), `
			2 held SHARED 5-5
			1 held RESERVED 4-2005
			1 held SHARED 2-2005 wrote
			2 wants RESERVED 5-5 refused 1 by 1: 1`},
		"a deferred transaction wants to write": {new(play).reads(1).reserves(1).reads(2).wait(30).refused(2, Main, LockExclusive, reserved, reserved).leaves(2).wait(2000).leaves(1), `
			2 held SHARED 6-38
			1 held RESERVED 4-2038
			1 held SHARED 2-2038 wrote
			2 wants RESERVED 37-37 refused 1 by 1: 1 upgrade`},
		"a transaction of the WAL": {new(play).attaches(1).gets(1, Index, LockShared, read1, read1).gets(1, Index, LockExclusive, write, write).wait(20).
			gets(1, Index, Unlock, write, write).gets(1, Index, Unlock, read1, read1).wait(500).leaves(1), `
			1 held WAL_WRITE 6-26
			1 held WAL_READ1 5-27 wrote
			1 held SHARED 2-527 idle`},
		"what a connection in WAL mode is refused in its ordinary work": {new(play).attaches(1).attaches(2).gets(1, Index, LockShared, read1, read1).
			refused(2, Index, LockExclusive, read1, read1).                                                    // it looks for a read mark
			refused(2, Index, LockExclusive, ckpt, ckpt).                                                      // somebody checkpoints already
			gets(2, Main, LockExclusive, pending, pending).refused(2, Main, LockExclusive, shared, sharedEnd). // is it the last?
			closes(2), `
			2 held PENDING 12-14 closed
			2 held SHARED 6-14 idle closed`},
		"a reader keeps a checkpoint from its end": {new(play).attaches(1).attaches(2).gets(1, Index, LockShared, read1, read1).
			gets(2, Index, LockExclusive, ckpt, ckpt).refused(2, Index, LockExclusive, read1, read1).gets(2, Index, Unlock, ckpt, ckpt), `
			2 held WAL_CKPT 10-12
			2 wants WAL_READ1 11-11 refused 1 open by 1: 1 checkpoint`},
		"a wait that nobody goes on with is over before the next one": {new(play).reads(1).reserves(1).
			refused(2, Main, LockShared, pending, pending).wait(1500).refused(2, Main, LockShared, pending, pending), `
			2 wants SHARED 5-5 refused 1 by 0: 1
			2 wants SHARED 1505-1505 refused 1 open by 0: 1`},
		"a waiter is passed over": {new(play).attaches(1).attaches(2).attaches(3).gets(1, Index, LockExclusive, write, write).refused(2, Index, LockExclusive, write, write).
			gets(1, Index, Unlock, write, write).gets(3, Index, LockExclusive, write, write).gets(3, Index, Unlock, write, write).gets(2, Index, LockExclusive, write, write), `
			1 held WAL_WRITE 13-15
			3 held WAL_WRITE 16-17
			2 wants WAL_WRITE 14-18 refused 1 granted by 1: 1 passed 1`},
		"a release is written down late": {new(play).attaches(1).attaches(2).gets(1, Index, LockExclusive, write, write).gets(2, Index, LockExclusive, write, write).
			gets(1, Index, Unlock, write, write).gets(2, Index, Unlock, write, write), `
			1 held WAL_WRITE 9-10
			2 held WAL_WRITE 10-12`},
		"a range of several locks": {new(play).attaches(1).gets(1, Index, LockExclusive, write, read0-1).gets(1, Index, Unlock, write, read0-1), `
			1 held WAL_WRITE 5-6
			1 held WAL_CKPT 5-6
			1 held WAL_RECOVER 5-6`},
		"a process ends": {new(play).reads(1).reserves(1).refused(2, Main, LockExclusive, reserved, reserved).closes(2).closes(1), `
			2 wants RESERVED 5-5 refused 1 by 1: 1
			1 held RESERVED 4-7 closed
			1 held SHARED 2-7 wrote closed`},
		"bytes that are nobody's": {new(play).gets(1, Main, LockExclusive, 1<<60, 1<<60).gets(1, Index, LockExclusive, 129, 200), ""},
	} {
		var want []string
		for line := range strings.Lines(c.want) {
			if line = strings.TrimSpace(line); line != "" {
				want = append(want, line)
			}
		}
		if got := tell(c.play); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// What a list has is known without its beginning; events of the same process go on with it.
func TestLists(t *testing.T) {
	var ended []string
	tr := NewTracker()
	tr.OnHold = func(h *Hold) {
		ended = append(ended, fmt.Sprintf("%d %s %d-%d %t", h.PID, h.Kind, h.From, h.To, h.Seen))
	}
	list := []Listed{
		{Index, 8, 1, dms, dms, false}, {Main, 7, 1, shared, sharedEnd, false}, {Index, 8, 1, write, write, true},
		{Main, 7, 2, shared, sharedEnd, false}, {Main, 7, 0, shared, shared + 5, false},
	}
	tr.Add(100, list)
	tr.Add(110, list)
	if n := len(tr.Held()); n != 5 || !tr.Listed() {
		t.Errorf("%d holds, want 5", n)
	}
	for _, h := range tr.Held() {
		if h.Idle != (h.PID == 1 && h.Kind.Lock == Shared) {
			t.Errorf("%d %s: idle %t", h.PID, h.Kind, h.Idle)
		}
	}
	tr.Apply(Event{At: 200, File: Index, Inode: 8, Owner: 0xffff000000000001, PID: 1, First: write, Last: write, Op: Unlock})
	tr.Prune(300, list[1:], false) // process 1 is known by events now
	tr.Prune(310, list[:2], false)
	tr.Prune(320, list[4:], false) // process 2 is missing for the second time
	tr.Prune(330, nil, false)
	tr.Prune(340, nil, false)
	if want := []string{"1 WAL_WRITE 100-200 false", "2 SHARED 100-320 false", "0 SHARED 100-340 false"}; !slices.Equal(ended, want) || tr.Listed() {
		t.Errorf("ended %q, want %q", ended, want)
	}
	tr.Prune(400, nil, true)
	tr.Prune(410, nil, true)
	if held := tr.Held(); len(held) > 0 {
		t.Errorf("still held: %v", held[0])
	}
}

// Events that come after the list but happened before it tell when the listed hold began, and end nothing.
func TestEventsOlderThanTheList(t *testing.T) {
	var ended []string
	tr := NewTracker()
	tr.OnHold = func(h *Hold) { ended = append(ended, fmt.Sprintf("%d-%d %t", h.From, h.To, h.Seen)) }
	tr.Add(100, []Listed{{Index, 8, 1, write, write, true}})
	for _, e := range []Event{{At: 70, Op: LockExclusive}, {At: 80, Op: Unlock}, {At: 90, Op: LockExclusive}, {At: 120, Op: Unlock}} {
		e.File, e.Inode, e.Owner, e.PID, e.First, e.Last = Index, 8, 1<<40, 1, write, write
		tr.Apply(e)
	}
	if want := []string{"70-80 true", "90-120 true"}; !slices.Equal(ended, want) || tr.Listed() || len(tr.Held()) > 0 {
		t.Errorf("%q, want %q", ended, want)
	}
}

// Whatever the events are, nothing of what the tracker remembers outlives the locks.
func FuzzTracker(f *testing.F) {
	f.Add([]byte{1, 0, 5, 2, 3, 1, 9, 8, 7, 6})
	f.Fuzz(func(t *testing.T, script []byte) {
		tr := NewTracker()
		var now Time
		for len(script) >= 4 {
			now += Time(script[3]) * 1e7
			e := Event{At: now, Inode: 1, PID: int(script[0] & 3), Owner: 1<<40 + uint64(script[0]&3), Op: Op(script[1] % 3), Refused: script[1]&64 != 0, Closed: script[1]&128 != 0}
			lock := ranges[int(script[2])%len(ranges)]
			e.File, e.First, e.Last = lock.file, lock.first, lock.last
			if e.Op == Unlock && script[2]&128 != 0 {
				e.First, e.Last = 0, math.MaxInt64
			}
			if e.File == Index {
				e.Inode = 2
			}
			if script[0]&64 != 0 {
				tr.Add(now, []Listed{{e.File, e.Inode, e.PID, e.First, e.Last, e.Op == LockExclusive}})
			}
			tr.Apply(e)
			tr.Expire(now)
			script = script[4:]
		}
		for i := range 4 {
			for _, file := range []File{Main, Index} {
				tr.Apply(Event{At: now, File: file, Inode: 1 + uint64(file), PID: i, Owner: 1<<40 + uint64(i), Last: math.MaxInt64, Op: Unlock})
			}
		}
		tr.Finish(now)
		tr.Prune(now+1, nil, true)
		tr.Prune(now+1, nil, true)
		if len(tr.held)+len(tr.waits)+len(tr.attached)+len(tr.listed) > 0 {
			t.Errorf("left: %v %v %v %v", tr.held, tr.waits, tr.attached, tr.listed)
		}
	})
}
