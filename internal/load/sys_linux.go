package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A threadSleeper has a thread to itself and sleeps in the kernel with a timer
// slack of 1 ns, which is tens of microseconds exact where the Go runtime's
// timers are half a millisecond (https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html).
type threadSleeper struct{}

func newPreciseSleeper() sleeper {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		runtime.UnlockOSThread()
		return runtimeSleeper{}
	}
	return threadSleeper{}
}

// sleep may return early, on a signal; its caller looks at the clock.
func (threadSleeper) sleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil)
}

// release gives the thread back as it was. It must not let the thread end with
// its goroutine: a child process that it once started may be set to die with
// it (PR_SET_PDEATHSIG).
func (threadSleeper) release() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
	runtime.UnlockOSThread()
}
