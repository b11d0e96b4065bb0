package watch

// An Activity is what a process spends its time on.
type Activity uint8

// The activities. The zero Activity is not known, and blames nobody.
const (
	Unknown Activity = iota
	OnCPU
	OnDisk
	OnLock  // it waits for another of SQLite's locks
	Stopped // by a signal or a debugger
	Asleep
	OnSocket
	OnPipe
	OnTerminal
	OnChild
	OnThread // waits for another thread, or for an event
)

// idle reports whether the process waits for something that is not the database.
func (a Activity) idle() bool { return a >= Asleep }

// A Doing is an activity in words that follow "it was": "waiting for the socket to 10.0.0.7:443".
type Doing struct {
	Kind Activity
	What string
}

func (d Doing) String() string { return d.What }
