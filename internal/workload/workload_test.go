package workload_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/workload"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func TestCalls(t *testing.T) {
	for _, test := range []struct {
		name    string
		w       workload.Workload
		process int
		want    workload.Call
	}{
		{"request 5 of the source's burst goes to app-2", workload.Increment{Key: "counter", Nodes: 4}, 5, workload.Call{
			Op:     history.Op{Func: history.Increment, Key: "counter", Node: "app-2"},
			Method: "POST", Path: "/app-2/api/increment", Body: []byte(`{"key":"counter"}`)}},
		{"a counter of that node's own", workload.Increment{Key: "counter", Nodes: 4, Own: true}, 5, workload.Call{
			Op:     history.Op{Func: history.Increment, Key: "counter-2", Node: "app-2"},
			Method: "POST", Path: "/app-2/api/increment", Body: []byte(`{"key":"counter-2"}`),
		}},
		{"any node", workload.Increment{Key: "counter"}, 5, workload.Call{
			Op:     history.Op{Func: history.Increment, Key: "counter"},
			Method: "POST", Path: "/api/increment", Body: []byte(`{"key":"counter"}`)}},
		{"a key that needs escapes", workload.Increment{Key: "a\"\n在"}, 0, workload.Call{
			Op:     history.Op{Func: history.Increment, Key: "a\"\n在"},
			Method: "POST", Path: "/api/increment", Body: []byte(`{"key":"a\"\n在"}`)}},
		{"read", workload.Read{Key: "a b&c\r\n", Nodes: 2}, 1, workload.Call{
			Op:     history.Op{Func: history.Read, Key: "a b&c\r\n", Node: "app-2"},
			Method: "GET", Path: "/app-2/api/counter?key=a+b%26c%0D%0A"}},
		{"total", workload.Total{Nodes: 2}, 1, workload.Call{
			Op:     history.Op{Func: history.Total, Key: "balances", Node: "app-2"},
			Method: "GET", Path: "/app-2/api/total"}},
		{"purchase", workload.Purchase{Item: "book", Quantity: 5}, 0, workload.Call{
			Op:     history.Op{Func: history.Purchase, Key: "book", Amount: 5},
			Method: "POST", Path: "/api/purchase", Body: []byte(`{"item":"book","quantity":5}`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.w.Call(test.process, 0, seeded(1))); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
		})
	}
}

// A sequence of the source: each of 4 processes stays with one container.
func TestIncrementInSequence(t *testing.T) {
	w := workload.Increment{Key: "counter", Nodes: 4}
	for process := range 4 {
		for n := range 25 {
			if got, want := w.Call(process, n, seeded(1)).Op.Node, fmt.Sprintf("app-%d", process+1); got != want {
				t.Fatalf("call %d of process %d goes to %s, want %s", n, process, got, want)
			}
		}
	}
}

// The source's lock waiters ask app-2, app-3 and app-4, never the holder.
func TestWriteFirst(t *testing.T) {
	w := workload.Write{First: 2, Nodes: 3}
	var got []string
	for process := range 4 {
		got = append(got, w.Call(process, 0, seeded(1)).Op.Node)
	}
	if diff := cmp.Diff([]string{"app-2", "app-3", "app-4", "app-2"}, got); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}

// Each of several counters is asked for about equally often, by its own name in
// the op and in the request.
func TestSeveralCounters(t *testing.T) {
	const keys, calls = 20, 20_000
	for _, w := range []workload.Workload{
		workload.Increment{Key: "counter", Keys: keys}, workload.Read{Key: "counter", Keys: keys},
	} {
		count := map[string]int{}
		rng := seeded(1)
		for n := range calls {
			call := w.Call(0, n, rng)
			key := call.Op.Key
			if want := fmt.Sprintf(`{"key":%q}`, key); call.Method == "POST" && string(call.Body) != want ||
				call.Method == "GET" && call.Path != "/api/counter?key="+key {
				t.Fatalf("%s %s %s, want it to ask for %s", call.Method, call.Path, call.Body, key)
			}
			count[key]++
		}
		for i := range keys {
			if n := count[workload.Counter("counter", i)]; n < calls/keys*8/10 || n > calls/keys*12/10 {
				t.Errorf("%v: counter %d is drawn %d times of %d", w, i, n, calls)
			}
		}
		if len(count) != keys || count["counter-1"] == 0 || count["counter-20"] == 0 {
			t.Errorf("%v: %d counters, want counter-1 to counter-%d", w, len(count), keys)
		}
	}
}

// Where there is one counter, no chance is drawn: a seed of before names the
// same calls.
func TestOneCounterDrawsNothing(t *testing.T) {
	rng, untouched := seeded(1), seeded(1)
	workload.Increment{Key: "counter"}.Call(0, 0, rng)
	workload.Read{Key: "counter"}.Call(0, 0, rng)
	if rng.Uint64() != untouched.Uint64() {
		t.Error("a call of one counter draws from the generator")
	}
}

func TestWords(t *testing.T) {
	one, many := workload.Increment{Key: "counter"}, workload.Increment{Key: "counter", Keys: 1000}
	for _, tt := range []struct {
		w    workload.Workload
		want string
	}{
		{one, "increment one counter"},
		{many, "increment one of 1000 counters"},
		{workload.Read{Keys: 1000}, "read one of 1000 counters"},
		{workload.Mix{A: one, B: workload.Read{Key: "counter"}, Share: 90}, "10 % increment one counter, 90 % read one counter"},
		{workload.Write{}, "insert small rows"},
		{workload.Write{Size: 1024}, "insert rows of 1024 bytes"},
		{workload.Transfer{Accounts: 10}, "transfers among 10 accounts"},
	} {
		if got := tt.w.String(); got != tt.want {
			t.Errorf("it says %q, want %q", got, tt.want)
		}
	}
}

func TestWriteTags(t *testing.T) {
	for _, size := range []int{0, 20} {
		w := workload.Write{Size: size}
		seen := map[string]bool{}
		for process := range 5 {
			rng := seeded(uint64(process))
			for n := range 20 {
				call := w.Call(process, n, rng)
				var request nodeapi.WriteRequest
				if err := json.Unmarshal(call.Body, &request); err != nil {
					t.Fatal(err)
				}
				tag := call.Op.Key
				if workload.Tag(request.Data) != tag || seen[tag] {
					t.Errorf("data %q: tag %q, want %q and never before", request.Data, workload.Tag(request.Data), tag)
				}
				if payload := strings.TrimPrefix(request.Data, tag); size > 0 && len(payload) != 1+size || size == 0 && payload != "" {
					t.Errorf("data %q: want %d bytes after the tag", request.Data, size)
				}
				seen[tag] = true
			}
		}
	}
}

func TestTransferPicks(t *testing.T) {
	w := workload.Transfer{Accounts: 3, Max: 5, Nodes: 2}
	pairs, amounts := map[string]bool{}, map[int64]bool{}
	rng := seeded(1)
	for n := range 500 {
		call := w.Call(0, n, rng)
		op := call.Op
		if op.Key == op.To || op.Amount < 1 || op.Amount > 5 {
			t.Fatalf("transfers %d from %s to %s", op.Amount, op.Key, op.To)
		}
		if want := fmt.Sprintf(`{"from":%q,"to":%q,"amount":%d}`, op.Key, op.To, op.Amount); string(call.Body) != want {
			t.Fatalf("body %s, want %s", call.Body, want)
		}
		pairs[op.Key+op.To], amounts[op.Amount] = true, true
	}
	if len(pairs) != 6 || len(amounts) != 5 {
		t.Errorf("drew %d pairs and %d amounts, want all 6 and 5", len(pairs), len(amounts))
	}
}

func TestMix(t *testing.T) {
	w := workload.Mix{A: workload.Transfer{Accounts: 3}, B: workload.Total{}, Share: 25}
	count := map[string]int{}
	rng := seeded(1)
	for n := range 2000 {
		count[w.Call(0, n, rng).Op.Func]++
	}
	if totals := count[history.Total]; totals < 400 || totals > 600 || totals+count[history.Transfer] != 2000 {
		t.Errorf("calls are %v, want about a quarter of totals and else transfers", count)
	}
	for share, want := range map[int]string{0: history.Transfer, 100: history.Total} {
		w.Share = share
		for n := range 200 {
			if got := w.Call(0, n, rng).Op.Func; got != want {
				t.Fatalf("a share of %d %% gave a %s", share, got)
			}
		}
	}
}

func TestRoles(t *testing.T) {
	w := workload.Roles{First: 2, A: workload.Write{Nodes: 4}, B: workload.Read{Key: "k", Nodes: 4}}
	var got []string
	for process := range 4 {
		for n := range 2 {
			op := w.Call(process, n, seeded(1)).Op
			got = append(got, op.Func+" "+op.Node)
		}
	}
	want := []string{
		"write app-1", "write app-1", "write app-2", "write app-2",
		"read app-3", "read app-3", "read app-4", "read app-4",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
	if got, want := w.String(), "the first 2 clients: insert small rows; the others: read one counter"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	w.First = 1
	if got, want := w.String(), "the first client: insert small rows; the others: read one counter"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// Workloads stand in the setups that name recordings.
func TestWorkloadsAreComparable(t *testing.T) {
	for _, w := range []workload.Workload{
		workload.Increment{}, workload.Read{}, workload.Write{}, workload.Purchase{}, workload.Transfer{}, workload.Total{},
		workload.Increment{Key: "counter", Keys: 1000}, workload.Mix{A: workload.Increment{Keys: 9}, B: workload.Read{Keys: 9}, Share: 90},
		workload.Mix{A: workload.Mix{A: workload.Read{}, B: workload.Write{}}, B: workload.Total{}},
		workload.Roles{First: 1, A: workload.Write{}, B: workload.Read{}},
	} {
		if seen := (map[workload.Workload]bool{w: true}); !seen[w] {
			t.Errorf("%T is not found under itself", w)
		}
	}
}

func TestSeedNamesTheCalls(t *testing.T) {
	for _, w := range []workload.Workload{
		workload.Write{Size: 8},
		workload.Transfer{Accounts: 4, Max: 1000},
		workload.Increment{Key: "counter", Keys: 1000},
		workload.Read{Key: "counter", Keys: 1000},
		workload.Mix{A: workload.Read{}, B: workload.Total{}, Share: 50},
	} {
		calls := func(seed uint64) (all []workload.Call) {
			rng := seeded(seed)
			for n := range 10 {
				all = append(all, w.Call(1, n, rng))
			}
			return all
		}
		if diff := cmp.Diff(calls(7), calls(7)); diff != "" {
			t.Errorf("%T: one seed, two lists of calls:\n%s", w, diff)
		}
		if cmp.Equal(calls(7), calls(8)) {
			t.Errorf("%T: two seeds, one list of calls", w)
		}
	}
}
