package catalogue

import (
	"fmt"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/api"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// checkpoint is what a reader that stays costs in WAL mode: the file cannot be
// begun again from its start while anybody reads from it.
func checkpoint(o Options) experiment.Experiment {
	takes := 1500 * time.Millisecond
	if o.Quick {
		takes = 800 * time.Millisecond
	}
	return experiment.Experiment{
		Name:     "checkpoint",
		Question: "How large does the WAL become while somebody reads, and what makes it small again?",
		Claims: []experiment.Claim{{
			ID:     "wal-keeps-growing",
			Text:   "The WAL file grows with every batch of rows, to more than twice the 1000 pages at which SQLite makes a checkpoint by itself.",
			Source: "https://sqlite.org/wal.html#avoiding_excessively_large_wal_files",
			Check:  played(keepsGrowing),
		}, {
			ID:     "passive-stops-at-reader",
			Text:   "A PASSIVE checkpoint moves no frame from behind the oldest reader's snapshot into the database, and leaves those frames in the WAL.",
			Source: "https://sqlite.org/wal.html#ckpt",
			Check:  played(passiveStops),
		}, {
			ID:     "passive-keeps-the-size",
			Text:   "A PASSIVE checkpoint that moves every frame leaves the WAL file as large as it was.",
			Source: "https://sqlite.org/pragma.html#pragma_journal_size_limit",
			Check:  played(passiveKeepsSize),
		}, {
			ID:     "truncate-is-blocked",
			Text:   "A TRUNCATE checkpoint waits for its whole busy_timeout, is blocked, and leaves the WAL file as large as it was.",
			Source: "https://sqlite.org/pragma.html#pragma_wal_checkpoint",
			Check:  played(truncateBlocked),
		}, {
			ID:     "truncate-empties",
			Text:   "In the end a TRUNCATE checkpoint makes the WAL file 0 bytes long.",
			Source: "https://sqlite.org/pragma.html#pragma_wal_checkpoint",
			Check:  played(truncateEmpties),
		}},
		Arms:    checkpointArms(o),
		Plots:   []experiment.Plot{walPlot},
		Abreast: 3, // much of it is waiting for a reader that stays
		Takes:   takes,
	}
}

func checkpointArms(o Options) []experiment.Arm {
	patience := store.Milliseconds(1000)
	if o.Quick {
		patience = 300
	}
	arm := func(which string, s *run.Scene, e expects) experiment.Arm {
		return sceneArm(which, staged(s, store.Deferred, patience, store.WAL), e)
	}
	return []experiment.Arm{
		arm("nobody reads", nobodyReads(), expects{
			"wal-keeps-growing": run.ExpectRefuted, "passive-stops-at-reader": run.ExpectRefuted,
			"passive-keeps-the-size": run.ExpectHolds,
			"truncate-is-blocked":    run.ExpectRefuted, "truncate-empties": run.ExpectHolds,
		}),
		arm("one reader, who leaves", oneReads(), expects{
			"wal-keeps-growing": run.ExpectHolds, "passive-stops-at-reader": run.ExpectHolds,
			"passive-keeps-the-size": run.ExpectHolds,
			"truncate-is-blocked":    run.ExpectHolds, "truncate-empties": run.ExpectHolds,
		}),
		arm("readers take turns", readersTakeTurns(), expects{
			"wal-keeps-growing": run.ExpectHolds, "passive-stops-at-reader": run.ExpectHolds,
			"truncate-is-blocked": run.ExpectHolds, "truncate-empties": run.ExpectRefuted,
		}),
	}
}

// A frame is a page and its header (https://sqlite.org/fileformat2.html#the_write_ahead_log).
const (
	walHeader  = 32
	frameBytes = 24 + 4096
)

func framesIn(wal int64) int64 { return (wal - walHeader) / frameBytes }

// A walPoint is the size of the WAL after a number of rows.
type walPoint struct{ rows, bytes int64 }

// growth is the size of the WAL after each batch.
func growth(r *run.Recording) []walPoint {
	var all []walPoint
	var rows int64
	for _, e := range r.Steps {
		switch {
		case e.Do == api.DoWriteRows && e.Outcome == history.OK:
			rows += e.Value
		case e.Do == api.DoWALSize && e.Session == containerB.session:
			all = append(all, walPoint{rows, e.Got.Int64})
		}
	}
	return all
}

// A tried is a checkpoint, and the size of the WAL before and after it.
type tried struct {
	run.StepEvent
	before, after int64
}

// checkpointsOf are those of a mode, in order.
func checkpointsOf(r *run.Recording, mode store.CheckpointMode) []tried {
	var all []tried
	var size int64
	for i, e := range r.Steps {
		switch {
		case e.Do == api.DoWALSize:
			size = e.Got.Int64
		case e.Do == api.DoCheckpoint && e.Name == string(mode):
			all = append(all, tried{e, size, r.Steps[i+1].Got.Int64})
		}
	}
	return all
}

// snapshotFrames is how many frames the WAL had when the oldest reader that is
// still there at the first checkpoint began, and false where nobody reads. A
// reader keeps the WAL from being begun again, so its size tells.
func snapshotFrames(r *run.Recording) (frames int64, anybody bool) {
	var size int64
	began := map[string]int64{} // by session
	for _, e := range r.Steps {
		switch e.Do {
		case api.DoWALSize:
			size = e.Got.Int64
		case api.DoBeginDeferred:
			began[e.Session] = framesIn(size)
		case api.DoCommit:
			delete(began, e.Session)
		case api.DoCheckpoint:
			for _, n := range began {
				if !anybody || n < frames {
					frames, anybody = n, true
				}
			}
			return frames, anybody
		}
	}
	return 0, false
}

func keepsGrowing(r *run.Recording) experiment.Judgement {
	sizes := growth(r)
	last := sizes[len(sizes)-1]
	grew := 0
	for i := range sizes[1:] {
		if sizes[i+1].bytes > sizes[i].bytes {
			grew++
		}
	}
	j := experiment.Judgement{
		Verdict:  check.Refuted,
		Measured: fmt.Sprintf("%s after %d rows", mebibytes(last.bytes), last.rows),
		Reason:   fmt.Sprintf("the file grew with %d of %d further batches, to %s", grew, len(sizes)-1, mebibytes(last.bytes)),
	}
	if grew == len(sizes)-1 && framesIn(last.bytes) > 2*autoPages {
		j.Verdict = check.Holds
	}
	return j
}

func passiveStops(r *run.Recording) experiment.Judgement {
	c := checkpointsOf(r, store.CheckpointPassive)[0]
	frames, moved := c.Frames.Int64, c.Checkpointed.Int64
	j := experiment.Judgement{Verdict: check.Refuted, Measured: fmt.Sprintf("%d of %d frames moved", moved, frames)}
	limit, anybody := snapshotFrames(r)
	if !anybody {
		j.Reason = j.Measured + ", and nobody was reading"
		return j
	}
	j.Reason = fmt.Sprintf("%s; the oldest reader's snapshot ends at frame %d", j.Measured, limit)
	if moved < frames && moved <= limit {
		j.Verdict = check.Holds
	}
	return j
}

// passiveKeepsSize judges the last PASSIVE checkpoint, if nobody kept it from moving everything.
func passiveKeepsSize(r *run.Recording) experiment.Judgement {
	all := checkpointsOf(r, store.CheckpointPassive)
	c := all[len(all)-1]
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("%s before, %s after", mebibytes(c.before), mebibytes(c.after)),
		Reason: fmt.Sprintf("with all %d frames moved, the file had %s before and %s after", c.Frames.Int64, mebibytes(c.before), mebibytes(c.after)),
	}
	switch {
	case c.Checkpointed != c.Frames:
		j.Verdict = check.Inconclusive
		j.Reason = fmt.Sprintf("it moved only %d of %d frames", c.Checkpointed.Int64, c.Frames.Int64)
	case c.before == c.after:
		j.Verdict = check.Holds
	}
	return j
}

func truncateBlocked(r *run.Recording) experiment.Judgement {
	c := checkpointsOf(r, store.CheckpointTruncate)[0]
	said := "done"
	if c.Blocked {
		said = "blocked"
	}
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("%s after %s", said, took(c.StepEvent)),
		Reason: fmt.Sprintf("with a busy_timeout of %d ms it was %s after %s, and the file of %s has %s",
			r.Setup.Discipline.BusyTimeout, said, took(c.StepEvent), mebibytes(c.before), mebibytes(c.after)),
	}
	if c.Blocked && c.Answered-c.Sent >= r.Setup.Discipline.BusyTimeout.Duration() && c.after == c.before {
		j.Verdict = check.Holds
	}
	return j
}

func truncateEmpties(r *run.Recording) experiment.Judgement {
	all := checkpointsOf(r, store.CheckpointTruncate)
	c := all[len(all)-1]
	j := experiment.Judgement{
		Verdict: check.Refuted, Measured: fmt.Sprintf("%d bytes", c.after),
		Reason: fmt.Sprintf("the file had %s before the last TRUNCATE and %d bytes after it", mebibytes(c.before), c.after),
	}
	if c.after == 0 {
		j.Verdict = check.Holds
	}
	return j
}

func mebibytes(n int64) string { return measure.Number(float64(n)/(1<<20)) + " MiB" }

// walPlot draws the size of the WAL against the rows that were written.
func walPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartLines, Title: "The WAL file while rows are written",
		X: run.Axis{Label: "rows of 2 KiB written"}, Y: run.Axis{Label: "size of the WAL", Unit: "MiB"},
	}
	for i := range arms {
		s := run.Series{Name: arms[i].Arm}
		for r := range arms[i].All {
			for _, p := range growth(r) {
				y := float64(p.bytes) / (1 << 20)
				s.Points = append(s.Points, run.Point{X: float64(p.rows), Y: y, Low: y, High: y, Count: 1})
			}
			break
		}
		if len(s.Points) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	return c
}

// Each batch is one transaction. A row fills a page of its own, so that four
// batches pass the 1000 pages of an automatic checkpoint, and all of them 2000.
const (
	batches   = 8
	batchRows = 300
	autoPages = 1000
)

// batch is how container B writes one more batch and looks at the WAL.
func batch() []run.Step {
	write := containerB.does(api.DoWriteRows)
	write.Value = batchRows
	return []run.Step{write, containerB.does(api.DoWALSize)}
}

// checkpoints is how container C tries both modes, and looks at the WAL after each.
func checkpoints() []run.Step {
	return []run.Step{
		containerC.asks(api.DoCheckpoint, string(store.CheckpointPassive)), containerC.does(api.DoWALSize),
		containerC.asks(api.DoCheckpoint, string(store.CheckpointTruncate)), containerC.does(api.DoWALSize),
	}
}

// reads is how a reader takes its snapshot.
func reads(reader actor) []run.Step {
	return []run.Step{reader.does(api.DoBeginDeferred), reader.does(api.DoCountRows)}
}

func nobodyReads() *run.Scene {
	var steps []run.Step
	for range batches {
		steps = append(steps, batch()...)
	}
	return scene("nobody reads", steps, checkpoints())
}

// oneReads: container A reads from the first batch to the last.
func oneReads() *run.Scene {
	steps := append(batch(), reads(containerA)...)
	for range batches - 1 {
		steps = append(steps, batch()...)
	}
	return scene("one reads, and leaves", steps, checkpoints(), []run.Step{containerA.does(api.DoCommit)}, checkpoints())
}

// readersTakeTurns: two readers of container A, each of which begins before the
// other ends. No read is long, and yet there is always one.
func readersTakeTurns() *run.Scene {
	one, other := actor{"A1", containerA.node}, actor{"A2", containerA.node}
	steps := append(batch(), reads(one)...)
	for range batches - 2 {
		steps = append(steps, batch()...)
		steps = append(append(steps, reads(other)...), one.does(api.DoCommit))
		one, other = other, one
	}
	return scene("readers take turns", steps, batch(), checkpoints())
}
