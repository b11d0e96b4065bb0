package report

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A point is one arm, as the place it has in the space of factors: for each
// factor, the index of its value. All points of one space have the same length,
// at most 64.
type point []int

// A box is a condition: for each factor, which of its values it allows; nil is any.
type box [][]bool

func (b box) contains(p point) bool {
	for f, allowed := range b {
		if allowed != nil && !allowed[p[f]] {
			return false
		}
	}
	return true
}

// cost counts the words it takes to say b: one for the box, one for each factor
// and each value named, which is the excepted one where there is only one.
func (b box) cost() int {
	words := 1
	for _, allowed := range b {
		switch yes := countOf(allowed); {
		case allowed == nil:
		case allButOne(yes, len(allowed)):
			words += 2
		default:
			words += 1 + yes
		}
	}
	return words
}

// allButOne reports whether "any but x" is shorter than naming yes values of n.
func allButOne(yes, n int) bool { return yes == n-1 && yes > 2 }

func countOf(allowed []bool) int {
	n := 0
	for _, yes := range allowed {
		if yes {
			n++
		}
	}
	return n
}

// cover finds a few short boxes that together contain every point that is in,
// and none that is out. It is the minimisation of a multi-valued logic function
// (Brayton et al., "Logic Minimization Algorithms for VLSI Synthesis", 1984),
// done greedily: not always the fewest boxes, always the same ones.
//
// The points are what was run, and seldom every combination of values. A box
// may be silent about a factor, and then speaks of the arms there were. But the
// values that it names it claims in every combination, so each of those
// combinations is one that some point in has: no box tells of a combination
// that was never run.
//
// A point that is in and lies in the same place as one that is out is in no
// box: no factor tells the two apart. Sizes says how many values each factor
// has, those included that no point has.
func cover(sizes []int, points []point, in []bool) []box {
	c := &covering{sizes: sizes, points: points, in: in}
	for i, p := range points {
		if in[i] {
			c.candidates = append(c.candidates, c.boxesAround(p)...)
		}
	}
	left := slices.Clone(in)
	var chosen []box
	for {
		// The candidate that costs least for each point left that it contains.
		var best box
		bestCost, bestGain := 0, 0
		for _, b := range c.candidates {
			cost, gain := b.cost(), c.gain(b, left)
			saved := gain*bestCost - bestGain*cost // compares gain/cost without dividing
			if gain > 0 && (best == nil || saved > 0 || saved == 0 && gain > bestGain) {
				best, bestCost, bestGain = b, cost, gain
			}
		}
		if best == nil {
			return c.needed(chosen)
		}
		chosen = append(chosen, best)
		for i, p := range points {
			left[i] = left[i] && !best.contains(p)
		}
	}
}

// A covering is the search for a cover.
type covering struct {
	sizes      []int
	points     []point
	in         []bool
	candidates []box
}

// gain counts the points of set that b contains.
func (c *covering) gain(b box, set []bool) int {
	n := 0
	for i, p := range c.points {
		if set[i] && b.contains(p) {
			n++
		}
	}
	return n
}

// needed returns boxes, the widest first, without what the others say as well.
func (c *covering) needed(boxes []box) []box {
	for i := len(boxes) - 1; i >= 0; i-- {
		others := slices.Delete(slices.Clone(boxes), i, i+1)
		if c.covered(others) == c.covered(boxes) {
			boxes = others
		}
	}
	// Then without the values that the others cover, where that takes fewer words.
	covered := c.covered(boxes)
	for _, b := range slices.Backward(boxes) {
		for _, allowed := range b {
			for v, yes := range allowed {
				cost := b.cost()
				if !yes || countOf(allowed) == 1 {
					continue
				}
				allowed[v] = false
				allowed[v] = b.cost() > cost || c.covered(boxes) < covered
			}
		}
	}
	slices.SortStableFunc(boxes, func(a, b box) int { return c.gain(b, c.in) - c.gain(a, c.in) })
	return boxes
}

func (c *covering) covered(boxes []box) int {
	n := 0
	for _, p := range c.points {
		if slices.ContainsFunc(boxes, func(b box) bool { return b.contains(p) }) {
			n++
		}
	}
	return n
}

// boxesAround returns the boxes worth considering that contain p: each names
// a set of factors that tells p from every point out, first with p's own values
// and then with as many more as it bears.
func (c *covering) boxesAround(p point) []box {
	var boxes []box
	for _, factors := range c.telling(p) {
		var named []int
		for ; factors != 0; factors &= factors - 1 {
			named = append(named, bits.TrailingZeros64(factors))
		}
		for turn := range max(1, len(named)) {
			b := make(box, len(p))
			for _, f := range named {
				b[f] = make([]bool, c.sizes[f])
				b[f][p[f]] = true
			}
			// Which factor is widened first decides how far the others can be. None ends up
			// with all of its values, or it would not be needed to tell.
			for _, f := range slices.Concat(named[turn:], named[:turn]) {
				for v := range b[f] {
					if !b[f][v] {
						b[f][v] = true
						b[f][v] = c.bears(b)
					}
				}
			}
			boxes = append(boxes, b)
		}
	}
	return boxes
}

// largestSearch is the largest set of factors that is looked for by trying
// every set. Beyond it, factors are left out one by one while that is possible:
// who reads a condition of five settings has lost the thread already, and a
// damaged run must not take for ever.
const largestSearch = 4

// telling returns sets of factors, as bit masks, each of which tells p from every point
// out and none of which could do with fewer: all of the smallest size there is, and those
// one larger. It returns none where a point out lies in p's place.
func (c *covering) telling(p point) []uint64 {
	var differences []uint64 // for each point out, the factors in which p differs from it
	for i, out := range c.points {
		var set uint64
		for f := range p {
			if p[f] != out[f] {
				set |= 1 << f
			}
		}
		switch {
		case c.in[i]:
		case set == 0:
			return nil
		default:
			differences = append(differences, set)
		}
	}
	tells := func(factors uint64) bool {
		return !slices.ContainsFunc(differences, func(set uint64) bool { return set&factors == 0 })
	}
	var found []uint64
	for size := 0; size <= min(largestSearch, len(p)); size++ {
		if len(found) > 0 && bits.OnesCount64(found[0])+1 < size {
			break
		}
		eachSet(len(p), size, func(factors uint64) {
			contains := func(smaller uint64) bool { return factors&smaller == smaller }
			if tells(factors) && !slices.ContainsFunc(found, contains) {
				found = append(found, factors)
			}
		})
	}
	if len(found) > 0 {
		return found
	}
	all := ^uint64(0) >> (64 - len(p))
	for f := len(p) - 1; f >= 0; f-- {
		if fewer := all &^ (1 << f); tells(fewer) {
			all = fewer
		}
	}
	return []uint64{all}
}

// eachSet calls do with every set of size out of n factors, those of the first factors first.
func eachSet(n, size int, do func(uint64)) {
	var extend func(set uint64, from, size int)
	extend = func(set uint64, from, size int) {
		if size == 0 {
			do(set)
			return
		}
		for f := from; f <= n-size; f++ {
			extend(set|1<<f, f+1, size-1)
		}
	}
	extend(0, 0, size)
}

// bears reports whether b contains no point that is out, and every combination
// of the values it names was run.
func (c *covering) bears(b box) bool {
	seen := map[string]bool{}
	for i, p := range c.points {
		if !b.contains(p) {
			continue
		}
		if !c.in[i] {
			return false
		}
		var named []byte
		for f, allowed := range b {
			if allowed != nil {
				named = binary.AppendUvarint(named, uint64(p[f]))
			}
		}
		seen[string(named)] = true
	}
	want := 1
	for _, allowed := range b {
		if allowed != nil {
			want *= countOf(allowed)
		}
		if want > len(seen) {
			return false
		}
	}
	return true
}
