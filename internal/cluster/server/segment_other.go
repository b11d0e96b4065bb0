//go:build unix && !linux

package server

import (
	"fmt"
	"os/exec"
	"strconv"
)

// there returns true: whether the segment is still there is asked on Linux only.
func (s Segment) there() bool { return true }

// Remove removes the segment of this key, which comes of the number of the directory's
// inode. That there is none is no error.
func (s Segment) Remove() error {
	err := exec.Command("ipcrm", "-M", strconv.Itoa(s.Key)).Run()
	if err != nil && exec.Command("ipcs", "-m").Run() != nil {
		return fmt.Errorf("remove shared memory segment %d: %w", s.ID, err)
	}
	return nil
}
