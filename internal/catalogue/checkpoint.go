package catalogue

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/measure"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// checkpoint is what a reader that stays costs in WAL mode: SQLite cannot begin the file
// again from its start while anybody reads from it.
func checkpoint(o Options) experiment.Experiment {
	return experiment.Experiment{
		Name:     "checkpoint",
		Question: "How large does the WAL become while somebody reads, and what makes it small again?",
		Claims: []experiment.Claim{
			claim("wal-keeps-growing", sqlite("wal.html#avoiding_excessively_large_wal_files"),
				"The WAL file grows with every batch of rows, to more than twice the 1000 pages at which SQLite makes a checkpoint by itself.",
				played(keepsGrowing)),
			claim("passive-stops-at-reader", sqlite("wal.html#ckpt"),
				"A PASSIVE checkpoint moves no frame from behind the oldest reader's snapshot into the database, and leaves those frames in the WAL.",
				played(passiveStops)),
			claim("passive-keeps-the-size", sqlite("pragma.html#pragma_journal_size_limit"),
				"A PASSIVE checkpoint that moves every frame leaves the WAL file as large as it was.",
				played(passiveKeepsSize)),
			claim("truncate-is-blocked", sqlite("pragma.html#pragma_wal_checkpoint"),
				"A TRUNCATE checkpoint waits for its whole busy_timeout, is blocked, and leaves the WAL file as large as it was.",
				played(truncateBlocked)),
			claim("truncate-empties", sqlite("pragma.html#pragma_wal_checkpoint"),
				"In the end a TRUNCATE checkpoint makes the WAL file 0 bytes long.",
				played(func(r *run.Recording) experiment.Judgement {
					_, c := triesOf(r, store.CheckpointTruncate)
					return judged(ruled(c.after == 0), fmt.Sprintf("%d bytes", c.after),
						"the file had %s before the last TRUNCATE and %d bytes after it", mebibytes(c.before), c.after)
				})),
		},
		Arms:    checkpointArms(o),
		Plots:   []experiment.Plot{walPlot},
		Abreast: 3, // much of it is waiting for a reader that stays
		Takes:   pick(o, 1500*time.Millisecond, 800*time.Millisecond),
	}
}

// checkpointArms play the writes of container B while nobody reads, while container A reads from
// the first batch to the last, and while two readers of container A take turns, each of which
// begins before the other ends. No read of those is long, and yet there is always one.
func checkpointArms(o Options) []experiment.Arm {
	var alone []run.Step
	for range batches {
		alone = append(alone, batch()...)
	}
	one, other := actor{"A1", containerA.node}, actor{"A2", containerA.node}
	turns := slices.Concat(batch(), reads(one))
	for range batches - 2 {
		turns = slices.Concat(turns, batch(), reads(other), []run.Step{one.does(nodeapi.DoCommit)})
		one, other = other, one
	}
	arm := func(which string, expected outlook, s *run.Scene) experiment.Arm {
		return play{which, store.Deferred, pick[store.Milliseconds](o, 1000, 300), store.WAL, run.Begin{}, expected, s}.arm()
	}
	return []experiment.Arm{
		arm("nobody reads", outlook{
			holds:   "passive-keeps-the-size truncate-empties",
			refuted: "wal-keeps-growing passive-stops-at-reader truncate-is-blocked",
		}, scene("nobody reads", alone, checkpoints())),
		arm("one reader, who leaves", outlook{
			holds: "wal-keeps-growing passive-stops-at-reader passive-keeps-the-size truncate-is-blocked truncate-empties",
		}, scene("one reads, and leaves", batch(), reads(containerA), alone[len(batch()):],
			checkpoints(), []run.Step{containerA.does(nodeapi.DoCommit)}, checkpoints())),
		arm("readers take turns", outlook{
			holds:   "wal-keeps-growing passive-stops-at-reader truncate-is-blocked",
			refuted: "truncate-empties",
		}, scene("readers take turns", turns, batch(), checkpoints())),
	}
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
	write := containerB.does(nodeapi.DoWriteRows)
	write.Value = batchRows
	return []run.Step{write, containerB.does(nodeapi.DoWALSize)}
}

// checkpoints is how container C tries both modes, and looks at the WAL after each.
func checkpoints() []run.Step {
	return []run.Step{
		containerC.asks(nodeapi.DoCheckpoint, string(store.CheckpointPassive)), containerC.does(nodeapi.DoWALSize),
		containerC.asks(nodeapi.DoCheckpoint, string(store.CheckpointTruncate)), containerC.does(nodeapi.DoWALSize),
	}
}

// reads is how a reader takes its snapshot.
func reads(reader actor) []run.Step {
	return []run.Step{reader.does(nodeapi.DoBeginDeferred), reader.does(nodeapi.DoCountRows)}
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
func growth(r *run.Recording) (all []walPoint) {
	var rows int64
	for _, e := range r.Steps {
		switch {
		case e.Do == nodeapi.DoWriteRows && e.Outcome == history.OK:
			rows += e.Value
		case e.Do == nodeapi.DoWALSize && e.Session == containerB.session:
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

// triesOf returns the first and the last checkpoint of a mode.
func triesOf(r *run.Recording, mode store.CheckpointMode) (first, last tried) {
	var size int64
	for i, e := range r.Steps {
		switch {
		case e.Do == nodeapi.DoWALSize:
			size = e.Got.Int64
		case e.Do == nodeapi.DoCheckpoint && e.Name == string(mode):
			last = tried{e, size, r.Steps[i+1].Got.Int64}
			if first.Do == "" {
				first = last
			}
		}
	}
	return first, last
}

// snapshotFrames is how many frames the WAL had when the oldest reader began that is
// still there at the first checkpoint, and false where nobody reads. A
// reader keeps the WAL from being begun again, so its size tells.
func snapshotFrames(r *run.Recording) (frames int64, anybody bool) {
	var size int64
	began := map[string]int64{} // by session
	for _, e := range r.Steps {
		switch e.Do {
		case nodeapi.DoWALSize:
			size = e.Got.Int64
		case nodeapi.DoBeginDeferred:
			began[e.Session] = framesIn(size)
		case nodeapi.DoCommit:
			delete(began, e.Session)
		case nodeapi.DoCheckpoint:
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
	return judged(ruled(grew == len(sizes)-1 && framesIn(last.bytes) > 2*autoPages),
		fmt.Sprintf("%s after %d rows", mebibytes(last.bytes), last.rows),
		"the file grew with %d of %d further batches, to %s", grew, len(sizes)-1, mebibytes(last.bytes))
}

func passiveStops(r *run.Recording) experiment.Judgement {
	c, _ := triesOf(r, store.CheckpointPassive)
	frames, moved := c.Frames.Int64, c.Checkpointed.Int64
	limit, anybody := snapshotFrames(r)
	measured := fmt.Sprintf("%d of %d frames moved", moved, frames)
	if !anybody {
		return judged(check.Refuted, measured, "%s, and nobody was reading", measured)
	}
	return judged(ruled(moved < frames && moved <= limit), measured, "%s; the oldest reader's snapshot ends at frame %d", measured, limit)
}

// passiveKeepsSize judges the last PASSIVE checkpoint, if nobody kept it from moving everything.
func passiveKeepsSize(r *run.Recording) experiment.Judgement {
	_, c := triesOf(r, store.CheckpointPassive)
	measured := fmt.Sprintf("%s before, %s after", mebibytes(c.before), mebibytes(c.after))
	if c.Checkpointed != c.Frames {
		return judged(check.Inconclusive, measured, "it moved only %d of %d frames", c.Checkpointed.Int64, c.Frames.Int64)
	}
	return judged(ruled(c.before == c.after), measured, "with all %d frames moved, the file had %s before and %s after",
		c.Frames.Int64, mebibytes(c.before), mebibytes(c.after))
}

func truncateBlocked(r *run.Recording) experiment.Judgement {
	c, _ := triesOf(r, store.CheckpointTruncate)
	timeout := r.Setup.Discipline.BusyTimeout
	came := "done"
	if c.Blocked {
		came = "blocked"
	}
	return judged(ruled(c.Blocked && c.Answered-c.Sent >= timeout.Duration() && c.after == c.before),
		fmt.Sprintf("%s after %s", came, took(c.StepEvent)),
		"with a busy_timeout of %d ms it was %s after %s, and the file of %s has %s", timeout, came, took(c.StepEvent), mebibytes(c.before), mebibytes(c.after))
}

func mebibytes(n int64) string { return measure.Number(float64(n)/(1<<20)) + " MiB" }

// walPlot draws the size of the WAL against the rows that were written, in the first
// recording of each arm.
func walPlot(arms []run.Evidence) run.Chart {
	c := run.Chart{
		Kind: run.ChartLines, Title: "The WAL file while rows are written",
		X: run.Axis{Label: "rows of 2 KiB written"}, Y: run.Axis{Label: "size of the WAL", Unit: "MiB"},
	}
	for i := range arms {
		if r := arms[i].First(); r != nil {
			for _, p := range growth(r) {
				c.Add(arms[i].Arm, exact(float64(p.rows), float64(p.bytes)/(1<<20), 1))
			}
		}
	}
	return c
}
