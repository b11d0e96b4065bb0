package ladder

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// every is a comparison with all servers and all workloads.
func every() run.Ladder {
	return run.Ladder{
		Nodes: 4, Driver: store.Modernc, Mixed: []string{store.Modernc, store.Ncruces},
		Servers:   []run.Server{{Name: Postgres, Label: "PostgreSQL"}, {Name: Given, Label: "CockroachDB", Given: true}, {Name: Rqlite, Label: "rqlite"}},
		Workloads: Workloads(), Clients: []int{1, 10, 100, 500},
		Lasts: time.Second, Rate: 200, Steps: 6, Repeats: 5, Expect: DefaultExpect,
	}
}

func TestTheLadderIsAnExperiment(t *testing.T) {
	for _, quick := range []bool{false, true} {
		o := every()
		o.Quick = quick
		l, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Validate(); err != nil {
			t.Error(err)
		}
		if names := namesOf(rungs(o))[:7]; !slices.Equal(names, []string{"red", "busy-timeout", "wal", "immediate", "fair", "queue", "single-writer"}) {
			t.Errorf("the ladder begins with %v", names)
		}
	}
}

// Each rung on a file is the one before and one thing more; the balancer's
// change is no change of the nodes'.
func TestEachRungOnAFileAddsOneThing(t *testing.T) {
	all := onFile(every())
	for i := 1; i < 7; i++ {
		if n := differences(all[i-1], all[i]); n != 1 {
			t.Errorf("%s differs from %s in %d settings, want 1", all[i].name, all[i-1].name, n)
		}
	}
}

func differences(a, b rung) (n int) {
	d, e := a.discipline, b.discipline
	for _, differ := range []bool{
		d.Journal != e.Journal, d.Synchronous != e.Synchronous, d.BusyTimeout != e.BusyTimeout, d.Busy != e.Busy,
		d.Transaction != e.Transaction, d.Think != e.Think, d.Retries != e.Retries, d.Backoff != e.Backoff,
		d.Writer != e.Writer, d.Pool != e.Pool, d.Driver != e.Driver, a.singleWriter != b.singleWriter, !slices.Equal(a.drivers, b.drivers),
	} {
		if differ {
			n++
		}
	}
	return n
}

// No rung is both, and every engine has a naive one to show what the careful are for.
func TestEveryEngineHasANaiveRung(t *testing.T) {
	naive, careful := map[string]bool{}, map[string]bool{}
	for _, r := range rungs(every()) {
		if r.naive && r.careful {
			t.Errorf("%s is naive and careful", r.name)
		}
		naive[r.server] = naive[r.server] || r.naive
		careful[r.server] = careful[r.server] || r.careful
		if r.means == "" || len(r.documents) != 2 {
			t.Errorf("%s says too little of itself: %q, %d documents", r.name, r.means, len(r.documents))
		}
	}
	if len(naive) != 4 || len(careful) != 4 {
		t.Errorf("naive on %v, careful on %v", naive, careful)
	}
	for server := range naive {
		if !naive[server] || !careful[server] {
			t.Errorf("%q lacks a naive or a careful rung", server)
		}
	}
}

func TestServersOfOthersAreNotKilled(t *testing.T) {
	o := every()
	o.Servers[2].Given = true
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Arms {
		arm := &l.Arms[i]
		for _, trial := range arm.Trials {
			strike, struck := trial.Setup.Fault.(run.Strike)
			ours := !strings.HasPrefix(arm.Name, Given+"/") && !strings.HasPrefix(arm.Name, Rqlite+"/")
			if struck && strike.Whom == "server" && !ours {
				t.Errorf("%s: the server is killed", arm.Name)
			}
		}
	}
}

func TestRungsAreChosen(t *testing.T) {
	for _, tt := range []struct {
		patterns []string
		want     []string
	}{
		{[]string{"queue"}, []string{"queue"}},
		{[]string{"postgres"}, Of(Postgres)},
		{[]string{"postgres/*"}, Of(Postgres)},
		{[]string{"*/naive", "red"}, []string{"red", "postgres/naive", "given/naive", "rqlite/naive"}},
	} {
		o := every()
		o.Rungs = tt.patterns
		l, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range l.Arms {
			got = append(got, l.Arms[i].Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q chooses %q, want %q", tt.patterns, got, tt.want)
		}
	}
	if Wants([]string{"queue", "postgres/*"}, Rqlite) || !Wants([]string{"rqlite/update"}, Rqlite) || !Wants(nil, Rqlite) {
		t.Error("servers are wanted for rungs that are not, or the other way round")
	}
}

func TestOptionsNameTheCulprit(t *testing.T) {
	for culprit, spoil := range map[string]func(*run.Ladder){
		"nodes":    func(o *run.Ladder) { o.Nodes = 1 },
		"think":    func(o *run.Ladder) { o.Think = -1 },
		"for":      func(o *run.Ladder) { o.Lasts = 0 },
		"rate":     func(o *run.Ladder) { o.Rate = -1 },
		"steps":    func(o *run.Ladder) { o.Steps = 99 },
		"repeats":  func(o *run.Ladder) { o.Repeats = -1 },
		"pool":     func(o *run.Ladder) { o.Pools = []int{0} },
		"driver":   func(o *run.Ladder) { o.Driver = store.Pgx },
		"workload": func(o *run.Ladder) { o.Workloads = []string{"counter", "counter"} },
		"want":     func(o *run.Ladder) { o.Workloads = nil },
		"clients":  func(o *run.Ladder) { o.Clients = []int{10, 1} },
		"rung":     func(o *run.Ladder) { o.Rungs = []string{"quue"} },
	} {
		o := every()
		spoil(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), culprit) {
			t.Errorf("%s: error is %v", culprit, err)
		}
	}
}

func TestLongestGap(t *testing.T) {
	at := func(ms int, outcome history.Outcome) history.Op {
		return history.Op{Func: history.Increment, Outcome: outcome, Returned: time.Duration(ms) * time.Millisecond}
	}
	r := &run.Recording{Ops: []history.Op{at(1, history.OK), at(90, history.OK), at(50, history.Failed), at(30, history.OK), at(500, history.Failed)}}
	if got := longestGap(r); got != 410*time.Millisecond {
		t.Errorf("longest gap %s, want 410ms: from 90 to the end", got)
	}
	r.Ops = append(r.Ops, at(480, history.OK), at(100, history.OK), at(150, history.OK))
	if got := longestGap(r); got != 330*time.Millisecond {
		t.Errorf("longest gap %s, want 330ms: from 150 to 480", got)
	}
}

// What reached no node is no error of a rung, but a rate of which much did not was not tried.
func TestRatesLeaveOutWhatReachedNoNode(t *testing.T) {
	target, err := ParseExpect("p99<100ms,errors<1%")
	if err != nil {
		t.Fatal(err)
	}
	l := &ladder{expect: target}
	for _, tt := range []struct {
		ok, refused, unreached int
		errors                 float64
		met                    bool
	}{
		{1000, 0, 0, 0, true},
		{990, 0, 10, 0, true},
		{980, 0, 20, 0, false},
		{970, 20, 10, 20.0 / 990, false},
		{0, 0, 1000, 0, false},
	} {
		var ops []history.Op
		for outcome, n := range map[history.Op]int{
			{Outcome: history.OK}: tt.ok, {Outcome: history.Failed, Code: nodeapi.CodeBusy}: tt.refused,
			{Outcome: history.Failed, Code: nodeapi.CodeNoNode, Returned: time.Minute}: tt.unreached,
		} {
			ops = append(ops, slices.Repeat([]history.Op{outcome}, n)...)
		}
		setup := run.Setup{Load: run.Load{Arrival: run.Open, Rate: 100}}
		step := l.atOneRate(&run.TrialEvidence{Setup: setup, Recordings: []*run.Recording{{Setup: setup, Ops: ops}}})
		if step.Errors != tt.errors || step.Met != tt.met || step.Refused != tt.refused || step.Unreached != tt.unreached {
			t.Errorf("%+v: got %+v", tt, step)
		}
	}
}
