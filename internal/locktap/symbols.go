package locktap

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Probe is where to look into a program or library that contains SQLite.
type Probe struct {
	Step uint64 // where sqlite3_step begins in the file, in bytes
	SQL  uint32 // where a statement (sqlite3_stmt) holds the pointer to its text, in bytes
	Arch elf.Machine
}

// Bounds of what is read of a file that may be anything, in bytes.
const (
	maxSymbols = 64 << 20
	maxCode    = 64
)

// ErrNoSymbols is the error of a file that does not name SQLite's functions: it has none, or was stripped.
var ErrNoSymbols = errors.New("it has no function sqlite3_step")

// FindProbe reads an ELF file. SQLite's functions are found by their names, and the place of a statement's text, which differs from
// version to version, by the code of sqlite3_sql, which does nothing but return it.
func FindProbe(r io.ReaderAt) (p Probe, err error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return p, err
	}
	for _, s := range f.Sections {
		if (s.Type == elf.SHT_SYMTAB || s.Type == elf.SHT_DYNSYM || s.Type == elf.SHT_STRTAB) && s.Size > maxSymbols {
			return p, fmt.Errorf("its section %s has %d bytes", s.Name, s.Size)
		}
	}
	var step, sql uint64
	for _, symbols := range []func() ([]elf.Symbol, error){f.DynamicSymbols, f.Symbols} {
		all, _ := symbols() // either may lack
		for _, s := range all {
			if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Section == elf.SHN_UNDEF {
				continue
			}
			switch s.Name {
			case "sqlite3_step":
				step = s.Value
			case "sqlite3_sql":
				sql = s.Value
			}
		}
	}
	if step == 0 || sql == 0 {
		return p, ErrNoSymbols
	}
	p.Arch = f.Machine
	at, ok := offset(f, step)
	where, okSQL := offset(f, sql)
	if !ok || !okSQL {
		return p, errors.New("its function sqlite3_step lies in no part that is loaded")
	}
	p.Step = at
	code := make([]byte, maxCode)
	n, err := r.ReadAt(code, int64(where))
	if err != nil && err != io.EOF {
		return p, err
	}
	if p.SQL, ok = textOffset(f.Machine, code[:n]); !ok {
		return p, fmt.Errorf("its function sqlite3_sql has a form that is not known (%s)", f.Machine)
	}
	return p, nil
}

// offset returns where in the file the byte at an address lies.
func offset(f *elf.File, address uint64) (uint64, bool) {
	for _, part := range f.Progs {
		if part.Type == elf.PT_LOAD && part.Vaddr <= address && address-part.Vaddr < part.Filesz {
			at := address - part.Vaddr + part.Off
			return at, at < 1<<62
		}
	}
	return 0, false
}

// textOffset reads the code of sqlite3_sql: return p ? ((Vdbe *)p)->zSql : 0.
func textOffset(arch elf.Machine, code []byte) (uint32, bool) {
	likely := func(n uint32) bool { return n >= 64 && n <= 1024 && n%8 == 0 } // a pointer behind a dozen others
	switch arch {
	case elf.EM_X86_64: // mov disp32(%rdi),%rax
		if i := bytes.Index(code, []byte{0x48, 0x8b, 0x87}); i >= 0 && i+7 <= len(code) {
			n := binary.LittleEndian.Uint32(code[i+3:])
			return n, likely(n)
		}
	case elf.EM_AARCH64: // ldr x0,[x0,#imm]
		for ; len(code) >= 4; code = code[4:] {
			if word := binary.LittleEndian.Uint32(code); word&0xffc003ff == 0xf9400000 {
				n := word >> 10 & 0xfff * 8
				return n, likely(n)
			}
		}
	}
	return 0, false
}

// spec is the probe as tracefs takes it (Documentation/trace/uprobetracer.rst), for the file that the kernel finds at path. The first member of a
// statement is its connection (struct Vdbe in src/vdbeInt.h).
func (p Probe) spec(group, name, path string) string {
	argument := map[elf.Machine]string{elf.EM_X86_64: "%di", elf.EM_AARCH64: "%x0"}[p.Arch]
	return fmt.Sprintf("p:%s/%s %s:%#x statement=%s:x64 connection=+0(%s):x64 sql=+0(+%#x(%s)):ustring", group, name, path, p.Step, argument, argument, p.SQL, argument)
}
