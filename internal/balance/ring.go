package balance

import "time"

// How often in a row a check must find the same before it counts.
const (
	fallRefused = 2 // no connection: the node is gone
	// A connection, but no answer within checkTimeout: the node is frozen, or
	// its /health waits for the database. Ten of them take 10 s, longer than the
	// usual busy_timeout of 5 s.
	fallSilent = 10
	rise       = 2 // any answer, whatever its status
)

// A sight is what one check saw of a node.
type sight int

const (
	refused  sight = iota // no connection
	silent                // a connection, but no answer in time
	answered              // an HTTP answer, whatever its status
)

// A ring decides whose turn it is. It is a value: it has no clock, no lock and
// no connections.
type ring struct {
	members []member
	turn    uint64
	writer  int // the member that writes go to, where they go to one
}

// A member is what the ring knows of one node.
type member struct {
	turn         uint64    // when it was last picked, in picks; the lowest has waited longest
	ejectedUntil time.Time // passed over until then, because it refused a connection
	last         sight     // by the latest check
	streak       int       // how many checks in a row said so
	down         bool      // by the checks
	out          bool      // as changes last returned
}

func newRing(n int) ring { return ring{members: make([]member, n)} }

func (m *member) available(now time.Time) bool {
	return !m.down && !now.Before(m.ejectedUntil)
}

// A set holds members by their index.
type set uint64

func (s set) has(i int) bool { return s&(1<<i) != 0 }
func (s *set) add(i int)     { *s |= 1 << i }

// next returns a member not tried, -1 once all were tried: if inTurn the one that
// has waited longest, else the first. One that is not available comes last, but
// it comes: a node that may be back is better than an error.
func (r *ring) next(now time.Time, tried set, inTurn bool) int {
	best, bestUp := -1, false
	for i := range r.members {
		if tried.has(i) {
			continue
		}
		m := &r.members[i]
		up := m.available(now)
		if best < 0 || up && !bestUp || up == bestUp && inTurn && m.turn < r.members[best].turn {
			best, bestUp = i, up
		}
	}
	return best
}

// pick returns the member whose turn it is. It is false once all were tried.
func (r *ring) pick(now time.Time, tried set) (int, bool) {
	i := r.next(now, tried, true)
	if i >= 0 {
		r.turn++
		r.members[i].turn = r.turn
	}
	return i, i >= 0
}

// elect returns the writer. While it is out, the first member that is available
// becomes the writer and remains so when the one before is back: to go back would
// set two writers against each other a second time.
func (r *ring) elect(now time.Time) int {
	if !r.members[r.writer].available(now) {
		if i := r.next(now, 0, false); r.members[i].available(now) {
			r.writer = i
		}
	}
	return r.writer
}

// pickWriter returns the writer, or if it was tried the member that would be
// next. It is false once all were tried. It takes no member's turn away.
func (r *ring) pickWriter(now time.Time, tried set) (int, bool) {
	i := r.elect(now)
	if tried.has(i) {
		i = r.next(now, tried, false)
	}
	return i, i >= 0
}

// eject passes member i over until the given time.
func (r *ring) eject(i int, until time.Time) { r.members[i].ejectedUntil = until }

// saw takes in what a check saw of member i.
func (r *ring) saw(i int, s sight) {
	m := &r.members[i]
	if m.streak == 0 || m.last != s {
		m.last, m.streak = s, 0
	}
	m.streak++
	switch {
	case s == refused && m.streak >= fallRefused, s == silent && m.streak >= fallSilent:
		m.down = true
	case s == answered && m.streak >= rise:
		m.down = false
	}
}

// changes returns the members that became available or stopped being so since
// it was last called.
func (r *ring) changes(now time.Time) []int {
	var changed []int
	for i := range r.members {
		m := &r.members[i]
		if out := !m.available(now); out != m.out {
			m.out = out
			changed = append(changed, i)
		}
	}
	return changed
}
