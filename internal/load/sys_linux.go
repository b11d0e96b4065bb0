package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// newPreciseSleeper gives its goroutine a thread of its own, which sleeps in the
// kernel with a timer slack of 1 ns. That is tens of microseconds exact; the Go
// runtime's timers are half a millisecond late
// (https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html). Sleep
// may return early, on a signal. Release gives the thread back as it was: it must
// not end with its goroutine, because a child process that it once started may be
// set to die with it (PR_SET_PDEATHSIG).
func newPreciseSleeper() (sleep func(time.Duration), release func()) {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return time.Sleep, runtime.UnlockOSThread
	}
	sleep = func(d time.Duration) {
		ts := unix.NsecToTimespec(int64(d))
		_ = unix.Nanosleep(&ts, nil)
	}
	release = func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
		runtime.UnlockOSThread()
	}
	return sleep, release
}
