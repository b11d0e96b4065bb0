//go:build !linux

package postgres_test

import "net"

func toldOfEnd(*net.TCPConn) bool { return true }
