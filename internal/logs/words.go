package logs

// An automaton finds all words of a table in a text in one pass, whatever
// their number (Aho and Corasick, 1975). It takes A to Z for a to z.
type automaton struct {
	class [256]uint8 // of bytes; those in no word share class 0
	next  []uint16   // by state<<classBits | class
	found []int16    // by state: the longest word that ends there, or -1
	also  []int16    // by word: the next longest that ends where it ends, or -1
	words []word
}

const classBits = 6

// A match is a word in a text and where it ends.
type match struct {
	word *word
	end  int
}

// newAutomaton panics where the words are too many: their table is fixed.
func newAutomaton(words []word) *automaton {
	a := &automaton{words: words, also: make([]int16, len(words))}
	classes := uint8(0)
	for _, w := range words {
		for _, c := range []byte(w.text) {
			if a.class[c] == 0 {
				classes++
				a.class[c] = classes
			}
		}
	}
	if classes >= 1<<classBits {
		panic("logs: the words have too many different bytes")
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c-'A'+'a']
	}
	state := func() uint16 {
		a.next = append(a.next, make([]uint16, 1<<classBits)...)
		a.found = append(a.found, -1)
		return uint16(len(a.found) - 1)
	}
	state() // 0: nothing of any word
	for i, w := range words {
		s := uint16(0)
		for _, c := range []byte(w.text) {
			at := int(s)<<classBits | int(a.class[c])
			if a.next[at] == 0 {
				n := state()
				a.next[at] = n
			}
			s = a.next[at]
		}
		a.found[s] = int16(i)
		a.also[i] = -1
	}
	// By breadth: the longest end of a state's text that is itself a state decides
	// where the state goes with what no word goes on with.
	fail := make([]uint16, len(a.found))
	queue := []uint16{0}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for c := range 1 << classBits {
			at := int(s)<<classBits | c
			onward := uint16(0)
			if s != 0 {
				onward = a.next[int(fail[s])<<classBits|c]
			}
			n := a.next[at]
			if n == 0 || c == 0 {
				a.next[at] = onward
				continue
			}
			fail[n] = onward
			if own := a.found[n]; own < 0 {
				a.found[n] = a.found[onward]
			} else {
				a.also[own] = a.found[onward]
			}
			queue = append(queue, n)
		}
	}
	return a
}

// find appends the words in text to ms, at most as many as ms has room for.
func (a *automaton) find(text []byte, ms []match) []match {
	s := uint16(0)
	for i, c := range text {
		s = a.next[int(s)<<classBits|int(a.class[c])]
		for w := a.found[s]; w >= 0 && len(ms) < cap(ms); w = a.also[w] {
			ms = append(ms, match{&a.words[w], i + 1})
		}
	}
	return ms
}
