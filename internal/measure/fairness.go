package measure

import "example.com/contend/history"

// Jain returns Jain's fairness index of the clients' ok ops, (Σx)²/(n·Σx²) with
// x the ok ops of a client and n the clients that sent anything: 1 where all had
// the same, k/n where k of them shared everything, and 1/n where one had it
// (Jain, Chiu, Hawe: A Quantitative Measure of Fairness and Discrimination for
// Resource Allocation in Shared Computer Systems, DEC-TR-301, 1984). It is 1
// where nobody had anything, or nobody asked: nobody had more than another.
//
// It speaks of clients who each asked for as much as they could get, as those of
// a closed loop do. Of others, it measures what they asked for.
func Jain(ops []history.Op) float64 {
	had := map[int]float64{}
	for i := range ops {
		op := &ops[i]
		if !byClient(op) {
			continue
		}
		n := had[op.Process]
		if op.Outcome == history.OK {
			n++
		}
		had[op.Process] = n
	}
	var sum, squares float64
	for _, n := range had {
		sum += n
		squares += n * n
	}
	if sum == 0 {
		return 1
	}
	return sum * sum / (float64(len(had)) * squares)
}
