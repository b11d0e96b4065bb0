package workload

import (
	"slices"
	"testing"
)

func TestCounters(t *testing.T) {
	a, b := Increment{Key: "a"}, Increment{Key: "b", Nodes: 4}
	for _, tt := range []struct {
		w    Workload
		keys []string
		only bool
	}{
		{a, []string{"a"}, true},
		{Increment{Key: "a", Keys: 3}, []string{"a-1", "a-2", "a-3"}, true},
		{Increment{Key: "a", Nodes: 2, Own: true}, []string{"a-1", "a-2"}, true},
		{Read{Key: "a"}, nil, true},
		{Read{Key: "a", Keys: 3}, nil, true},
		{Mix{A: Increment{Key: "a", Keys: 2}, B: Read{Key: "a", Keys: 2}, Share: 90}, []string{"a-1", "a-2"}, true},
		{Mix{A: Increment{Key: "a", Keys: 2}, B: Increment{Key: "a-1"}}, []string{"a-1", "a-2"}, true},
		{Mix{A: b, B: a}, []string{"a", "b"}, true},
		{Mix{A: a, B: Read{Key: "a"}}, []string{"a"}, true},
		{Roles{First: 1, A: a, B: a}, []string{"a"}, true},
		{Roles{First: 1, A: a, B: Write{}}, []string{"a"}, false},
		{Transfer{Accounts: 2}, nil, false},
		{nil, nil, false},
	} {
		if keys, only := Counters(tt.w); !slices.Equal(keys, tt.keys) || only != tt.only {
			t.Errorf("Counters(%v) = %q, %v; want %q, %v", tt.w, keys, only, tt.keys, tt.only)
		}
	}
}
