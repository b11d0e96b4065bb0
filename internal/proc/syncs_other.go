//go:build unix && !linux

package proc

import "errors"

// A Syncs counts how often processes ask the kernel to bring a file to the disk.
type Syncs struct{}

// CountSyncs returns an error: they are counted on Linux only.
func CountSyncs([]int) (*Syncs, error) { return nil, errors.New("count syncs: on Linux only") }

// Stop is never called.
func (*Syncs) Stop() (int64, error) { return 0, nil }
