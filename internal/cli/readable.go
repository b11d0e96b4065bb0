package cli

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// awaitReadable returns when reading f would not block, or ctx is done. A
// terminal or a pipe on standard input cannot be closed under a read that
// waits, hence the short waits.
func awaitReadable(ctx context.Context, f *os.File) {
	conn, err := f.SyscallConn()
	if err != nil {
		return // let the read say why
	}
	for ctx.Err() == nil {
		var n int
		var pollErr error
		err := conn.Control(func(fd uintptr) {
			n, pollErr = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		})
		if err != nil || n != 0 || pollErr != nil && pollErr != unix.EINTR {
			return
		}
	}
}
