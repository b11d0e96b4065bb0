package watch

import "golang.org/x/sys/unix"

// oldCalls are system calls that newer architectures do not have.
var oldCalls = map[int64]call{
	unix.SYS_POLL:       {Doing{OnThread, "waiting in poll"}, byPoll},
	unix.SYS_SELECT:     {Doing{OnThread, "waiting in select"}, bySelect},
	unix.SYS_EPOLL_WAIT: {Doing{OnThread, "waiting for an event (epoll)"}, byNothing},
}
