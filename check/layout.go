package check

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// A layout says how the purchases of one item can have come one after the other. Those
// that returned a stock have their place; the loose ones may be anywhere.
type layout struct {
	spans        [][2]int64 // of those that have their place, from the top down: {left, stock before}
	top, bottom  int64      // the initial and the final stock
	began, ended bool       // they are known
	loose        []looseOps
	dead         map[string]bool // states that lead nowhere
	tries        int

	below []int64 // for apart: of spans from each on, how many pieces they have
	acked int64   // for apart: loose acknowledged purchases
}

type looseOps struct {
	loose
	n int
}

// layout returns that of the item's purchases.
func (j *stockJudge) layout() *layout {
	p := &layout{
		top: j.roof, bottom: j.bottom, began: j.Initial.Valid, ended: j.Left.Valid,
		tries: maxTries,
	}
	for l, n := range j.loose {
		p.loose = append(p.loose, looseOps{l, n})
	}
	slices.SortFunc(p.loose, func(a, b looseOps) int { // the large ones first: they fit least
		if a.units == b.units && a.acked {
			return -1
		}
		return cmp.Compare(b.units, a.units)
	})
	for _, r := range slices.Backward(j.order) {
		low, high := j.span(r)
		p.spans = append(p.spans, [2]int64{low, high})
	}
	return p
}

// whole says whether all acknowledged purchases and some of the unknown ones, one after
// the other, can lead from the initial stock to the final one. It is inconclusive
// where there are too many ways to try.
func (p *layout) whole() Verdict {
	p.dead = map[string]bool{}
	level := p.top
	if !p.began { // what lies above the highest of those that have their place fits always
		if len(p.spans) == 0 {
			return Holds
		}
		level = p.spans[0][1]
	}
	return p.fill(level, 0, 0)
}

// fill goes down from level, at which the spans from next on are still to come. In one gap
// it takes loose purchases in their order, from the class from on.
func (p *layout) fill(level int64, next, from int) Verdict {
	for next < len(p.spans) && p.spans[next][1] == level {
		level, next, from = p.spans[next][0], next+1, 0
	}
	last := next == len(p.spans)
	floor := p.bottom
	switch {
	case !last:
		floor = p.spans[next][1]
	case !p.began && (!p.ended || level == floor), p.began && p.rest(level, floor):
		return Holds
	case !p.ended:
		floor = 0
	}
	if level < floor {
		return Refuted
	}
	key := p.key(next, int64(from), level)
	if p.dead[key] {
		return Refuted
	}
	for k := from; k < len(p.loose); k++ {
		l := &p.loose[k]
		if l.n == 0 || level-l.units < floor {
			continue
		}
		if p.tries--; p.tries < 0 {
			return Inconclusive
		}
		l.n--
		v := p.fill(level-l.units, next, k)
		l.n++
		if v != Refuted {
			return v
		}
	}
	p.dead[key] = true
	return Refuted
}

// rest reports whether the chain may end at level: no acknowledged purchase is left or,
// where the final stock is not known, all that are left fit below.
func (p *layout) rest(level, floor int64) bool {
	var left sum
	for _, l := range p.loose {
		if l.acked {
			left.add(l.units * int64(l.n))
		}
	}
	if p.ended {
		return left.n == 0 && level == floor
	}
	return left.n <= level
}

// A reach is a stock that purchases can have left. Missed is below 0 if some way to it
// leaves out an acknowledged purchase that has its place; else it is how many loose
// acknowledged ones lie on a way to it, at least.
type reach struct{ level, missed int64 }

// apart says whether the final stock can rest on purchases without all of the
// acknowledged ones, where whole holds. Each purchase must have found the stock that
// it took from. It is inconclusive where there are too many ways to try.
func (p *layout) apart() Verdict {
	p.dead, p.tries, p.acked = map[string]bool{}, maxTries, 0
	p.below = make([]int64, len(p.spans)+1)
	for i, s := range slices.Backward(p.spans) {
		p.below[i] = p.below[i+1] + s[1] - s[0]
	}
	for _, l := range p.loose {
		if l.acked {
			p.acked += int64(l.n)
		}
	}
	return p.descend([]reach{{p.top, 0}}, 0)
}

// descend goes on from the highest of the stocks that were reached. The spans from next
// on are still to come.
func (p *layout) descend(reached []reach, next int) Verdict {
	if len(reached) == 0 || next < len(p.spans) && p.spans[next][1] > reached[0].level {
		return Refuted // nobody left what somebody took from
	}
	at := reached[0]
	if at.level == p.bottom {
		if at.missed < p.acked {
			return Holds
		}
		return Refuted
	}
	if p.short(reached[len(reached)-1].level) {
		return Refuted
	}
	state := make([]int64, 0, 2*len(reached))
	for _, r := range reached {
		state = append(state, r.level, r.missed)
	}
	key := p.key(next, state...)
	if p.dead[key] {
		return Refuted
	}
	if p.tries--; p.tries < 0 {
		return Inconclusive
	}
	v := p.take(reached, next, 0)
	if v == Refuted {
		p.dead[key] = true
	}
	return v
}

// take chooses which loose purchases, of the classes from k on, took from the highest
// stock that was reached: of each class one at most, because a second one reaches
// nothing new.
func (p *layout) take(reached []reach, next, k int) Verdict {
	at := reached[0]
	if k == len(p.loose) {
		if next < len(p.spans) && p.spans[next][1] == at.level {
			reached, next = with(reached, reach{p.spans[next][0], at.missed}), next+1
		}
		return p.descend(reached[1:], next)
	}
	if l := &p.loose[k]; l.n > 0 && at.level-l.units >= p.bottom {
		to := reach{at.level - l.units, at.missed}
		switch {
		case at.missed < 0 || next < len(p.spans) && p.spans[next][1] > to.level:
			to.missed = -1
		case l.acked:
			to.missed++
		}
		l.n--
		v := p.take(with(reached, to), next, k+1)
		l.n++
		if v != Refuted {
			return v
		}
	}
	return p.take(reached, next, k+1)
}

// with returns reached, from the highest stock down, and one more.
func with(reached []reach, one reach) []reach {
	i, there := slices.BinarySearchFunc(reached, one.level, func(r reach, level int64) int { return cmp.Compare(level, r.level) })
	reached = slices.Clone(reached)
	if there {
		reached[i].missed = min(reached[i].missed, one.missed)
		return reached
	}
	return slices.Insert(reached, i, one)
}

// short reports whether too few loose purchases are left to take the pieces below level
// that no other took.
func (p *layout) short(level int64) bool {
	i, _ := slices.BinarySearchFunc(p.spans, level, func(s [2]int64, level int64) int {
		if s[0] >= level {
			return -1
		}
		return 1
	})
	taken := p.below[i]
	if i < len(p.spans) {
		taken -= max(0, p.spans[i][1]-level)
	}
	for _, l := range p.loose {
		taken += l.units * int64(l.n)
	}
	return level-p.bottom > taken
}

// key tells states apart.
func (p *layout) key(next int, state ...int64) string {
	b := binary.AppendVarint(nil, int64(next))
	for _, l := range p.loose {
		b = binary.AppendVarint(b, int64(l.n))
	}
	for _, n := range state {
		b = binary.AppendVarint(b, n)
	}
	return string(b)
}
