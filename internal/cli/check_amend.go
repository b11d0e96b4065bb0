package cli

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/contend/history"
)

// knownValues are what a flag says of counters or items: KEY=N any number of
// times, or once N for the only one.
type knownValues struct {
	only  history.Value
	byKey map[string]int64
}

func (k *knownValues) given() bool { return k.only.Valid || len(k.byKey) > 0 }

// of returns the value of one counter.
func (k *knownValues) of(key string) (int64, bool) {
	if n, ok := k.byKey[key]; ok {
		return n, true
	}
	return k.only.Int64, k.only.Valid
}

// Set is for pflag. A key may hold an equals sign.
func (k *knownValues) Set(text string) error {
	key, number := "", text
	cut := strings.LastIndexByte(text, '=')
	if cut >= 0 {
		key, number = text[:cut], text[cut+1:]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return fmt.Errorf("want KEY=N with a whole number N, have %q", text)
	}
	if k.only.Valid || cut < 0 && len(k.byKey) > 0 {
		return fmt.Errorf("use KEY=N for each key, or N once")
	}
	if cut < 0 {
		k.only = history.Some(n)
		return nil
	}
	if _, twice := k.byKey[key]; twice {
		return fmt.Errorf("key %q is given twice", key)
	}
	if k.byKey == nil {
		k.byKey = map[string]int64{}
	}
	k.byKey[key] = n
	return nil
}

func (k *knownValues) String() string { return "" }
func (k *knownValues) Type() string   { return "KEY=N" }

// amends says which ops an amendment is about.
type amends struct {
	function  string // history.Increment
	one, many string // "a counter", "counters"
}

// An amendment adds to a history what its recorder left out and the user
// knows: a reset before the first op of a key, a final read after the last.
type amendment struct {
	of             amends
	initial, final knownValues
	seen           map[string]bool // keys
	problem        error
}

func (a *amendment) apply(ops iter.Seq[history.Op]) iter.Seq[history.Op] {
	if !a.initial.given() && !a.final.given() {
		return ops
	}
	a.seen = map[string]bool{}
	return func(yield func(history.Op) bool) {
		end := time.Duration(0)
		next := 0
		for op := range ops {
			end, next = max(end, op.Returned), max(next, op.Index+1)
			began, knowBegan := a.initial.of(op.Key)
			_, knowFinal := a.final.of(op.Key)
			switch {
			case a.problem != nil || op.Outcome == history.Failed:
			case knowBegan && op.Func == history.Reset:
				a.problem = usagef("--initial: the history already has a reset of %q, op %d", op.Key, op.Index)
			case knowFinal && op.Func == history.FinalRead:
				a.problem = usagef("--final: the history already has a final read of %q, op %d", op.Key, op.Index)
			}
			if op.Func == a.of.function && !a.seen[op.Key] {
				a.seen[op.Key] = true
				reset := history.Op{Process: -1, Func: history.Reset, Key: op.Key, Value: history.Some(began), Outcome: history.OK}
				if knowBegan && !yield(reset) {
					return
				}
			}
			if !yield(op) {
				return
			}
		}
		for _, key := range slices.Sorted(maps.Keys(a.seen)) {
			if n, ok := a.final.of(key); ok && !yield(history.Op{
				Index: next, Process: -1, Func: history.FinalRead, Key: key, Value: history.Some(n),
				Intended: end, Invoked: end, Returned: end, Outcome: history.OK,
			}) {
				return
			}
		}
	}
}

// check returns what was wrong with the flags, once the history has been read.
func (a *amendment) check() error {
	if a.problem != nil {
		return a.problem
	}
	for _, f := range []struct {
		flag   string
		values knownValues
	}{{"--initial", a.initial}, {"--final", a.final}} {
		if f.values.only.Valid && len(a.seen) > 1 {
			return usagef("%s: the history has %d %s: use KEY=N", f.flag, len(a.seen), a.of.many)
		}
		for _, key := range slices.Sorted(maps.Keys(f.values.byKey)) {
			if !a.seen[key] {
				return usagef("%s: the history has no %s of %q", f.flag, a.of.function, key)
			}
		}
	}
	return nil
}
