package watch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/contend/internal/lockstate"
)

var (
	reads    = lockstate.Kind{Lock: lockstate.Read1}
	reserves = lockstate.Kind{Lock: lockstate.Reserved, Exclusive: true}
	writes   = lockstate.Kind{Lock: lockstate.Write, Exclusive: true}
	shared   = lockstate.Kind{Lock: lockstate.Shared}
)

// Each rule knows its case and leaves alone what resembles it.
func TestRules(t *testing.T) {
	const slow = 100 * time.Millisecond
	for name, c := range map[string]struct {
		hold *Hold
		wait *Wait
		want string
	}{
		"asleep with the write lock":       {&Hold{Lock: writes, MS: 300, kind: Doing{Asleep, "asleep"}}, nil, "idle-holder"},
		"at a socket with RESERVED":        {&Hold{Lock: reserves, MS: 300, kind: Doing{OnSocket, "at a socket"}}, nil, "idle-holder"},
		"asleep while reading":             {&Hold{Lock: reads, MS: 300, kind: Doing{Asleep, "asleep"}}, nil, ""},
		"computing":                        {&Hold{Lock: writes, MS: 300, kind: Doing{OnCPU, "working"}}, nil, ""},
		"writing to the disk":              {&Hold{Lock: writes, MS: 300, kind: Doing{OnDisk, "fsync"}}, nil, ""},
		"waiting for readers itself":       {&Hold{Lock: reserves, MS: 300, kind: Doing{OnLock, "waiting for EXCLUSIVE"}}, nil, ""},
		"not known":                        {&Hold{Lock: writes, MS: 300}, nil, ""},
		"stopped writer":                   {&Hold{Lock: writes, MS: 300, kind: Doing{Stopped, "stopped"}}, nil, "stopped-process"},
		"a lock lost by a close":           {&Hold{Lock: shared, MS: 300, Dropped: true}, nil, "dropped-lock"},
		"stopped reader":                   {&Hold{Lock: shared, MS: 300, kind: Doing{Stopped, "stopped"}}, nil, "stopped-process"},
		"a reader while the WAL grows":     {&Hold{Lock: reads, MS: 1000, WAL: &Growth{10, 20}}, nil, "pinned-wal"},
		"a reader while nobody writes":     {&Hold{Lock: reads, MS: 1000, WAL: &Growth{10, 10}}, nil, ""},
		"a reader that is soon done":       {&Hold{Lock: reads, MS: 500, WAL: &Growth{10, 20}}, nil, ""},
		"a checkpoint behind a reader":     {nil, &Wait{Lock: reads, Checkpoint: true, HeldMS: 200, Refusals: 1, Outcome: GaveUp}, "blocked-checkpoint"},
		"a checkpoint behind a short one":  {nil, &Wait{Lock: reads, Checkpoint: true, HeldMS: 20, Refusals: 1, Outcome: GaveUp}, ""},
		"an upgrade":                       {nil, &Wait{Lock: writes, Refusals: 1, Outcome: GaveUp, Upgrade: true}, "deferred-upgrade"},
		"refused once":                     {nil, &Wait{Lock: writes, Refusals: 1, Outcome: GaveUp}, "no-busy-timeout"},
		"refused once, then watched on":    {nil, &Wait{Lock: writes, Refusals: 1, Outcome: Waiting}, ""},
		"refused once, then granted":       {nil, &Wait{Lock: writes, Refusals: 1, Outcome: Granted}, ""},
		"its patience was over":            {nil, &Wait{Lock: writes, MS: 300, Refusals: 9, Outcome: GaveUp}, "timed-out"},
		"it lost patience soon":            {nil, &Wait{Lock: writes, MS: 30, Refusals: 9, Outcome: GaveUp}, ""},
		"it waited, and others were first": {nil, &Wait{Lock: writes, MS: 2000, Refusals: 30, Outcome: Granted, Passed: 50}, "starved"},
		"it waited for one other":          {nil, &Wait{Lock: writes, MS: 2000, Refusals: 30, Outcome: Granted, Passed: 1}, ""},
	} {
		d := newDiagnosis(slow)
		if c.hold != nil {
			d.hold(c.hold)
		} else {
			d.wait(c.wait)
		}
		got := ""
		for _, f := range d.findings() {
			got += f.Rule
			if f.Sentence == "" || f.Cure == "" || !strings.HasPrefix(f.Page, "https://sqlite.org/") || len(f.Evidence) == 0 || f.Times != 1 {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What happens again and again to one program is one finding, told by its worst case.
func TestFindingsOfOneProgramAreOne(t *testing.T) {
	d := newDiagnosis(0)
	for _, c := range []struct {
		command string
		pid     int
		ms      float64
	}{{"a", 1, 10}, {"b", 2, 5}, {"b", 3, 700}, {"b", 4, 5}} {
		d.hold(&Hold{Process: Process{PID: c.pid, Command: c.command}, Lock: writes, MS: c.ms, kind: Doing{Asleep, "asleep"}})
		d.hold(&Hold{Process: Process{PID: c.pid, Command: c.command}, Lock: writes, MS: c.ms, kind: Doing{Stopped, "stopped"}})
	}
	var got []string
	for _, f := range d.findings() {
		got = append(got, f.Rule, f.Process.String(), f.Command)
	}
	want := []string{"stopped-process", "b (3)", "kill -CONT 3", "stopped-process", "a (1)", "kill -CONT 1", "idle-holder", "b (3)", "", "idle-holder", "a (1)", ""}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSentences(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	api := Process{42, "python3 api.py", "web-1"}
	hold := Hold{Process: api, Lock: writes, Began: at, MS: 2010, Ended: true, Doing: []Share{{"asleep", 0.9}, {"working on a processor", 0.1}}}
	wait := Wait{Process: Process{PID: 7, Command: "sqlite3"}, Lock: writes, Began: at, MS: 350, Refusals: 12, Outcome: GaveUp, Behind: []Blame{{api, 11}, {Process{}, 1}}}
	once := wait
	once.Refusals, once.Behind = 1, once.Behind[:1]
	still := hold
	still.Ended, still.AtLeast, still.Doing = false, true, nil
	for _, c := range []struct{ got, want string }{
		{hold.Sentence(), "held WAL_WRITE for 2.01 s since 03:04:05.000: asleep (90 % of the time)"},
		{still.Sentence(), "has held WAL_WRITE for at least 2.01 s since 03:04:05.000"},
		{wait.Sentence(), "waited 350 ms for WAL_WRITE since 03:04:05.000, 12 refusals, gave up, behind python3 api.py (42 in web-1) and a process that cannot be seen"},
		{once.Sentence(), "was refused WAL_WRITE once at 03:04:05.000, behind python3 api.py (42 in web-1)"},
		{Process{PID: 9}.String(), "process 9 (ended)"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
