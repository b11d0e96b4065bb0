package catalogue

import (
	"example.com/contend/internal/api"
	"example.com/contend/internal/script"
	"example.com/contend/internal/store"
)

// Each batch is one transaction. A row fills a page of its own, so that four
// batches pass the 1000 pages of an automatic checkpoint, and all of them 2000.
const (
	batches   = 8
	batchRows = 300
	autoPages = 1000
)

// batch is how container B writes one more batch and looks at the WAL.
func batch() []script.Step {
	write := containerB.does(api.DoWriteRows)
	write.Value = batchRows
	return []script.Step{write, containerB.does(api.DoWALSize)}
}

// checkpoints is how container C tries both modes, and looks at the WAL after each.
func checkpoints() []script.Step {
	return []script.Step{
		containerC.asks(api.DoCheckpoint, string(store.CheckpointPassive)), containerC.does(api.DoWALSize),
		containerC.asks(api.DoCheckpoint, string(store.CheckpointTruncate)), containerC.does(api.DoWALSize),
	}
}

// reads is how a reader takes its snapshot.
func reads(reader actor) []script.Step {
	return []script.Step{reader.does(api.DoBeginDeferred), reader.does(api.DoCountRows)}
}

func nobodyReads() *script.Script {
	var steps []script.Step
	for range batches {
		steps = append(steps, batch()...)
	}
	return scene("nobody reads", steps, checkpoints())
}

// oneReads: container A reads from the first batch to the last.
func oneReads() *script.Script {
	steps := append(batch(), reads(containerA)...)
	for range batches - 1 {
		steps = append(steps, batch()...)
	}
	return scene("one reads, and leaves", steps, checkpoints(), []script.Step{containerA.does(api.DoCommit)}, checkpoints())
}

// readersTakeTurns: two readers of container A, each of which begins before the
// other ends. No read is long, and yet there is always one.
func readersTakeTurns() *script.Script {
	one, other := actor{"A1", containerA.node}, actor{"A2", containerA.node}
	steps := append(batch(), reads(one)...)
	for range batches - 2 {
		steps = append(steps, batch()...)
		steps = append(append(steps, reads(other)...), one.does(api.DoCommit))
		one, other = other, one
	}
	return scene("readers take turns", steps, batch(), checkpoints())
}
