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
// do not: no request fails, and each container is content with what it sees.
// It needs containers, because a mount is what they differ in.
func mounts(o Options) experiment.Experiment {
	arms := mountArms(o)
	return experiment.Experiment{
		Name:     "mounts",
		Question: "When the database is mounted into four containers, what do they share, and what becomes of the writes that each of them acknowledges?",
		Claims:   mountClaims(),
		Arms:     arms,
		Figures:  []experiment.Figure{missingRows, leastSeen, mostSeen},
		Plots:    []experiment.Plot{mountPlot},
		Abreast:  2,
		Takes:    takes(o, 14*time.Second, 4*time.Second),
	}
}

// mountArms are two mounts that are right, as controls, and those that are not.
func mountArms(o Options) []experiment.Arm {
	right := outlook{holds: "wal-on-one-host integrity-tells", refuted: "locks-are-fatal each-its-own"}
	wrong := outlook{holds: "locks-are-fatal each-its-own", refuted: "wal-on-one-host integrity-tells"}
	arms := []experiment.Arm{
		mountArm("named-volume", run.MountVolume, store.WAL, right),
		mountArm("directory-bind", run.MountDirectory, store.WAL, right),
		// The file is one and so are the locks on it, which is why only the last
		// container to end can checkpoint; the WALs of the others stay in their layers.
		mountArm("single-file-bind", run.MountSingleFile, store.WAL, wrong),
		mountArm("two-volumes", run.MountTwoVolumes, store.WAL, wrong),
		mountArm("image-layer", run.MountNone, store.WAL, wrong),
	}
	if !o.Quick {
		// Its locks are on the file, which is one, and it has no wal-index: what
		// it lacks is a journal that the others would find after a crash.
		arms = append(arms,
			mountArm("single-file-bind", run.MountSingleFile, store.Delete,
				outlook{holds: "integrity-tells", refuted: "locks-are-fatal each-its-own"}),
			killedArm("named-volume", run.MountVolume, outlook{holds: "integrity-tells", refuted: "locks-are-fatal each-its-own"}),
			killedArm("single-file-bind", run.MountSingleFile, outlook{holds: "locks-are-fatal"}))
	}
	return arms
}

// killedArm has one node die while it writes. Its rollback journal is where it
// alone finds it: the others take the half of a transaction that is in the file
// for the database, and what they commit is undone when it comes back.
func killedArm(name string, m run.Mount, expect outlook) experiment.Arm {
	arm := mountArm(name, m, store.Delete, expect)
	arm.Name += "/killed"
	s := &arm.Trials[0].Setup
	s.Load = run.Load{Arrival: run.Open, Clients: 16, Rate: 60, Duration: 4 * time.Second, Timeout: patience}
	s.Workload = workload.Write{First: 2, Nodes: nodes - 1}
	s.Fault = run.Kill{Node: "app-1", After: time.Second, For: time.Second}
	return arm
}

// mountWrites is how many rows are written in all: few enough that no WAL is
// checkpointed before its node ends.
const mountWrites = 200

func mountArm(name string, m run.Mount, j store.Journal, expect outlook) experiment.Arm {
	d := quiet(store.Immediate, 5000, j)
	d.Pool = 4
	asked := mountClaims()
	if j != store.WAL {
		asked = asked[:len(asked)-1]
	}
	return experiment.Arm{
		Name: fmt.Sprintf("%s/%s", name, j),
		Trials: experiment.Single(run.Setup{
			Nodes: nodes, Discipline: d, Mount: m,
			Load:     sequence(nodes, mountWrites),
			Workload: workload.Write{Nodes: nodes},
		}),
		Expect: expect.of(asked),
	}
}

// missingRows is how many acknowledged writes are certainly not in the database
// that the first node has.
var missingRows = experiment.Figure{Name: "acknowledged, and not in app-1's database", Of: func(r *run.Recording) (n float64, ok bool) {
	return float64(r.Rows().Lost.Min), r.Facts != nil
}}

// leastSeen and mostSeen are the rows that the node finds which finds the fewest, or the most.
var (
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
			least, most = n, n
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most, len(r.Views) > 0
}

func mountClaims() []experiment.Claim {
	return []experiment.Claim{{
		ID:     "locks-are-fatal",
		Text:   "File locks are fatal in a distributed environment: writes that were acknowledged are not there.",
		TextJA: "ファイルロックは分散環境で致命的",
		Source: seed(701),
		Check:  experiment.Each(rowsLost),
	}, {
		ID:     "each-its-own",
		Text:   "A file that is opened by different names, or is another one, has another journal and another content: nodes see different databases.",
		Source: "https://sqlite.org/howtocorrupt.html",
		Check:  experiment.Each(viewsDiffer),
	}, {
		ID:     "integrity-tells",
		Text:   "integrity_check tells: it says ok only where no acknowledged write is missing.",
		Source: "https://sqlite.org/pragma.html#pragma_integrity_check",
		Check:  experiment.Each(okMeansAll),
	}, {
		ID:     "wal-on-one-host",
		Text:   "WAL works where all processes are on the same host: no acknowledged write is lost.",
		Source: "https://sqlite.org/wal.html",
		Check: experiment.Each(func(r *run.Recording) experiment.Judgement {
			j := rowsLost(r)
			j.Verdict = opposite(j.Verdict)
			return j
		}),
	}}
}

func rowsLost(r *run.Recording) experiment.Judgement {
	rows := r.Rows()
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%s of %d lost", rows.Lost, rows.Acknowledged),
		Reason:   fmt.Sprintf("of %d acknowledged writes %s are not in the database, and %d requests were refused", rows.Acknowledged, rows.Lost, r.Counts().Failed),
		Witness:  rows.Witnesses,
	}
	if rows.Found.Valid && rows.Acknowledged > 0 {
		j.Verdict = rows.Lost.Above(0)
	}
	return j
}

func viewsDiffer(r *run.Recording) experiment.Judgement {
	least, most, ok := seen(r)
	if !ok {
		return experiment.Judgement{Reason: "what the nodes have could not be read"}
	}
	n := max(contents(r.Views), 1)
	j := experiment.Judgement{
		Verdict:  ruled(n > 1),
		Measured: fmt.Sprintf("%d contents", n),
		Reason:   fmt.Sprintf("the %d nodes have %d different contents when all have ended, of %d to %d rows", r.Setup.Nodes, n, least, most),
	}
	if n == 1 {
		j.Measured = "1 content"
		j.Reason = fmt.Sprintf("all nodes have the same %d rows when all have ended", most)
	}
	return j
}

// contents counts the different sets of rows that nodes have.
func contents(views []store.Facts) int {
	different := map[string]bool{}
	for i := range views {
		var all []string
		for _, row := range views[i].Rows {
			all = append(all, fmt.Sprint(row.ID, " ", row.Content))
		}
		different[strings.Join(all, "\n")] = true
	}
	return len(different)
}

func okMeansAll(r *run.Recording) experiment.Judgement {
	rows := r.Rows()
	if r.Facts == nil || r.Facts.Integrity == "" || !rows.Found.Valid {
		return experiment.Judgement{Reason: "the database could not be read"}
	}
	fine := r.Facts.Integrity == "ok"
	j := experiment.Judgement{
		Measured: fmt.Sprintf("%q with %s lost", r.Facts.Integrity, rows.Lost),
		Reason:   fmt.Sprintf("integrity_check said %q while %s of %d acknowledged writes were missing", r.Facts.Integrity, rows.Lost, rows.Acknowledged),
	}
	switch missing := rows.Lost.Above(0); {
	case !fine || missing == check.Refuted:
		j.Verdict = check.Holds
	case missing == check.Holds:
		j.Verdict = check.Refuted
	}
	return j
}

// mountPlot sets what was acknowledged beside what each node finds in the end.
func mountPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartBars, Title: "Rows that were acknowledged, and that each node finds when all have ended",
		Y: run.Axis{Label: "rows"},
	}
	add := func(series int, name string, group int, arm string, n int64) {
		for len(c.Series) <= series {
			c.Series = append(c.Series, run.Series{Name: name})
		}
		y := float64(n)
		c.Series[series].Points = append(c.Series[series].Points, run.Point{
			X: float64(group), Y: y, Low: y, High: y, Count: 1, Label: arm,
		})
	}
	for i := range arms {
		for r := range arms[i].All {
			if r.Facts == nil {
				continue
			}
			add(0, "acknowledged", i, arms[i].Arm, r.Rows().Acknowledged)
			for k := range r.Setup.Nodes {
				records := r.Facts.Records
				if k < len(r.Views) {
					records = r.Views[k].Records
				}
				add(k+1, fmt.Sprintf("app-%d", k+1), i, arms[i].Arm, records)
			}
			break
		}
	}
	return c
}
