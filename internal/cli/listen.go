package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// listen opens addr. Unless allowRemote is set, an address that other machines
// could reach is a mistake on the command line.
func listen(addr string, allowRemote bool) (net.Listener, error) {
	resolved, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, usagef("--listen %s: %w", addr, err)
	}
	if !allowRemote && !resolved.IP.IsLoopback() {
		return nil, &exitError{
			code: exitUsage,
			hint: "listen on 127.0.0.1, or add --allow-remote: then anyone who can connect can write",
			err:  fmt.Errorf("--listen %s: other machines could reach this address", addr),
		}
	}
	// What was judged is what is listened on: a name could mean another address by now.
	ln, err := net.ListenTCP("tcp", resolved)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the rest of it says the address again
		}
		return nil, hinted(fmt.Errorf("listen on %s: %w", addr, err), "port 0 picks a free port")
	}
	return ln, nil
}

// announce writes addr and a line feed to the inherited descriptor fd and
// closes it, so that the process that started this one knows where it listens. It
// does nothing where fd is 0.
func announce(fd int, addr net.Addr) error {
	if fd == 0 {
		return nil
	}
	if fd <= 2 {
		return usagef("--ready-fd %d is not an inherited descriptor above 2", fd)
	}
	f := os.NewFile(uintptr(fd), "ready-fd")
	if _, err := fmt.Fprintln(f, addr); err != nil {
		f.Close()
		return fmt.Errorf("announce the address: %w", err)
	}
	return f.Close()
}
