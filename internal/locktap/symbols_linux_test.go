package locktap

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/contend/internal/testproc"
)

func TestTextOffset(t *testing.T) {
	for name, c := range map[string]struct {
		arch elf.Machine
		code []byte
		want uint32
	}{
		// As gcc compiles it: endbr64; xor eax,eax; test rdi,rdi; je; mov rax,[rdi+0xf8]; ret
		"amd64":                {elf.EM_X86_64, []byte{0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0x48, 0x85, 0xff, 0x74, 0x07, 0x48, 0x8b, 0x87, 0xf8, 0, 0, 0, 0xc3}, 0xf8},
		"amd64, cut off":       {elf.EM_X86_64, []byte{0x48, 0x8b, 0x87, 0xf8, 0, 0}, 0},
		"amd64, not likely":    {elf.EM_X86_64, []byte{0x48, 0x8b, 0x87, 0xf9, 0, 0, 0}, 0},
		"amd64, far":           {elf.EM_X86_64, []byte{0x48, 0x8b, 0x87, 0, 0, 0, 1}, 0},
		"arm64":                {elf.EM_AARCH64, []byte{0x40, 0, 0, 0xb4, 0x00, 0x7c, 0x40, 0xf9, 0xc0, 0x03, 0x5f, 0xd6}, 0xf8}, // cbz x0; ldr x0,[x0,#248]; ret
		"arm64, not there":     {elf.EM_AARCH64, []byte{0xc0, 0x03, 0x5f, 0xd6}, 0},
		"another architecture": {elf.EM_RISCV, []byte{0x48, 0x8b, 0x87, 0xf8, 0, 0, 0}, 0},
	} {
		if got, ok := textOffset(c.arch, c.code); ok != (c.want > 0) || ok && got != c.want {
			t.Errorf("%s: %#x, %t", name, got, ok)
		}
	}
}

// The library that Debian's programs use.
func TestFindProbe(t *testing.T) {
	found, _ := filepath.Glob("/usr/lib/*-linux-gnu/libsqlite3.so.0")
	if len(found) == 0 {
		testproc.Lacks(t, "libsqlite3.so.0")
	}
	f, err := os.Open(found[0])
	must(t, err)
	defer f.Close()
	p, err := FindProbe(f)
	must(t, err)
	if p.Step == 0 || p.SQL == 0 {
		t.Errorf("%+v", p)
	}
	if text := p.spec("g", "step0", "/x"); !strings.HasPrefix(text, "p:g/step0 /x:0x") || strings.Contains(text, "()") {
		t.Errorf("%s", text)
	}
	own, err := os.Open("/proc/self/exe")
	must(t, err)
	defer own.Close()
	if _, err := FindProbe(own); !errors.Is(err, ErrNoSymbols) {
		t.Errorf("a program without SQLite: %v", err)
	}
	if _, err := FindProbe(strings.NewReader("no program")); err == nil {
		t.Error("a text has a probe")
	}
}

func FuzzFindProbe(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(_ *testing.T, file []byte) { _, _ = FindProbe(bytes.NewReader(file)) })
}
