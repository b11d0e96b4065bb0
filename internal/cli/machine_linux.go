package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fileSystems names the magic numbers of statfs(2) that a database is likely to meet.
var fileSystems = map[int64]string{
	unix.EXT4_SUPER_MAGIC:      "ext4",
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.SMB2_SUPER_MAGIC:      "smb",
	unix.CIFS_SUPER_MAGIC:      "cifs",
	unix.V9FS_MAGIC:            "9p",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
	0x2fc12fc1:                 "zfs", // not in linux/magic.h: ZFS is out of tree
}

// fileSystem returns the type of the file system that holds path.
func fileSystem(path string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return "unknown"
	}
	magic := int64(stat.Type)
	if name, ok := fileSystems[magic]; ok {
		return name
	}
	return fmt.Sprintf("0x%x", magic)
}
