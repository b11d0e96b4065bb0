package postgres_test

import (
	"net"

	"golang.org/x/sys/unix"
)

// toldOfEnd reports whether the other end's kernel has got the end of what we send, which a busy machine delivers later.
func toldOfEnd(conn *net.TCPConn) bool {
	const established, finWait1 = 1, 4 // include/net/tcp_states.h
	told := true
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		told = err != nil || info.State != established && info.State != finWait1
	})
	return told
}
