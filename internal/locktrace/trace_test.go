package locktrace

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriterFromManyGoroutines(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, "app-2")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 500 {
				w.Write(Attempt{Kind: Write, Began: int64(1 + i), Ended: int64(n), Code: strings.Repeat("X", n%90)})
			}
		})
	}
	group.Wait()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	all, err := Read(&out)
	if err != nil || len(all) != 4000 {
		t.Fatalf("read %d attempts, %v; want 4000", len(all), err)
	}
	sum := map[int64]int64{}
	for _, a := range all {
		if a.Node != "app-2" || a.Kind != Write {
			t.Fatalf("read %+v", a)
		}
		sum[a.Began] += a.Ended
	}
	for i := range int64(8) {
		if sum[1+i] != 499*500/2 {
			t.Errorf("the ends of goroutine %d add up to %d", i, sum[1+i])
		}
	}
}

// A node may be killed at any time: what is in the file by then are whole lines.
func TestWriterWritesWholeLines(t *testing.T) {
	var pieces pieces
	w := NewWriter(&pieces, "app-1")
	for n := range 5000 {
		w.Write(Attempt{Kind: ReadOnly, Began: int64(n)})
	}
	if len(pieces) < 2 {
		t.Fatalf("%d pieces were written before the flush, want several", len(pieces))
	}
	for i, piece := range pieces {
		if !strings.HasPrefix(piece, "{") || !strings.HasSuffix(piece, "}\n") {
			t.Errorf("piece %d is not made of whole lines", i)
		}
	}
}

type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

func TestWriterKeepsItsFirstError(t *testing.T) {
	full := errors.New("the disk is full")
	w := NewWriter(failing{full}, "app-1")
	w.Write(Attempt{Kind: ReadOnly})
	for range 2 {
		if err := w.Flush(); !errors.Is(err, full) {
			t.Errorf("error is %v, want %v", err, full)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestRead(t *testing.T) {
	const whole = `{"node":"app-1","kind":"write","began":1,"locked":2,"ended":3}` + "\n"
	first := Attempt{Node: "app-1", Kind: Write, Began: 1, Locked: 2, Ended: 3}
	const refused = `{"node":"app-1","kind":"hold","began":4,"ended":5,"code":"SQLITE_BUSY"}`
	second := Attempt{Node: "app-1", Kind: Hold, Began: 4, Ended: 5, Code: "SQLITE_BUSY"}
	for _, c := range []struct {
		name, text string
		want       []Attempt
		wrong      string
	}{
		{"nothing", "", nil, ""},
		{"two lines", whole + refused + "\n", []Attempt{first, second}, ""},
		{"only the last line's end is missing", whole + refused, []Attempt{first, second}, ""},
		{"a last line that is cut off", whole + refused[:20], []Attempt{first}, ""},
		{"a line that is cut off before another", whole + refused[:20] + "\n" + whole, []Attempt{first}, "line 2"},
		{"something else", whole + "{}\n", []Attempt{first}, "line 2: the attempt has no kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(strings.NewReader(c.text))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("error is %v, want one with %q", err, c.wrong)
			}
		})
	}
}

// What was read can be written and read again, and a file that is cut off
// anywhere gives the attempts before the cut.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"node":"a","kind":"write","began":1,"locked":2,"ended":3}`+"\n"), 30)
	f.Add([]byte(`{"node":"a","kind":"read","began":1,"ended":3,"code":"SQLITE_BUSY"}`+"\n{\"kind\":\"hold\"}\n"), 80)
	f.Add([]byte("{}\n"), 1)
	f.Add([]byte("\n"), 0)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		read, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var out bytes.Buffer
		w := NewWriter(&out, "n")
		for i := range read {
			read[i].Node = "n"
			w.Write(read[i])
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		written := out.Bytes()
		again, err := Read(bytes.NewReader(written))
		if diff := cmp.Diff(read, again); err != nil || diff != "" {
			t.Fatalf("read again: %v, want -, got +\n%s", err, diff)
		}
		cut = min(max(cut, 0), len(written))
		short, err := Read(bytes.NewReader(written[:cut]))
		lines := bytes.Count(written[:cut], []byte("\n"))
		if err != nil || len(short) < lines || len(short) > lines+1 || !slices.Equal(short, again[:len(short)]) {
			t.Fatalf("cut at %d of %q: %+v, %v", cut, written, short, err)
		}
	})
}
