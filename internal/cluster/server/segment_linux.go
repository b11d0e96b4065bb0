package server

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// there reports whether the kernel has the segment, as its server made it.
func (s Segment) there() bool {
	var now unix.SysvShmDesc
	_, err := unix.SysvShmCtl(s.ID, unix.IPC_STAT, &now)
	return err == nil && now.Perm.Key == int32(s.Key) && now.Perm.Uid == s.user && int(now.Cpid) == s.maker
}

// Remove removes the segment, once the last process that was killed has let go of it.
// One that is not there any more is no error.
func (s Segment) Remove() error {
	if !s.there() {
		return nil
	}
	if _, err := unix.SysvShmCtl(s.ID, unix.IPC_RMID, nil); err != nil && s.there() {
		return fmt.Errorf("remove shared memory segment %d: %w", s.ID, err)
	}
	return nil
}
