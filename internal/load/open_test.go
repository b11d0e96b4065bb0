package load

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPhases(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, test := range []struct {
		name        string
		rate        float64
		duration    time.Duration
		then        Phase
		first, last time.Duration // when the first arrival of the second phase, and the last of all, is due
		arrivals    int
	}{
		{"one phase", 10, s, Phase{}, s, 900 * ms, 10},
		{"faster", 10, s, Phase{100, s}, s, 1990 * ms, 110},
		{"slower", 100, s, Phase{2, 3 * s}, s, 3500 * ms, 106},
		{"the first ends between two arrivals", 3, 1100 * ms, Phase{10, 200 * ms}, 1100 * ms, 1200 * ms, 6},
		{"the second is shorter than a spacing", 10, s, Phase{1, ms}, s, s, 11},
		{"a rate of thirds", 3, 7 * s, Phase{3, 7 * s}, 7 * s, 7*s + 6666666666, 42},
		{"a spacing below a nanosecond", 1, s, Phase{3e9, 2}, s, s + 1, 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := Spec{Arrival: Open, Clients: 1, Rate: test.rate, Duration: test.duration, Then: test.then}
			if err := spec.Validate(); err != nil {
				t.Error(err)
			}
			n, before := spec.arrivals(), spec.first().arrivals()
			if n != test.arrivals || n > before && spec.due(before) != test.first || spec.due(n-1) != test.last {
				t.Errorf("%d arrivals, the second phase from %s, the last at %s; want %d, %s and %s",
					n, spec.due(before), spec.due(n-1), test.arrivals, test.first, test.last)
			}
			for k := range n - 1 {
				if spec.due(k) > spec.due(k+1) || k < before != (spec.due(k) < test.duration) {
					t.Fatalf("arrival %d is due at %s and the next at %s", k, spec.due(k), spec.due(k+1))
				}
			}
		})
	}
}

func TestPhaseRefused(t *testing.T) {
	open := Spec{Arrival: Open, Clients: 1, Rate: 10, Duration: time.Second, Then: Phase{10, time.Second}}
	if err := open.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, then := range []Phase{
		{Rate: 10},
		{Duration: time.Second},
		{-1, time.Second},
		{10, -time.Second},
		{math.NaN(), time.Second},
		{math.Inf(1), time.Second},
		{maxArrivals, time.Second},
	} {
		spec := open
		spec.Then = then
		if spec.Validate() == nil {
			t.Errorf("%+v is valid", spec)
		}
	}
	for _, spec := range []Spec{
		{Arrival: Burst, Clients: 1, Requests: 1},
		{Arrival: Sequence, Clients: 1, Requests: 1},
		{Arrival: Closed, Clients: 1, Duration: time.Second},
	} {
		spec.Then = open.Then
		if spec.Validate() == nil {
			t.Errorf("%+v is valid", spec)
		}
	}
}

// Both phases arrive on time, and a surge that the clients cannot serve shows
// as latency from the moment it begins and not before.
func TestSecondPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: 100 * time.Millisecond} // 40/s with 4 clients
		spec := Spec{Arrival: Open, Clients: 4, Rate: 20, Duration: 2 * time.Second, Then: Phase{80, 2 * time.Second}}
		res, err := runOn(t, t.Context(), s, spec, counter)
		if err != nil || len(res.Ops) != 200 || res.Dropped != 0 {
			t.Fatalf("%d ops, %d dropped, error %v; want 200 and 0", len(res.Ops), res.Dropped, err)
		}
		for k, op := range res.Ops { // answered in the order they came
			want := time.Duration(k) * 50 * time.Millisecond
			if k >= 40 {
				want = 2*time.Second + time.Duration(k-40)*12500*time.Microsecond
			}
			if (op.Intended - want).Abs() > time.Nanosecond {
				t.Fatalf("arrival %d was due at %s, want %s", k, op.Intended, want)
			}
			if late := op.Invoked - op.Intended; k < 40 && late != 0 {
				t.Errorf("arrival %d, of the first phase, was sent late by %s", k, late)
			}
		}
		if last := res.Ops[199]; last.Invoked-last.Intended < 1500*time.Millisecond {
			t.Errorf("the last arrival waited %s for a client: the surge does not show", last.Invoked-last.Intended)
		}
	})
}

// The grace for what waits counts from the end of the second phase.
func TestSecondPhaseCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: time.Second}
		spec := Spec{Arrival: Open, Clients: 1, Rate: 1, Duration: 3 * time.Second, Then: Phase{10, 2 * time.Second}, Timeout: 2 * time.Second}
		res, err := runOn(t, t.Context(), s, spec, counter)
		if err != nil || len(res.Ops) != 7 || res.Dropped != 16 {
			t.Fatalf("%d ops, %d dropped, error %v; want 7, one a second for 5 s and 2 s of grace, and 16", len(res.Ops), res.Dropped, err)
		}
	})
}

// A load that is cancelled in its first phase never comes to its second.
func TestCancelBeforeTheSecondPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := errors.New("the user has seen enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1050*time.Millisecond, func() { cancel(stopped) })
		spec := Spec{Arrival: Open, Clients: 1, Rate: 10, Duration: 2 * time.Second, Then: Phase{1000, time.Second}}
		res, err := runOn(t, ctx, &server{}, spec, counter)
		if !errors.Is(err, stopped) || len(res.Ops) != 11 || res.Dropped != 0 {
			t.Errorf("%d ops, %d dropped, error %v; want 11, 0 and the cause", len(res.Ops), res.Dropped, err)
		}
	})
}

func TestPhaseJSON(t *testing.T) {
	for _, test := range []struct {
		then Phase
		want string
	}{
		{Phase{}, `{"arrival":"open","clients":2,"rate_per_s":5}`},
		{Phase{2.5, 1500 * time.Millisecond}, `{"arrival":"open","clients":2,"rate_per_s":5,"then":{"rate_per_s":2.5,"seconds":1.5}}`},
		{Phase{1, time.Nanosecond}, `{"arrival":"open","clients":2,"rate_per_s":5,"then":{"rate_per_s":1,"seconds":1e-9}}`},
	} {
		spec := Spec{Arrival: Open, Clients: 2, Rate: 5, Then: test.then}
		text, err := json.Marshal(spec)
		if err != nil || string(text) != test.want {
			t.Errorf("marshals to %s, error %v; want %s", text, err, test.want)
		}
		var back Spec
		if err := json.Unmarshal(text, &back); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(spec, back); diff != "" {
			t.Error("written -, read +\n" + diff)
		}
	}
	if err := json.Unmarshal([]byte(`{"then":{"seconds":"long"}}`), new(Spec)); err == nil {
		t.Error("read a duration that is no number")
	}
}
