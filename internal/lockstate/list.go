package lockstate

// A Listed lock is one of a list of all locks that are held, as /proc/locks is. The list knows no
// owners, only processes; of an OFD lock not even that.
type Listed struct {
	File        File
	Inode       uint64
	PID         int // 0 where it is not known
	First, Last int64
	Exclusive   bool
}

// listedOwner stands for the owner of what a process holds by a list. The kernel's owners are addresses, which
// are larger.
func listedOwner(pid int) uint64 { return uint64(pid) }

// which is a hold as a list can tell it from others.
type which struct {
	place
	pid       int
	exclusive bool
}

func (h *Hold) which() which { return which{place{h.inode, h.Kind.Lock}, h.PID, h.Kind.Exclusive} }

func locksOf(list []Listed) map[which]bool {
	all := map[which]bool{}
	for _, l := range list {
		for _, lock := range covered(l.File, l.First, l.Last) {
			all[which{place{l.Inode, lock}, l.PID, l.Exclusive}] = true
		}
	}
	return all
}

// Add begins the holds of a list, read at or after at, that the tracker lacks. When they really began has not been seen.
func (t *Tracker) Add(at Time, list []Listed) {
	all := locksOf(list)
	type whose struct {
		place
		pid int
	}
	known := map[whose]bool{} // from events, which know better
	for _, h := range t.Held() {
		delete(all, h.which())
		if h.Owner != listedOwner(h.PID) {
			known[whose{h.which().place, h.PID}] = true
		}
	}
	for w := range all {
		if known[whose{w.place, w.pid}] {
			continue
		}
		t.release(w.place, listedOwner(w.pid), at, false) // it was shared and is exclusive, or the other way round
		t.listed[w.pid]++
		t.hold(w.place, &Hold{Kind: Kind{w.lock, w.exclusive}, Owner: listedOwner(w.pid), PID: w.pid, From: at, inode: w.inode})
	}
}

// Prune ends the holds that two lists in a row lack, the last of them read at or after at: the kernel writes a list page by page, so
// one list may miss a lock. Without all it ends only holds that are known from a list, because events tell the end of the others.
func (t *Tracker) Prune(at Time, list []Listed, all bool) {
	is := locksOf(list)
	for _, h := range t.Held() {
		switch known := h.Owner == listedOwner(h.PID); {
		case h.From >= at, !known && !all:
		case is[h.which()]:
			h.missed = false
		case !h.missed:
			h.missed = true
		default:
			t.release(h.which().place, h.Owner, at, false)
		}
	}
}

// Listed reports whether there are holds that are known from a list alone.
func (t *Tracker) Listed() bool { return len(t.listed) > 0 }

// adopt gives the owner what its process holds by a list.
func (t *Tracker) adopt(pid int, owner uint64) {
	for _, holds := range t.held {
		if h := holds[listedOwner(pid)]; h != nil {
			delete(holds, h.Owner)
			h.Owner = owner
			holds[owner] = h
		}
	}
	delete(t.listed, pid)
}
