package doctor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/procfs"

	"example.com/contend/internal/dbfile"
)

// What a search for SQLite in the files of programs may read, in bytes: of one file, and of all files together.
const (
	largestProgram = 512 << 20
	mostPrograms   = 2 << 30
)

// A finder looks for SQLite in what processes have mapped, each file once.
type finder struct {
	left  int64
	known map[ID][]string // the versions found, nil for a file without SQLite
}

// engines returns the libraries and programs with SQLite in them that a process runs.
func (s *finder) engines(pid int) (all []Engine) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	maps, err := process.ProcMaps()
	if err != nil {
		return nil
	}
	var seen []ID
	for _, m := range maps {
		id := ID{m.Dev, m.Inode}
		if !m.Perms.Execute || !strings.HasPrefix(m.Pathname, "/") || slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		versions, known := s.known[id]
		if !known {
			// The link leads to the file itself, whatever has its name now. Only root may follow it.
			f, err := os.Open(fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, m.StartAddr, m.EndAddr))
			if err != nil {
				f, err = os.Open(fmt.Sprintf("/proc/%d/root%s", pid, m.Pathname))
			}
			if err == nil {
				versions = s.read(f)
				_ = f.Close()
			}
			s.known[id] = versions
		}
		if versions == nil {
			continue
		}
		e := Engine{File: m.Pathname}
		const few = 3 // what else looks like a version stands there too
		if len(versions) <= few {
			slices.Sort(versions)
			e.Version = strings.Join(versions, eitherOr)
		}
		all = append(all, e)
	}
	return all
}

// read returns the versions that SQLite in the file may have, nil where there is no SQLite in it.
func (s *finder) read(f *os.File) []string {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > min(largestProgram, s.left) {
		return nil
	}
	s.left -= info.Size()
	return sqliteIn(f)
}

// sqliteIn looks for SQLite in a program or library: for the words that begin each database, and for what looks like
// a version of SQLite, "3.40.1", as a string of C. SQLite has both; its shell has the words alone, and the library apart.
func sqliteIn(r io.Reader) (versions []string) {
	const overlap = 32
	buffer := make([]byte, 1<<20)
	kept, is := 0, false
	for {
		n, err := io.ReadFull(r, buffer[kept:])
		text := buffer[:kept+n]
		is = is || bytes.Contains(text, []byte(dbfile.Magic))
		for at := 0; ; {
			i := bytes.Index(text[at:], []byte("3."))
			if i < 0 {
				break
			}
			at += i
			if v := versionAt(text, at); v != "" && !slices.Contains(versions, v) {
				versions = append(versions, v)
			}
			at += 2
		}
		if err != nil {
			break
		}
		kept = copy(buffer, text[len(text)-overlap:])
	}
	if !is {
		return nil
	}
	return versions
}

// versionAt returns the version of SQLite that stands in text from at to a byte 0; "" where there is none. WAL came with 3.7, and a
// minor number has two digits since 3.10.
func versionAt(text []byte, at int) string {
	if at > 0 && (text[at-1] == '.' || text[at-1] >= '0' && text[at-1] <= '9' || text[at-1] >= 'A' && text[at-1] <= 'z') {
		return ""
	}
	end := bytes.IndexByte(text[at:min(len(text), at+10)], 0)
	if end < 0 {
		return ""
	}
	v := string(text[at : at+end])
	parts := strings.Split(v, ".")
	if len(parts) < 3 || len(parts) > 4 {
		return ""
	}
	for _, p := range parts {
		if p == "" || len(p) > 2 || strings.Trim(p, "0123456789") != "" {
			return ""
		}
	}
	return v
}
