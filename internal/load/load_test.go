package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/workload"
)

// A server stands for time: how long an answer takes, and when there is none.
type server struct {
	start          time.Time
	service        time.Duration
	frozen, thawed time.Duration // it answers nothing in between, counted from start
	dial           func(process int) error

	connected atomic.Int64
	closed    atomic.Int64
	early     atomic.Int64 // calls made before all clients were connected
	clients   int64
}

// A timeClient is a Client of a server.
type timeClient struct {
	*server
	process int
}

func (c *timeClient) Connect(context.Context, time.Time, time.Duration) error {
	time.Sleep(time.Duration(c.process) * time.Millisecond)
	if c.dial != nil {
		if err := c.dial(c.process); err != nil {
			return err
		}
	}
	c.connected.Add(1)
	return nil
}

func (c *timeClient) Do(ctx context.Context, call *workload.Call, now time.Time, timeout time.Duration) {
	if c.connected.Load() < c.clients {
		c.early.Add(1)
	}
	wait := c.service
	if at := now.Sub(c.start); at >= c.frozen && at < c.thawed {
		wait += c.thawed - at
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case <-time.After(wait):
		call.Op.Outcome = history.OK
	case <-ctx.Done():
	}
}

func (c *timeClient) Close() error {
	c.closed.Add(1)
	return nil
}

// runOn runs spec on s in fake time, and checks what holds for every load.
func runOn(t *testing.T, ctx context.Context, s *server, spec run.Load, w workload.Workload) (Result, error) {
	t.Helper()
	s.start, s.clients = time.Now(), int64(spec.Clients)
	if spec.Clients > 1 { // connecting takes that long: see Connect
		s.start = s.start.Add(time.Duration(spec.Clients-1) * time.Millisecond)
	}
	res, err := Run(ctx, spec, Options{
		NewClient:  func(process int) Client { return &timeClient{s, process} },
		Workload:   w,
		newSleeper: func() (func(time.Duration), func()) { return time.Sleep, func() {} },
	})
	if s.early.Load() > 0 {
		t.Errorf("%d calls before all clients were connected", s.early.Load())
	}
	if s.closed.Load() != s.clients {
		t.Errorf("%d of %d clients closed", s.closed.Load(), s.clients)
	}
	lastOf := map[int]time.Duration{}
	for i, op := range res.Ops {
		if op.Index != i || i > 0 && op.Invoked < res.Ops[i-1].Invoked {
			t.Fatalf("op %d is out of order: %+v", i, op)
		}
		if op.Intended > op.Invoked || op.Invoked > op.Returned || op.Invoked < lastOf[op.Process] {
			t.Fatalf("times of op %d: %+v, the process was busy until %s", i, op, lastOf[op.Process])
		}
		lastOf[op.Process] = op.Returned
	}
	return res, err
}

var counter = workload.Increment{Key: "counter", Nodes: 4}

func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: 30 * time.Millisecond}
		res, err := runOn(t, t.Context(), s, run.Load{Arrival: run.Burst, Clients: 100, Requests: 100}, counter)
		if err != nil || len(res.Ops) != 100 {
			t.Fatalf("%d ops, error %v", len(res.Ops), err)
		}
		nodes := map[string]int{}
		for _, op := range res.Ops {
			if op.Intended != 0 || op.Invoked != 0 || op.Returned != s.service {
				t.Errorf("want all due and sent when the gate opens, have %+v", op)
			}
			nodes[op.Node]++
		}
		if diff := cmp.Diff(map[string]int{"app-1": 25, "app-2": 25, "app-3": 25, "app-4": 25}, nodes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: 10 * time.Millisecond}
		res, err := runOn(t, t.Context(), s, run.Load{Arrival: run.Sequence, Clients: 4, Requests: 100}, counter)
		if err != nil || len(res.Ops) != 100 {
			t.Fatalf("%d ops, error %v", len(res.Ops), err)
		}
		for i, op := range res.Ops {
			due := time.Duration(i/4) * s.service
			if op.Process != i%4 || op.Intended != due || op.Invoked != due || op.Returned != due+s.service {
				t.Fatalf("op %d is %+v, want process %d at %s", i, op, i%4, due)
			}
		}
	})
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: 300 * time.Millisecond}
		res, err := runOn(t, t.Context(), s, run.Load{Arrival: run.Closed, Clients: 3, Duration: time.Second}, counter)
		if err != nil || len(res.Ops) != 3*4 {
			t.Fatalf("%d ops, error %v; want 4 of each client, the last sent at 0.9 s", len(res.Ops), err)
		}
	})
}

// A server frozen for 2 s of 5 s at 100/s must show: p90 above 1 s, whatever
// the number of workers and wherever in the load the stall lies.
func TestOpenShowsAStall(t *testing.T) {
	for _, workers := range []int{1, 4, 64, 512} {
		for _, frozen := range []time.Duration{time.Second, 3 * time.Second} {
			t.Run(fmt.Sprintf("%d workers, frozen at %s", workers, frozen), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &server{service: time.Millisecond, frozen: frozen, thawed: frozen + 2*time.Second}
					spec := run.Load{Arrival: run.Open, Clients: workers, Rate: 100, Duration: 5 * time.Second}
					res, err := runOn(t, t.Context(), s, spec, counter)
					if err != nil || len(res.Ops) != 500 || res.Dropped != 0 {
						t.Fatalf("%d ops, %d dropped, error %v; want 500 and 0", len(res.Ops), res.Dropped, err)
					}
					checkSchedule(t, res.Ops, 10*time.Millisecond)
					if p90 := measure.Latency(res.Ops).P90; p90 <= 1000 {
						t.Errorf("p90 is %g ms, want above 1 s", p90)
					}
					// Positive control: counted from when a call was sent, the
					// same ops hide the stall wherever few workers were there to meet it.
					if p90 := sinceInvoked(res.Ops).P90; workers <= 4 && p90 >= 1000 {
						t.Errorf("p90 from Invoked is %g ms: the stall shows without Intended, so this test proves nothing", p90)
					}
				})
			})
		}
	}
}

// checkSchedule checks that there is one op for each place in the schedule.
func checkSchedule(t *testing.T, ops []history.Op, spacing time.Duration) {
	t.Helper()
	var due []time.Duration
	for _, op := range ops {
		due = append(due, op.Intended)
	}
	slices.Sort(due)
	for k, d := range due {
		if want := time.Duration(k) * spacing; (d - want).Abs() > time.Microsecond {
			t.Fatalf("arrival %d was due at %s, want %s", k, d, want)
		}
	}
}

func sinceInvoked(ops []history.Op) measure.Summary {
	var all []time.Duration
	for _, op := range ops {
		all = append(all, op.Returned-op.Invoked)
	}
	return measure.Durations(all)
}

func TestOpenSendsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := run.Load{Arrival: run.Open, Clients: 2, Rate: 3, Duration: 7 * time.Second}
		res, err := runOn(t, t.Context(), &server{service: time.Millisecond}, spec, counter)
		if err != nil || len(res.Ops) != 21 {
			t.Fatalf("%d ops, error %v; want 21", len(res.Ops), err)
		}
		for _, op := range res.Ops {
			if op.Invoked != op.Intended {
				t.Errorf("due at %s, sent at %s", op.Intended, op.Invoked)
			}
		}
	})
}

func TestOpenCountsWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: time.Second}
		spec := run.Load{Arrival: run.Open, Clients: 1, Rate: 10, Duration: 3 * time.Second, Timeout: 2 * time.Second}
		res, err := runOn(t, t.Context(), s, spec, counter)
		if err != nil || len(res.Ops) != 5 || res.Dropped != 25 {
			t.Fatalf("%d ops, %d dropped, error %v; want 5, one a second for 3 s and 2 s of grace, and 25", len(res.Ops), res.Dropped, err)
		}
	})
}

func TestCancel(t *testing.T) {
	stopped := errors.New("the user has seen enough")
	for _, test := range []struct {
		spec         run.Load
		ops, dropped int
	}{
		{run.Load{Arrival: run.Burst, Clients: 5, Requests: 5}, 5, 0},
		{run.Load{Arrival: run.Sequence, Clients: 2, Requests: 200}, 2 * 11, 0},
		{run.Load{Arrival: run.Closed, Clients: 2, Duration: time.Minute}, 2 * 11, 0},
		{run.Load{Arrival: run.Open, Clients: 2, Rate: 100, Duration: time.Minute}, 2 * 11, 106 - 2*11},
	} {
		t.Run(string(test.spec.Arrival), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				s := &server{service: 100 * time.Millisecond, frozen: time.Second, thawed: time.Hour}
				if test.spec.Arrival == run.Burst {
					s.frozen = 0
				}
				connecting := time.Duration(test.spec.Clients-1) * time.Millisecond
				time.AfterFunc(connecting+1055*time.Millisecond, func() { cancel(stopped) })
				res, err := runOn(t, ctx, s, test.spec, counter)
				if !errors.Is(err, stopped) {
					t.Errorf("error %v, want the cause", err)
				}
				if len(res.Ops) != test.ops || res.Dropped != test.dropped {
					t.Errorf("%d ops, %d dropped; want %d, %d", len(res.Ops), res.Dropped, test.ops, test.dropped)
				}
				for _, op := range res.Ops[len(res.Ops)-test.spec.Clients:] {
					if op.Outcome != history.Unknown || op.Returned != 1055*time.Millisecond {
						t.Errorf("in flight: %+v, want unknown at once", op)
					}
				}
			})
		})
	}
}

func TestConnectError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		s := &server{dial: func(process int) error {
			if process == 2 {
				return refused
			}
			return nil
		}}
		res, err := runOn(t, t.Context(), s, run.Load{Arrival: run.Burst, Clients: 4, Requests: 4}, counter)
		if !errors.Is(err, refused) || err.Error() != "connect client 2: refused" || res.Ops != nil {
			t.Errorf("%d ops, error %v", len(res.Ops), err)
		}
	})
}

func TestRunRefuses(t *testing.T) {
	if _, err := Run(t.Context(), run.Load{}, Options{}); err == nil {
		t.Error("took a load without arrival")
	}
	if _, err := Run(t.Context(), run.Load{Arrival: run.Burst, Clients: 1, Requests: 1}, Options{}); err == nil {
		t.Error("took options without client and workload")
	}
}

// The seed names the calls of every process, and another seed names others.
func TestSeed(t *testing.T) {
	w := workload.Transfer{Accounts: 5, Max: 100}
	calls := func(seed uint64) map[int][]string {
		all := map[int][]string{}
		synctest.Test(t, func(t *testing.T) {
			s := &server{service: time.Millisecond}
			res, err := Run(t.Context(), run.Load{Arrival: run.Sequence, Clients: 3, Requests: 30}, Options{
				NewClient: func(process int) Client { return &timeClient{s, process} },
				Workload:  w, Seed: seed,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, op := range res.Ops {
				all[op.Process] = append(all[op.Process], fmt.Sprint(op.Key, op.To, op.Amount))
			}
		})
		return all
	}
	if diff := cmp.Diff(calls(1), calls(1)); diff != "" {
		t.Error("one seed, two lists of calls:\n" + diff)
	}
	one, other := calls(1), calls(2)
	if cmp.Equal(one, other) {
		t.Error("two seeds, one list of calls")
	}
	if cmp.Equal(one[0], one[1]) {
		t.Error("two processes make the same calls")
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{service: 50 * time.Millisecond}
		var seen []int
		_, err := Run(t.Context(), run.Load{Arrival: run.Sequence, Clients: 2, Requests: 20}, Options{
			NewClient: func(process int) Client { return &timeClient{s, process} },
			Workload:  counter,
			Progress: func(done, total int) {
				if total != 20 {
					t.Errorf("total is %d, want 20", total)
				}
				seen = append(seen, done)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) < 5 || seen[len(seen)-1] != 20 || !slices.IsSorted(seen) {
			t.Errorf("progress was %v", seen)
		}
	})
}

// On the machine's own clock, and with its own sleeper, nothing is sent before it is due.
func TestOpenInRealTime(t *testing.T) {
	s := &server{}
	res, err := Run(t.Context(), run.Load{Arrival: run.Open, Clients: 4, Rate: 1000, Duration: 50 * time.Millisecond}, Options{
		NewClient: func(process int) Client { return &timeClient{s, process} },
		Workload:  counter,
	})
	if err != nil || len(res.Ops) != 50 {
		t.Fatalf("%d ops, error %v; want 50", len(res.Ops), err)
	}
	for _, op := range res.Ops {
		if op.Invoked < op.Intended {
			t.Errorf("due at %s, sent at %s", op.Intended, op.Invoked)
		}
	}
	var late []time.Duration
	for _, op := range res.Ops {
		late = append(late, op.Invoked-op.Intended)
	}
	t.Logf("sent late by, in ms: %+v", measure.Durations(late))
}

// However the ops were spread, a record gives back each as it was, in order.
func TestRecord(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	var records []*record
	var want []history.Op
	for process := range 3 {
		r := newRecord([]int{0, 10, 1000}[process])
		at := time.Duration(process)
		for n := range 1000 {
			at += time.Duration(1+rng.IntN(50)) * 3 // no two processes at one time
			op := history.Op{
				Process: process, Func: history.Write, Node: pick("", "app-1", "app-2"), Key: pick("a", fmt.Sprint(n)), To: pick("", "b"),
				Amount: rng.Int64(), Value: history.Value{Int64: rng.Int64(), Valid: n%2 == 0},
				Intended: at - 1, Invoked: at, Returned: at + 1, Attempts: n, Outcome: history.Outcome(n % 3),
				Status: 200 + n, Code: pick("", "SQLITE_BUSY"), Extended: pick("", "SQLITE_BUSY_SNAPSHOT"),
			}
			r.add(&op)
			want = append(want, op)
		}
		records = append(records, &r)
	}
	slices.SortFunc(want, func(a, b history.Op) int { return int(a.Invoked - b.Invoked) })
	for i := range want {
		want[i].Index = i
	}
	if diff := cmp.Diff(want, merge(records)); diff != "" {
		t.Error("want -, got +\n" + diff)
	}
}
