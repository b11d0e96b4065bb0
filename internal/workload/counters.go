package workload

import "slices"

// Counters returns the counters that w changes, each once. Only is false where
// w changes anything else, which cannot be read back counter by counter.
func Counters(w Workload) (keys []string, only bool) {
	switch w := w.(type) {
	case Increment:
		return w.counters(), true
	case Read, Total:
		return nil, true
	case Mix:
		return bothCounters(w.A, w.B)
	case Roles:
		return bothCounters(w.A, w.B)
	}
	return nil, false
}

func (w Increment) counters() []string {
	if w.Keys == 0 {
		return []string{w.Key}
	}
	keys := make([]string, w.Keys)
	for i := range keys {
		keys[i] = Counter(w.Key, i)
	}
	return keys
}

func bothCounters(a, b Workload) (keys []string, only bool) {
	first, onlyFirst := Counters(a)
	second, onlySecond := Counters(b)
	keys = slices.Concat(first, second)
	slices.Sort(keys)
	return slices.Compact(keys), onlyFirst && onlySecond
}
