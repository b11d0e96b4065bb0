package cli

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// open opens a file to be read. Of a FIFO that nobody writes to yet, it leaves the waiting to
// [interruptible].
func open(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) }

// interruptible returns a reader of in that ends when ctx is done, also while
// nothing comes to be read.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if f, ok := in.(*os.File); ok {
			awaitReadable(ctx, f)
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return in.Read(p)
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

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
		if err != nil || n > 0 || pollErr != nil && pollErr != unix.EINTR { // a signal leaves n at -1, and nothing to read
			return
		}
	}
}
