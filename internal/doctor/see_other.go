//go:build unix && !linux

package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/dbfile"
)

// see tells what can be told from the files: only Linux shows who has them open, where they are mounted, and who
// locks them.
func see(_ context.Context, t Target) (*Facts, *Contents, map[string]*os.File, error) {
	files := map[string]*os.File{}
	if t.PID != 0 {
		return nil, nil, files, errors.New("a container's files can be examined on Linux only")
	}
	name, err := filepath.Abs(t.Path)
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	if err != nil {
		return nil, nil, files, err
	}
	f := &Facts{Path: name, Read: time.Now(), Unseen: []string{"Processes, mounts and locks: doctor sees them on Linux only."}}
	for _, role := range append([]string{Database}, companions...) {
		at := name + role
		if role == Database {
			at = name
		}
		var stat unix.Stat_t
		err := unix.Stat(at, &stat)
		if err == nil && stat.Mode&unix.S_IFMT != unix.S_IFREG {
			err = errors.New("it is no regular file, as a database is")
		}
		if err == nil {
			files[role], err = os.Open(at)
		}
		if err != nil && role == Database {
			return nil, nil, files, &os.PathError{Op: "open", Path: at, Err: err}
		}
		if err != nil {
			continue
		}
		f.Files = append(f.Files, File{
			Role: role, ID: ID{uint64(stat.Dev), stat.Ino}, Links: uint32(stat.Nlink), Size: stat.Size,
			Modified: time.Unix(int64(stat.Mtim.Sec), int64(stat.Mtim.Nsec)), Access: Access{uint32(stat.Mode) & 0o1777, stat.Uid, stat.Gid},
		})
	}
	if h, err := dbfile.ReadHeader(files[Database], f.Files[0].Size); err == nil {
		f.Header, f.WAL = &h, h.WAL()
	}
	return f, readContents(files, ""), files, nil
}
