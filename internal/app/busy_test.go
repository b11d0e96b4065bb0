package app_test

import (
	"slices"
	"testing"

	"example.com/contend/internal/store"
)

// Random is there to be fairer. SQLite's own schedule is measured in the same
// minute, or the figure says nothing.
func TestRandomIsFairer(t *testing.T) {
	if underTest == store.Ncruces {
		t.Skip("the stock policy of ncruces sleeps random whiles as well: nothing to compare")
	}
	if busyUnderTest == store.Random {
		t.Skip("compared already, where the stock policy is under test")
	}
	shares := map[store.BusyPolicy][]float64{}
	for range 3 {
		for _, busy := range []store.BusyPolicy{store.Stock, store.Random} {
			d := discipline(func(d *store.Discipline) { d.Busy, d.Pool = busy, 1 })
			var counts []int64
			for _, said := range together(t, "compete", file(t), slices.Repeat([]store.Discipline{d}, 6)...) {
				counts = append(counts, said[0])
				if said[1] != 0 && busy == store.Random {
					t.Errorf("%d refusals within busy_timeout %d ms", said[1], d.BusyTimeout)
				}
			}
			t.Logf("%s: %d", busy, counts)
			shares[busy] = append(shares[busy], float64(slices.Min(counts))/float64(slices.Max(counts)))
		}
	}
	stock, random := median(shares[store.Stock]), median(shares[store.Random])
	t.Logf("median of least share to greatest: stock %.2f, random %.2f", stock, random)
	if random <= stock {
		t.Errorf("the least share is %.2f of the greatest, and %.2f with the stock policy; want more", random, stock)
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
