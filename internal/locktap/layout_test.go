package locktap

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/contend/internal/lockstate"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func layout(t testing.TB) *Layout {
	t.Helper()
	l, err := ParseLayout(read(t, "format"), read(t, "header_page"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entry is one of a page, as kernel/trace/ring_buffer.c writes it.
func entry(kind, delta uint32, payload ...uint32) []byte {
	var b []byte
	for _, word := range append([]uint32{kind | delta<<5}, payload...) {
		b = binary.NativeEndian.AppendUint32(b, word)
	}
	return b
}

// attempt is the payload of an event of the tracepoint as testdata/format has it.
func attempt(l *Layout, pid, inode uint64, first, last int64, op lockstate.Op, ret int32) []uint32 {
	raw := make([]byte, 88)
	binary.NativeEndian.PutUint16(raw, l.lock.id)
	put := func(i int, v uint64) {
		for f, n := l.lock.fields[i], 0; n < f.size; n++ {
			var all [8]byte
			binary.LittleEndian.PutUint64(all[:], v)
			raw[f.offset+n] = all[n]
		}
	}
	for i, v := range map[int]uint64{fieldTID: pid + 1, fieldInode: inode, fieldDevice: 8<<20 | 1, fieldOwner: 0xffff888000000000, fieldPID: pid,
		fieldFlags: 1 | flagClose, fieldType: uint64(op), fieldStart: uint64(first), fieldEnd: uint64(last), fieldRet: uint64(uint32(ret))} {
		put(i, v)
	}
	var words []uint32
	for i := 0; i < len(raw); i += 4 {
		words = append(words, binary.NativeEndian.Uint32(raw[i:]))
	}
	return words
}

func page(l *Layout, at uint64, commit uint32, entries ...[]byte) []byte {
	p := make([]byte, l.PageSize)
	binary.NativeEndian.PutUint64(p, at)
	data := bytes.Join(entries, nil)
	copy(p[l.data:], data)
	binary.NativeEndian.PutUint32(p[l.commit:], uint32(len(data))|commit)
	return p
}

func TestPage(t *testing.T) {
	l := layout(t)
	some := attempt(l, 42, 7, 120, 120, lockstate.LockExclusive, -11)
	words := uint32(len(some))
	lost := page(l, 5, missedEvents|missedStored, entry(words, 1, some...))
	binary.NativeEndian.PutUint64(lost[l.data+4+int(words)*4:], 1234)
	for name, c := range map[string]struct {
		page []byte
		at   []int64
		lost int64
		err  bool
	}{
		"no event":            {page(l, 5, 0), nil, 0, false},
		"two events":          {page(l, 1000, 0, entry(words, 1, some...), entry(words, 2, some...)), []int64{1001, 1003}, 0, false},
		"a longer form":       {page(l, 1000, 0, entry(0, 1, append([]uint32{4 * (words + 1)}, some...)...)), []int64{1001}, 0, false},
		"time extended":       {page(l, 0, 0, entry(entryTimeExtend, 3, 2), entry(words, 1, some...)), []int64{2<<27 + 4}, 0, false},
		"a time stamp":        {page(l, 1<<60|9, 0, entry(entryTimeStamp, 3, 2), entry(words, 1, some...)), []int64{1<<60 + 2<<27 + 4}, 0, false},
		"padding":             {page(l, 0, 0, entry(entryPadding, 5, 8, 0), entry(words, 1, some...)), []int64{6}, 0, false},
		"the rest is empty":   {page(l, 0, 0, entry(words, 1, some...), entry(entryPadding, 0), entry(words, 1, some...)), []int64{1}, 0, false},
		"another tracepoint":  {page(l, 0, 0, entry(words, 1, append([]uint32{uint32(l.lock.id) + 1}, some[1:]...)...)), nil, 0, false},
		"too short an event":  {page(l, 0, 0, entry(2, 1, some[:2]...)), nil, 0, false},
		"some were lost":      {page(l, 5, missedEvents, entry(words, 1, some...)), []int64{6}, 1, false},
		"it says how many":    {lost, []int64{6}, 1234, false},
		"cut off":             {page(l, 0, 0, entry(words, 1, some[:4]...)), nil, 0, true},
		"a length beyond":     {page(l, 0, lengthMask), nil, 0, true},
		"no page":             {make([]byte, 7), nil, 0, true},
		"an event of nothing": {page(l, 0, 0, entry(0, 1, 0)), nil, 0, true},
	} {
		var at []int64
		n, err := l.Page(c.page, func(e Event) {
			at = append(at, e.At)
			e.At = 0
			want := lockstate.Event{Inode: 7, Owner: 0xffff888000000000, PID: 42, TID: 43, First: 120, Last: 120, Op: lockstate.LockExclusive, Refused: true, Closed: true}
			if e.Event != want || e.Device != 8<<20|1 {
				t.Errorf("%s: %+v", name, e)
			}
		})
		if !slices.Equal(at, c.at) || n != c.lost || (err != nil) != c.err {
			t.Errorf("%s: events at %d, %d lost, %v; want %d, %d, error %t", name, at, n, err, c.at, c.lost, c.err)
		}
	}
}

// A page that a kernel wrote while a script locked a byte of a database.
func TestPageOfAKernel(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the page is of a little-endian machine")
	}
	l := layout(t)
	var all []lockstate.Event
	lost, err := l.Page(read(t, "page"), func(e Event) { all = append(all, e.Event) })
	if err != nil || lost != 0 || len(all) == 0 {
		t.Fatalf("%d events, %d lost, %v", len(all), lost, err)
	}
	for i, e := range all {
		if i > 0 && e.At < all[i-1].At {
			t.Errorf("event %d is older than the one before it", i)
		}
		if e.PID <= 0 || e.Last < e.First || e.Op > lockstate.Unlock || e.Inode == 0 {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

func TestLayoutOfOtherKernels(t *testing.T) {
	format, header := string(read(t, "format")), string(read(t, "header_page"))
	old := strings.NewReplacer(" owner;", " fl_owner;", "int pid;", "int fl_pid;", " flags;", " fl_flags;", " type;", " fl_type;").Replace(format)
	if old == format {
		t.Fatal("nothing was renamed")
	}
	if l, err := ParseLayout([]byte(old), []byte(header)); err != nil || !reflect.DeepEqual(l, layout(t)) {
		t.Errorf("names before Linux 6.9: %+v, %v", l, err)
	}
	for name, c := range map[string][2]string{
		"no ID":          {strings.Replace(format, "ID:", "id:", 1), header},
		"a large ID":     {strings.Replace(format, "ID: ", "ID: 99999999999", 1), header},
		"a field lacks":  {strings.Replace(format, " ret;", " result;", 1), header},
		"an odd size":    {strings.Replace(format, "ret;\toffset:80;\tsize:4;", "ret;\toffset:80;\tsize:3;", 1), header},
		"a far field":    {strings.Replace(format, "ret;\toffset:80;", "ret;\toffset:80000000;", 1), header},
		"no header":      {format, ""},
		"a large page":   {format, strings.Replace(header, "size:4080;", "size:40800000;", 1)},
		"nothing at all": {"", ""},
	} {
		if c == [2]string{format, header} {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := ParseLayout([]byte(c[0]), []byte(c[1])); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzPage(f *testing.F) {
	l := layout(f)
	f.Add(page(l, 5, 0, entry(22, 1, attempt(l, 42, 7, 120, 120, 1, 0)...)))
	f.Add(read(f, "page"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := 0
		_, _ = l.Page(raw, func(Event) { n++ })
		if n > len(raw)/8 {
			t.Errorf("%d events in %d bytes", n, len(raw))
		}
	})
}

func FuzzLayout(f *testing.F) {
	f.Add(read(f, "format"), read(f, "header_page"), read(f, "page"))
	f.Fuzz(func(t *testing.T, format, header, raw []byte) {
		if l, err := ParseLayout(format, header); err == nil {
			_, _ = l.Page(raw, func(Event) {})
		}
	})
}

func TestParseLocks(t *testing.T) {
	const text = `1: POSIX  ADVISORY  WRITE 4242 08:01:131 1073741826 1073742335
2: OFDLCK ADVISORY  READ -1 103:0a:18446744073709551615 128 128
2: -> POSIX  ADVISORY  WRITE 4243 08:01:131 0 EOF
3: POSIX  ADVISORY  READ 1 00:1b:9 0 EOF
4: FLOCK  ADVISORY  WRITE 7 00:1b:9 0 EOF
5: LEASE  ACTIVE    READ  9 00:1b:9 0 EOF
6: POSIX  ADVISORY  READ 1 00:1b 0 EOF
7: POSIX  ADVISORY  READ x 00:1b:9 0 EOF
8: POSIX  ADVISORY
`
	want := []Held{
		{Listed: lockstate.Listed{Inode: 131, PID: 4242, First: 1073741826, Last: 1073742335, Exclusive: true}, Device: 8<<20 | 1},
		{Listed: lockstate.Listed{Inode: math.MaxUint64, First: 128, Last: 128}, Device: 0x103<<20 | 10, OFD: true},
		{Listed: lockstate.Listed{Inode: 9, PID: 1, Last: math.MaxInt64}, Device: 0x1b},
	}
	if got := ParseLocks([]byte(text)); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func FuzzParseLocks(f *testing.F) {
	f.Add([]byte("1: POSIX  ADVISORY  WRITE 4242 08:01:131 0 EOF\n"))
	f.Fuzz(func(_ *testing.T, text []byte) { _ = ParseLocks(text) })
}
