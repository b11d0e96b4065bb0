package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// lessons are the four sentences with which the source ends.
func lessons(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "lessons",
		Question: "The lab ends with four lessons. Where does each of them hold, if all processes are on one host?",
		Claims:   lessonClaims(o),
		Arms:     slices.Concat(sharingArms(o), linkedArms(), incrementsAgain(o)),
		Figures:  []experiment.Figure{waitedForLock, transactionsPerWrite, doneRate},
		Plots: []experiment.Plot{
			experiment.BarsPlot("Waiting for the write lock, where one process has the file and where four share it", run.Axis{Label: "of the writing time", Unit: "%"}, waitedForLock,
				func(arm *run.Evidence) bool { return len(arm.Trials) > 1 }),
		},
		Abreast: 2, // its claims are about counts and shares, which a busy machine changes little
		Takes:   pick(o, 7*time.Second, 5*time.Second),
	}
}

func lessonClaims(o Options) []experiment.Claim {
	return []experiment.Claim{
		synced(timed(claim("sharing-waits", source(700, "SQLiteは単一プロセス用に設計されている"),
			"SQLite is made for a single process: with the same clients, writes spend less than a quarter of their time waiting for the write lock where one process has the file, and more than half where four share it.",
			func(e *run.Evidence) experiment.Judgement {
				return both(below(25).judge(waitedForLock.Name+", one process, in %", e.Trial(oneProcess).Values(waitedForLock.Of)),
					above(50).judge(waitedForLock.Name+", four processes, in %", e.Trial(fourProcesses).Values(waitedForLock.Of)))
			}))),
		timed(claim("sharing-commits-more", source(700, "SQLiteは単一プロセス用に設計されている"),
			"SQLite is made for a single process: for the same clients' writes four that share the file make more than 1.5 times as many transactions as one.",
			func(e *run.Evidence) experiment.Judgement {
				return above(1.5).judge(transactionsPerWrite.Name+", four processes over one", ratios(pairs(e.Trial(oneProcess), e.Trial(fourProcesses)), transactionsPerWrite))
			})),
		timed(claim("sharing-refuses", source(700, "SQLiteは単一プロセス用に設計されている"),
			"SQLite is made for a single process: one refuses nobody the lock where four that share the file refuse more than one write in ten.",
			sharingRefuses)),
		locksAreFatal,
		synced(claim("wal-cures-nothing", source(702, "WALモードでも根本解決にならない"),
			fmt.Sprintf("WAL mode is no cure: some of %d increments are refused or lost all the same.", crowdSize(o)),
			experiment.Each(notAll))),
		synced(claim("dbms-needed", source(703, "適切なDBMS（PostgreSQL等）の必要性"),
			fmt.Sprintf("It takes a proper DBMS such as PostgreSQL: with SQLite some of %d increments are refused or lost.", crowdSize(o)),
			experiment.Each(notAll))),
	}
}

// The trials of an arm that compares.
const (
	oneProcess    = "one process"
	fourProcesses = "four processes"
)

// sharingArms let the same clients increment in one process, and in four that share the file, each
// with one connection. Impatient writers show who stands in whose way: one connection serves one
// after the other. A queue is what a process can do for its own writers and for nobody else's.
func sharingArms(o Options) (arms []experiment.Arm) {
	for _, row := range []struct {
		name     string
		timeout  store.Milliseconds
		writer   store.Writer
		repeats  int
		expected outlook
	}{
		{"direct/0", 0, store.Direct, 1, outlook{holds: "sharing-refuses"}},
		{"direct/5000", 5000, store.Direct, 5, outlook{holds: "sharing-waits", refuted: "sharing-refuses sharing-commits-more"}},
		{"queue/5000", 5000, store.Queue, 5, outlook{holds: "sharing-commits-more", refuted: "sharing-refuses"}},
	} {
		d := quiet(store.Immediate, row.timeout, store.WAL)
		d.Writer, d.Pool = row.writer, 1
		trial := func(name string, n int) experiment.Trial {
			return experiment.Trial{Name: name, Level: float64(n), Setup: run.Setup{
				Nodes: n, Discipline: d, Workload: workload.Increment{Key: counter, Nodes: n}, Traced: true,
				Load: run.Load{Arrival: run.Closed, Clients: 32, Duration: pick(o, 250*time.Millisecond, 150*time.Millisecond), Timeout: patience},
			}}
		}
		arms = append(arms, experiment.Arm{
			Name: row.name, Repeats: row.repeats, Expect: row.expected.expect(),
			Trials: []experiment.Trial{trial(oneProcess, 1), trial(fourProcesses, nodes)},
		})
	}
	return arms
}

// linkedArms are the nearest that one host comes to a distributed environment: each process reaches
// the one file by a name of its own. The locks on the file still exclude; but a WAL is found by the
// name, and each process has another. [mounts] has more, in containers.
func linkedArms() (arms []experiment.Arm) {
	for _, row := range []struct {
		name    string
		mount   run.Mount
		journal store.Journal
		holds   bool
	}{
		{"one name", run.MountShared, store.WAL, false},
		{"names of their own", run.MountLinked, store.WAL, true},
		{"names of their own", run.MountLinked, store.Delete, false},
	} {
		arm := mountArm(row.name, row.mount, row.journal, outlook{})
		arm.Expect[locksAreFatal.ID] = expectThat(row.holds)
		arms = append(arms, arm)
	}
	return arms
}

// incrementsAgain are arms of [busy], whose recordings they share: three in which some increments
// are refused or lost, and two or three in which none is.
func incrementsAgain(o Options) (arms []experiment.Arm) {
	expected := map[string]outlook{
		"red/burst":                   {holds: "dbms-needed"},
		"separate/5000/WAL/burst":     {holds: "wal-cures-nothing dbms-needed"},
		"deferred/5000/WAL/burst":     {holds: "wal-cures-nothing dbms-needed"},
		"immediate/5000/WAL/sequence": {refuted: "wal-cures-nothing dbms-needed"},
		"green/burst":                 {refuted: "wal-cures-nothing dbms-needed"},
		"source/burst":                {refuted: "wal-cures-nothing dbms-needed"},
	}
	for _, arm := range busy(o).Arms {
		if its, ok := expected[arm.Name]; ok {
			arm.Expect = its.expect()
			arms = append(arms, arm)
		}
	}
	return arms
}

// sharingRefuses judges how many of the writes were refused the lock.
func sharingRefuses(e *run.Evidence) experiment.Judgement {
	one, four := e.Trial(oneProcess).Recordings, e.Trial(fourProcesses).Recordings
	if len(one) == 0 || len(four) == 0 {
		return undecided("one process and four were not both recorded")
	}
	alone, shared := refusedOf(one), refusedOf(four)
	return judged(check.Merge(alone.refused.Below(1), shared.refused.Above(shared.all/10)),
		fmt.Sprintf("one: %s, four: %s", alone, shared), "of the writes to one process %s were refused, of those to four %s", alone, shared)
}

// A refusedShare is how many of all writes were refused the lock.
type refusedShare struct {
	refused check.Range
	all     int64
}

func (s refusedShare) String() string { return fmt.Sprintf("%s of %d", s.refused, s.all) }

func refusedOf(all []*run.Recording) (s refusedShare) {
	for _, r := range all {
		n := withCode(r, nodeapi.CodeBusy, nodeapi.CodeTimeout)
		s.refused.Min, s.refused.Max, s.all = s.refused.Min+n.Min, s.refused.Max+n.Max, s.all+planned(r)
	}
	return s
}

// notAll judges the claim that not every increment is in the counter in the end.
func notAll(r *run.Recording) experiment.Judgement {
	failed, lost := failures(r), r.Lost()
	return judged(r.Final().Below(planned(r)), fmt.Sprintf("%s refused, %s lost", failed, lost),
		"of %d increments %s were not acknowledged, and %s that were are lost", planned(r), failed, lost)
}

// transactionsPerWrite is how many transactions the nodes made for an acknowledged write: the
// requests that a queue puts into one have the write lock since the same moment.
var transactionsPerWrite = experiment.Figure{Name: "transactions per write", Of: func(r *run.Recording) (n float64, ok bool) {
	type transaction struct {
		node   string
		locked int64
	}
	all := map[transaction]bool{}
	for _, a := range r.Attempts {
		if a.Locked != 0 && a.Code == "" {
			all[transaction{a.Node, a.Locked}] = true
		}
	}
	ok = len(all) > 0 && r.Counts().OK > 0
	return float64(len(all)) / float64(max(r.Counts().OK, 1)), ok
}}
