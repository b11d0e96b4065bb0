package catalogue

import (
	"testing"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

// wals answers every look at the WAL of a scene with the next of frames, the
// last one again and again.
func wals(s *run.Scene, frames ...int64) []twist {
	var all []twist
	for i, step := range s.Steps {
		if step.Do == nodeapi.DoWALSize {
			var bytes int64 // an empty WAL has no header either
			if n := frames[min(len(all), len(frames)-1)]; n > 0 {
				bytes = walHeader + n*frameBytes
			}
			all = append(all, got(i+1, bytes))
		}
	}
	return all
}

// checkpointed is what came of the n-th checkpoint of a scene, from 1.
func checkpointed(s *run.Scene, n int, blocked bool, moved, frames int64, after time.Duration) twist {
	for i, step := range s.Steps {
		if step.Do == nodeapi.DoCheckpoint {
			if n--; n == 0 {
				return twist{i + 1, func(e *run.StepEvent) {
					e.Blocked, e.Checkpointed, e.Frames = blocked, history.Some(moved), history.Some(frames)
					e.Answered = e.Sent + after
				}}
			}
		}
	}
	panic("the scene has no such checkpoint")
}

func TestCheckpointJudgements(t *testing.T) {
	const whole = 1000 * time.Millisecond
	x := checkpoint(Options{})
	growing := []int64{300, 600, 900, 1200, 1500, 1800, 2100, 2400}
	one, nobody := sceneOf(t, x, "one reader, who leaves"), sceneOf(t, x, "nobody reads")
	with := func(s *run.Scene, frames []int64, twists ...twist) *run.Recording {
		return staging(s, 1000, append(wals(s, frames...), twists...)...)
	}
	for name, c := range map[string]struct {
		judge func(*run.Recording) experiment.Judgement
		of    *run.Recording
		want  check.Verdict
	}{
		"grows":               {keepsGrowing, with(one, growing), check.Holds},
		"grows, but not far":  {keepsGrowing, with(one, []int64{1, 2, 3, 4, 5, 6, 7, 2000}), check.Refuted},
		"stays where it was":  {keepsGrowing, with(one, []int64{300, 600, 900, 1200, 1200}), check.Refuted},
		"large from one leap": {keepsGrowing, with(one, []int64{2400}), check.Refuted},

		"stops at the reader":   {passiveStops, with(one, growing, checkpointed(one, 1, false, 300, 2400, 0)), check.Holds},
		"goes on past it":       {passiveStops, with(one, growing, checkpointed(one, 1, false, 301, 2400, 0)), check.Refuted},
		"nobody to stop at":     {passiveStops, with(nobody, growing, checkpointed(nobody, 1, false, 2400, 2400, 0)), check.Refuted},
		"moves all, and shrank": {passiveKeepsSize, with(nobody, append(growing, 0), checkpointed(nobody, 1, false, 2400, 2400, 0)), check.Refuted},
		"moves all, and stays":  {passiveKeepsSize, with(nobody, growing, checkpointed(nobody, 1, false, 2400, 2400, 0)), check.Holds},
		"moves only some":       {passiveKeepsSize, with(nobody, growing, checkpointed(nobody, 1, false, 300, 2400, 0)), check.Inconclusive},

		"blocked":             {truncateBlocked, with(one, growing, checkpointed(one, 2, true, 300, 2400, whole)), check.Holds},
		"blocked too soon":    {truncateBlocked, with(one, growing, checkpointed(one, 2, true, 300, 2400, whole/2)), check.Refuted},
		"blocked, and shrank": {truncateBlocked, with(one, append(growing, 2400, 0), checkpointed(one, 2, true, 300, 2400, whole)), check.Refuted},
		"done":                {truncateBlocked, with(one, growing, checkpointed(one, 2, false, 0, 0, 0)), check.Refuted},
		"empty in the end":    {checkOf(t, checkpoint(Options{}).Claims, "truncate-empties"), with(one, append(growing, 2400, 2400, 2400, 0)), check.Holds},
		"not even then":       {checkOf(t, checkpoint(Options{}).Claims, "truncate-empties"), with(one, growing), check.Refuted},
		"the end cut off":     {checkOf(t, checkpoint(Options{}).Claims, "truncate-empties"), &run.Recording{Setup: staging(one, 1000).Setup}, check.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.of.Steps) == 0 {
				c.of.Steps = staging(one, 1000).Steps[:3]
			}
			wantVerdict(t, c.judge, c.of, c.want)
		})
	}
}

// The oldest of the readers that are still there counts.
func TestSnapshotFrames(t *testing.T) {
	x := checkpoint(Options{})
	s := sceneOf(t, x, "readers take turns")
	frames := []int64{300, 600, 900, 1200, 1500, 1800, 2100, 2400}
	if n, anybody := snapshotFrames(staging(s, 1000, wals(s, frames...)...)); n != 2100 || !anybody {
		t.Errorf("frame %d, %t; want 2100", n, anybody)
	}
	if _, anybody := snapshotFrames(staging(sceneOf(t, x, "nobody reads"), 1000)); anybody {
		t.Error("somebody reads where nobody does")
	}
}
