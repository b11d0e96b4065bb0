package catalogue

import (
	"fmt"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/workload"
)

// mounts shows the ways in which containers come to "the same" database, and
// do not: no request fails, and nothing that one container sees is wrong.
// It needs containers, because a mount is what they differ in.
func mounts(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "mounts",
		Question: "When the database is mounted into four containers, what do they share, and what becomes of the writes that each of them acknowledges?",
		Claims:   mountClaims,
		Arms:     mountArms(o),
		Figures:  []experiment.Figure{missingRows, leastSeen, mostSeen},
		Plots:    []experiment.Plot{outcomes("What became of writes to four containers", func(*run.Evidence) bool { return true }), mountPlot},
		Abreast:  2,
		Takes:    pick(o, 14*time.Second, 4*time.Second),
	}
}

var mountClaims = []experiment.Claim{
	locksAreFatal,
	claim("each-its-own", sqlite("howtocorrupt.html"),
		"A file that is opened by different names, or is another one, has another journal and another content: nodes see different databases.",
		experiment.Each(viewsDiffer)),
	claim("integrity-tells", sqlite("pragma.html#pragma_integrity_check"),
		"integrity_check tells: it says ok only where no acknowledged write is missing.",
		experiment.Each(okMeansAll)),
	claim("wal-on-one-host", sqlite("wal.html"),
		"WAL works where all processes are on the same host: no acknowledged write is lost.",
		experiment.Not(experiment.Each(rowsLost))),
}

var locksAreFatal = claim("locks-are-fatal", source(701, "ファイルロックは分散環境で致命的"),
	"File locks are fatal in a distributed environment: writes that were acknowledged are not there.",
	experiment.Each(rowsLost))

// mountArms are two mounts that are right, as controls, and those that are not. The claim
// wal-on-one-host is about WAL alone.
func mountArms(o Options) []experiment.Arm {
	right := outlook{holds: "wal-on-one-host integrity-tells", refuted: "locks-are-fatal each-its-own"}
	wrong := outlook{holds: "locks-are-fatal each-its-own", refuted: "wal-on-one-host integrity-tells"}
	rightInDelete := outlook{holds: "integrity-tells", refuted: "locks-are-fatal each-its-own"}
	arms := []experiment.Arm{
		mountArm("named-volume", run.MountVolume, store.WAL, right),
		mountArm("directory-bind", run.MountDirectory, store.WAL, right),
		// The file is one and so are the locks on it, which is why only the last
		// container to end can checkpoint; the WALs of the others stay in their layers.
		mountArm("single-file-bind", run.MountSingleFile, store.WAL, wrong),
		mountArm("two-volumes", run.MountTwoVolumes, store.WAL, wrong),
		mountArm("image-layer", run.MountNone, store.WAL, wrong),
		// Its locks are on the file, which is one, and it has no wal-index: what
		// it lacks is a journal that the others would find after a crash.
		mountArm("single-file-bind", run.MountSingleFile, store.Delete, rightInDelete),
		killedArm("named-volume", run.MountVolume, rightInDelete),
		killedArm("single-file-bind", run.MountSingleFile, outlook{holds: "locks-are-fatal", either: "integrity-tells each-its-own"}),
	}
	return pick(o, arms, arms[:5])
}

// mountWrites is how many rows are written in all: few enough that no WAL is
// checkpointed before its node ends.
const mountWrites = 200

func mountArm(name string, m run.Mount, j store.Journal, expected outlook) experiment.Arm {
	d := quiet(store.Immediate, 5000, j)
	d.Pool = 4
	return single(fmt.Sprintf("%s/%s", name, j), expected, run.Setup{
		Nodes: nodes, Discipline: d, Mount: m, Load: sequence(nodes, mountWrites), Workload: workload.Write{Nodes: nodes},
	})
}

// killedArm has one node die while it writes. Its rollback journal is where it
// alone finds it: the others take the half of a transaction that is in the file
// for the database, and what they commit is undone when it comes back.
func killedArm(name string, m run.Mount, expected outlook) experiment.Arm {
	arm := mountArm(name, m, store.Delete, expected)
	arm.Name += "/killed"
	s := &arm.Trials[0].Setup
	s.Load = run.Load{Arrival: run.Open, Clients: 16, Rate: 60, Duration: 4 * time.Second, Timeout: patience}
	s.Workload = workload.Write{First: 2, Nodes: nodes - 1}
	s.Fault = run.Kill{Node: "app-1", After: time.Second, For: time.Second}
	return arm
}

// Figures of mounts: acknowledged writes that are certainly not in the database
// that the first node has, and the rows in the databases of the nodes.
var (
	missingRows = experiment.Figure{Name: "acknowledged, and not in app-1's database", Of: func(r *run.Recording) (n float64, ok bool) {
		return float64(r.Rows().Lost.Min), r.Facts != nil
	}}
	leastSeen = experiment.Figure{Name: "fewest rows that a node finds", Of: func(r *run.Recording) (n float64, ok bool) {
		least, _, ok := seen(r)
		return float64(least), ok
	}}
	mostSeen = experiment.Figure{Name: "most", Of: func(r *run.Recording) (n float64, ok bool) {
		_, most, ok := seen(r)
		return float64(most), ok
	}}
)

// seen returns the fewest and the most rows that a node finds. Where all nodes
// have one directory, that is one number.
func seen(r *run.Recording) (least, most int64, ok bool) {
	if len(r.Views) == 0 && r.Facts != nil {
		return r.Facts.Records, r.Facts.Records, true
	}
	for i := range r.Views {
		n := r.Views[i].Records
		if i == 0 {
			least = n
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most, len(r.Views) > 0
}

func rowsLost(r *run.Recording) experiment.Judgement {
	rows := r.Rows()
	j := judged(check.Inconclusive, fmt.Sprintf("%s of %d lost", rows.Lost, rows.Acknowledged),
		"of %d acknowledged writes %s are not in the database, and %d requests were refused", rows.Acknowledged, rows.Lost, r.Counts().Failed)
	j.Witness = rows.Witnesses
	if rows.Found.Valid && rows.Acknowledged > 0 {
		j.Verdict = rows.Lost.Above(0)
	}
	return j
}

// viewsDiffer compares the sets of rows that the nodes have.
func viewsDiffer(r *run.Recording) experiment.Judgement {
	least, most, ok := seen(r)
	if !ok {
		return undecided("what the nodes have could not be read")
	}
	contents := map[string]bool{}
	for i := range r.Views {
		var all []string
		for _, row := range r.Views[i].Rows {
			all = append(all, fmt.Sprint(row.ID, " ", row.Content))
		}
		contents[strings.Join(all, "\n")] = true
	}
	if n := len(contents); n > 1 {
		return judged(check.Holds, fmt.Sprintf("%d contents", n),
			"the %d nodes have %d different contents when all have ended, of %d to %d rows", r.Setup.Nodes, n, least, most)
	}
	return judged(check.Refuted, "1 content", "all nodes have the same %d rows when all have ended", most)
}

func okMeansAll(r *run.Recording) experiment.Judgement {
	rows := r.Rows()
	if r.Facts == nil || r.Facts.Integrity == "" || !rows.Found.Valid {
		return undecided("the database could not be read")
	}
	v := check.Holds
	if r.Facts.Integrity == "ok" {
		v = rows.Lost.Above(0).Not()
	}
	return judged(v, fmt.Sprintf("%q with %s lost", r.Facts.Integrity, rows.Lost),
		"integrity_check said %q while %s of %d acknowledged writes were missing", r.Facts.Integrity, rows.Lost, rows.Acknowledged)
}

// mountPlot sets what was acknowledged beside what each node finds in the end, in the
// first recording of each arm that could be read.
func mountPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartBars, Title: "Rows that were acknowledged, and that each node finds when all have ended",
		Y: run.Axis{Label: "rows"},
	}
	for i := range arms {
		add := func(name string, n int64) {
			p := exact(float64(i), float64(n), 1)
			p.Label = arms[i].Arm
			c.Add(name, p)
		}
		for r := range arms[i].All {
			if r.Facts == nil {
				continue
			}
			add("acknowledged", r.Rows().Acknowledged)
			for k := range r.Setup.Nodes {
				records := r.Facts.Records
				if k < len(r.Views) {
					records = r.Views[k].Records
				}
				add(fmt.Sprintf("app-%d", k+1), records)
			}
			break
		}
	}
	return c
}
