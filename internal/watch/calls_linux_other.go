//go:build linux && !amd64

package watch

// oldCalls are system calls that newer architectures do not have.
var oldCalls map[int64]call
