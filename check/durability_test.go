package check_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
)

func TestDurability(t *testing.T) {
	for _, c := range []struct {
		name, ops      string
		verdict        check.Verdict
		lost           check.Range
		missing, after int64
		crashes        []int64 // lost at each
		reason         string
	}{
		{"all there", "+a #app-1 +b a b !2", check.Holds, check.Exactly(0), 0, 0, []int64{0},
			"1 crash: the rows of all 2 acknowledged writes are there, once each"},
		{"nothing crashed", "+a a !1", check.Inconclusive, check.Exactly(0), 0, 0, nil, "nothing crashed"},
		{"nothing crashed, and one lost", "+a !0", check.Inconclusive, check.Exactly(1), 0, 1, nil, "nothing crashed"},
		{"each at the first crash after it", "+a +b #app-1 +c #app-2 +d b !1", check.Refuted, check.Exactly(3), 0, 1, []int64{1, 1},
			"2 crashes: lost 3 of 4 acknowledged writes: they are not among the rows found at the end (1)"},
		{"committed and not told", "?a #app-1 +b a b !2", check.Holds, check.Exactly(0), 0, 0, []int64{0}, ""},
		{"counted short, no final row", "+a +b #app-1 ~1", check.Refuted, check.Range{Min: 1, Max: 2}, 1, 0, []int64{0},
			"1 crash: at least 1 rows were missing after a crash: 1 were counted, and 2 writes had been acknowledged"},
		{"counted short, and all there in the end", "+a +b #app-1 ~1 a b !2", check.Refuted, check.Exactly(0), 1, 0, []int64{0}, ""},
		{"counted short, and lost", "+a +b #app-1 ~1 +c a c !2", check.Refuted, check.Exactly(1), 1, 0, []int64{1},
			"1 crash: lost 1 of 3 acknowledged writes: they are not among the rows found at the end (2), and at least 1 rows were missing after a crash: 1 were counted, and 2 writes had been acknowledged"},
		{"counted in full, no final row", "+a +b #app-1 ~2", check.Inconclusive, check.Range{Min: 0, Max: 2}, 0, 0, []int64{0}, ""},
		{"a failed write came back", "-a #app-1 +b a b !2", check.Refuted, check.Exactly(0), 0, 0, []int64{0}, ""},
		{"nothing acknowledged", "?a #app-1 a !1", check.Inconclusive, check.Exactly(0), 0, 0, []int64{0}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check.Durability(slices.Values(rowOps(c.ops)))
			if got.Verdict != c.verdict || got.Lost != c.lost || got.Missing != c.missing || got.LostAfter != c.after {
				t.Errorf("%v, lost %v, missing %d, after %d; want %v, %v, %d, %d: %s",
					got.Verdict, got.Lost, got.Missing, got.LostAfter, c.verdict, c.lost, c.missing, c.after, got.Reason)
			}
			if c.reason != "" && got.Reason != c.reason {
				t.Errorf("reason\n%s, want\n%s", got.Reason, c.reason)
			}
			var at []int64
			for _, crash := range got.Crashes {
				at = append(at, crash.Lost)
			}
			if !slices.Equal(at, c.crashes) {
				t.Errorf("lost at the crashes: %v, want %v", at, c.crashes)
			}
			if (got.Verdict == check.Refuted) != (len(got.Witnesses) > 0) {
				t.Errorf("%v with %d witnesses", got.Verdict, len(got.Witnesses))
			}
		})
	}
}

func TestDurabilityTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(ops []history.Op) // of "+a +b #app-1 ~1 #app-2 a !1"
		want   []int64                // lost at each crash
		miss   int64
	}{
		{"as it is", func([]history.Op) {}, []int64{1, 0}, 1},
		{"acknowledged while the node was down", func(ops []history.Op) { ops[1].Returned = ops[2].Invoked + 1 }, []int64{0, 1}, 1},
		{"acknowledged after the count", func(ops []history.Op) { ops[1].Returned = ops[3].Invoked + 1 }, []int64{0, 1}, 0},
		{"no times", func(ops []history.Op) {
			for i := range ops {
				ops[i].Intended, ops[i].Invoked, ops[i].Returned = 0, 0, 0
			}
		}, []int64{1, 0}, 1},
		{"a crash that ended unknown", func(ops []history.Op) { ops[2].Outcome = history.Unknown }, []int64{1}, 1},
	} {
		ops := rowOps("+a +b #app-1 ~1 #app-2 a !1")
		c.change(ops)
		got := check.Durability(slices.Values(ops))
		var at []int64
		for _, crash := range got.Crashes {
			at = append(at, crash.Lost)
		}
		if !slices.Equal(at, c.want) || got.Missing != c.miss || got.Verdict != check.Refuted {
			t.Errorf("%s: lost at %v, missing %d; want %v, %d: %s", c.name, at, got.Missing, c.want, c.miss, got.Reason)
		}
	}
}

func TestDurabilityWitnesses(t *testing.T) {
	recorded := rowOps("+a +b #app-1 ~1 +c b !1")
	want := []seen{{"lost write", []int{3}}, {"lost write", []int{0, 2, 6}}, {"lost write", []int{4, 6}}}
	got := seenIn(t, check.Durability(slices.Values(recorded)).Witnesses, recorded)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A disk knows what really became of each write.
type disk struct {
	ops     []history.Op
	lost    int64   // acknowledged, and gone in the end
	missing int64   // at most so many acknowledged rows were gone at one count
	at      []int64 // lost at each crash
}

// crashing writes rows and crashes between them; a crash takes some rows that
// were acknowledged since the one before, if the disk lies.
func crashing(rng *rand.Rand, steps int, lies bool) disk {
	var d disk
	var short []string
	rows := map[string]bool{}
	var acked, fresh []string
	for i := range steps {
		name := fmt.Sprint("w", i)
		switch rng.IntN(6) {
		case 0:
			short = append(short, "-"+name)
		case 1:
			short, rows[name] = append(short, "?"+name), rng.IntN(2) == 0
		case 2:
			taken := int64(0)
			for _, name := range fresh {
				if lies && rng.IntN(3) == 0 {
					rows[name] = false
					taken++
				}
			}
			d.at, d.lost, fresh = append(d.at, taken), d.lost+taken, nil
			short = append(short, fmt.Sprint("#app-", rng.IntN(4)+1))
			if rng.IntN(2) == 0 {
				short = append(short, fmt.Sprint("~", count(rows)))
				d.missing = max(d.missing, int64(len(acked)-count(rows)))
			}
		default:
			short, rows[name] = append(short, "+"+name), true
			acked, fresh = append(acked, name), append(fresh, name)
		}
	}
	for name, there := range rows {
		if there {
			short = append(short, name)
		}
	}
	short = append(short, fmt.Sprint("!", count(rows)))
	d.ops = rowOps(strings.Join(short, " "))
	return d
}

func count(rows map[string]bool) (n int) {
	for _, there := range rows {
		if there {
			n++
		}
	}
	return n
}

// Every loss is found and laid at the crash that took it, and nothing is
// found on a disk that keeps what it was given.
func TestDurabilityAgreesWithTruth(t *testing.T) {
	found := map[string]int{}
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		d := crashing(rng, 1+rng.IntN(30), seed%2 == 0)
		got := check.Durability(slices.Values(d.ops))
		var at []int64
		for _, crash := range got.Crashes {
			at = append(at, crash.Lost)
		}
		if got.Lost != check.Exactly(d.lost) || !slices.Equal(at, d.at) || got.LostAfter != 0 || got.Missing != d.missing {
			t.Fatalf("seed %d: %+v\ntruth: lost %d, at %v, missing %d", seed, got, d.lost, d.at, d.missing)
		}
		want := check.Holds
		switch {
		case len(d.at) == 0 || d.lost == 0 && got.Acknowledged == 0:
			want = check.Inconclusive
		case d.lost > 0:
			want = check.Refuted
		}
		if got.Verdict != want {
			t.Fatalf("seed %d: %v, want %v: %s", seed, got.Verdict, want, got.Reason)
		}
		found[fmt.Sprintf("lies %v, %v", seed%2 == 0, got.Verdict)]++
	}
	if found["lies true, refuted"] < 100 || found["lies false, refuted"] > 0 || found["lies false, holds"] == 0 {
		t.Errorf("verdicts: %v", found)
	}
}
