package proc

import "time"

// A Usage is what the processors of this machine have done since it started, to 10 ms.
type Usage struct {
	Busy time.Duration // of all processors together; with the time that a hypervisor gave to others
	Idle time.Duration // waiting for a disk counts as idle
	Ours time.Duration // of Busy: this process, what it has started, and interrupts

	// The kernel's threads, by ID: they write our files. One that has ended takes its time along,
	// so only those that are there before and after count.
	kernel map[int]time.Duration
}

// Others returns the share, from 0 to 1, of the processors' time between before and u that
// went to programs which are not ours, or to other guests of the machine's host.
func (u Usage) Others(before Usage) float64 {
	busy, idle, ours := u.Busy-before.Busy, u.Idle-before.Idle, u.Ours-before.Ours
	for id, used := range u.kernel {
		if was, there := before.kernel[id]; there {
			ours += max(used-was, 0)
		}
	}
	if busy+idle <= 0 {
		return 0
	}
	return min(max(float64(busy-ours)/float64(busy+idle), 0), 1)
}
