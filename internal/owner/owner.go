// Package owner says which process made a thing that can outlive it: a directory, a
// container, an image.
//
// A [Mark] goes with the thing, as a file in the directory or as a label, and tells
// the maker from every other process: from one that has its PID now, from those of
// another PID namespace, and from those before the machine was started anew. So
// whoever finds the thing can tell whether it is left over. Where that is in doubt
// it is not.
package owner

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
)

// A Mark names a process. No two processes have the same one.
type Mark struct {
	PID   int
	Start string // when it started, in ticks since the machine did (proc_pid_stat(5), starttime)
	Space string // its PID namespace (pid_namespaces(7))
	Boot  string // which start of the machine it belongs to (/proc/sys/kernel/random/boot_id)
	Host  string // which machine that is: a digest
}

// String returns the mark as [Parse] reads it.
func (m Mark) String() string {
	return fmt.Sprintf("%d.%s.%s.%s.%s", m.PID, m.Start, m.Space, m.Boot, m.Host)
}

// written is what a mark looks like. MaxLength bounds it, in bytes.
var written = regexp.MustCompile(`^([1-9][0-9]{0,9})\.([0-9]{1,20})\.([0-9]{1,20})\.([0-9a-fA-F-]{1,64})\.([0-9a-f]{32})$`)

// MaxLength is the most bytes that a mark has.
const MaxLength = 256

// Parse reads what [Mark.String] wrote.
func Parse(text string) (Mark, error) {
	if len(text) > MaxLength {
		return Mark{}, fmt.Errorf("parse mark: longer than %d bytes", MaxLength)
	}
	parts := written.FindStringSubmatch(text)
	if parts == nil {
		return Mark{}, fmt.Errorf("parse mark: %q is none", text)
	}
	pid, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		return Mark{}, fmt.Errorf("parse mark: %w", err)
	}
	return Mark{int(pid), parts[2], parts[3], parts[4], parts[5]}, nil
}

// Self returns the mark of this process.
var Self = sync.OnceValue(func() Mark {
	m := Mark{PID: os.Getpid()}
	start, _ := started(m.PID)
	space, boot, machine := here("/")
	name, _ := os.Hostname() // without one, the machine's id has to do
	m.Start, m.Space, m.Boot = cmp.Or(start, "0"), space, boot
	m.Host = fmt.Sprintf("%.16x", sha256.Sum256([]byte(machine+"\n"+name)))
	return m
})

// A Fate says what has become of a process.
type Fate int

// The fates of a process. Unknown is that of a process on another machine or in
// another PID namespace, which cannot be seen from here.
const (
	Unknown Fate = iota
	Runs
	Ended
)

// String returns the fate in words, as they stand after "process 42".
func (f Fate) String() string {
	return [...]string{"cannot be seen from here", "runs", "has ended"}[f]
}

// Fate returns what has become of the process.
func (m Mark) Fate() Fate { return m.fate(Self(), started) }

// fate is Fate as self sees it, where started knows the processes.
func (m Mark) fate(self Mark, started func(pid int) (start string, there bool)) Fate {
	switch {
	case m.Host != self.Host:
		return Unknown
	case m.Boot != self.Boot:
		return Ended // with the machine
	case m.Space != self.Space:
		return Unknown
	}
	start, there := started(m.PID)
	if there && (start == "" || start == m.Start) {
		return Runs
	}
	return Ended
}

// exists reports whether there is a process, also where /proc does not show it: hidepid
// hides the processes of other users.
func exists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
