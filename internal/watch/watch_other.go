//go:build !linux

package watch

import (
	"context"
	"errors"
)

// A Session is on Linux only.
type Session struct{}

// Open fails: only Linux lets a program see every lock that others ask for.
func Open(Options) (*Session, error) {
	return nil, errors.New("watch needs Linux, whose kernel tells of every lock that a program asks for (tracepoint posix_lock_inode)")
}

// Start does nothing.
func (*Session) Start() Start { return Start{} }

// Run does nothing.
func (*Session) Run(context.Context, func(any)) (Report, error) { return Report{}, nil }

// Close does nothing.
func (*Session) Close() error { return nil }
