package doctor

import (
	"os"

	"example.com/contend/internal/dbfile"
)

// readHeader returns the header of a database; nil where there is none that can be read.
func readHeader(f *os.File) *dbfile.Header {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	h, err := dbfile.ReadHeader(f, info.Size())
	if err != nil {
		return nil
	}
	return &h
}

// readIndex returns what a -shm file holds; nil where there is no such file, or none that can be read.
func readIndex(f *os.File) *dbfile.Index {
	if f == nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	x, err := dbfile.ReadIndex(f, info.Size())
	if err != nil {
		return nil
	}
	return &x
}
