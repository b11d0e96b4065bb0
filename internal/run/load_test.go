package run

import (
	"encoding/json"
	"math"
	"testing"
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
			spec := Load{Arrival: Open, Clients: 1, Rate: test.rate, Duration: test.duration, Then: test.then}
			if err := spec.Validate(); err != nil {
				t.Error(err)
			}
			n, before := spec.Arrivals(), spec.first().arrivals()
			if n != test.arrivals || n > before && spec.Due(before) != test.first || spec.Due(n-1) != test.last {
				t.Errorf("%d arrivals, the second phase from %s, the last at %s; want %d, %s and %s",
					n, spec.Due(before), spec.Due(n-1), test.arrivals, test.first, test.last)
			}
			for k := range n - 1 {
				if spec.Due(k) > spec.Due(k+1) || k < before != (spec.Due(k) < test.duration) {
					t.Fatalf("arrival %d is due at %s and the next at %s", k, spec.Due(k), spec.Due(k+1))
				}
			}
		})
	}
}

func TestPhaseRefused(t *testing.T) {
	open := Load{Arrival: Open, Clients: 1, Rate: 10, Duration: time.Second, Then: Phase{10, time.Second}}
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
	for _, spec := range []Load{
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

func TestPhaseJSON(t *testing.T) {
	for _, test := range []struct {
		then Phase
		want string
	}{
		{Phase{}, `{"arrival":"open","clients":2,"rate_per_s":5}`},
		{Phase{2.5, 1500 * time.Millisecond}, `{"arrival":"open","clients":2,"rate_per_s":5,"then":{"rate_per_s":2.5,"seconds":1.5}}`},
		{Phase{1, time.Nanosecond}, `{"arrival":"open","clients":2,"rate_per_s":5,"then":{"rate_per_s":1,"seconds":1e-9}}`},
	} {
		spec := Load{Arrival: Open, Clients: 2, Rate: 5, Then: test.then}
		text, err := json.Marshal(spec)
		if err != nil || string(text) != test.want {
			t.Errorf("marshals to %s, error %v; want %s", text, err, test.want)
		}
		var back Load
		if err := json.Unmarshal(text, &back); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(spec, back); diff != "" {
			t.Error("written -, read +\n" + diff)
		}
	}
	if err := json.Unmarshal([]byte(`{"then":{"seconds":"long"}}`), new(Load)); err == nil {
		t.Error("read a duration that is no number")
	}
}

func TestValidate(t *testing.T) {
	for _, spec := range []Load{
		{},
		{Arrival: Burst},
		{Arrival: Burst, Clients: 4, Requests: 5},
		{Arrival: Sequence, Clients: 4, Requests: 5},
		{Arrival: Sequence, Requests: 5},
		{Arrival: Closed, Clients: 1},
		{Arrival: Closed, Clients: 1, Duration: time.Second, Timeout: -1},
		{Arrival: Open, Clients: 1, Duration: time.Second},
		{Arrival: Open, Duration: time.Second, Rate: 1},
		{Arrival: Open, Clients: 1, Duration: time.Hour, Rate: 1e6},
	} {
		if spec.Validate() == nil {
			t.Errorf("%+v is valid", spec)
		}
	}
}
