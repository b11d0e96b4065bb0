package logs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

func packed(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func utf16LE(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func swapped(text string) string {
	b := []byte(text)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

func TestText(t *testing.T) {
	const log = "2026-05-04T03:02:01Z Error: SQLITE_BUSY: naïve 😀\r\nnext\n"
	for _, test := range []struct {
		name, in, want, is string
	}{
		{"nothing", "", "", ""},
		{"a byte", "x", "x", ""},
		{"UTF-8", log, log, ""},
		{"UTF-8 with a mark", "\ufeff" + log, log, ""},
		{"gzip", packed(t, log), log, ""},
		{"gzip twice in a row", packed(t, log) + packed(t, "more\n"), log + "more\n", ""},
		{"gzip of UTF-16", packed(t, utf16LE("\ufeff"+log)), log, ""},
		{"gzip within gzip", packed(t, packed(t, packed(t, log))), "", "gzip within gzip"},
		{"UTF-16 as Windows writes it", utf16LE("\ufeff" + log), log, ""},
		{"UTF-16, the other end first", swapped(utf16LE("\ufeff" + log)), log, ""},
		{"UTF-16, cut off", utf16LE("\ufeff"+log) + "x", log, ""},
		{"UTF-16 without a mark", utf16LE(log), "", "UTF-16 without a byte order mark"},
		{"UTF-32", "\xff\xfe\x00\x00x\x00\x00\x00", "", "UTF-32"},
		{"a hole before a log that was cut off", strings.Repeat("\x00", 600) + log, strings.Repeat("\x00", 600) + log, ""},
		{"some dirt", strings.Repeat(log, 20) + "\x00\x01", strings.Repeat(log, 20) + "\x00\x01", ""},
		{"a database", "SQLite format 3\x00x", "", "a SQLite database"},
		{"a journal of systemd", "LPKSHHRH\x00", "", "a journal of systemd"},
		{"zstd", "\x28\xb5\x2f\xfd\x00", "", "packed by zstd"},
		{"a program", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 900) + "\x02\x00", "", "binary"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, in := range map[string]io.Reader{"at once": strings.NewReader(test.in), "in halves": iotest.HalfReader(strings.NewReader(test.in))} {
				r, err := Text(in)
				no, refused := errors.AsType[*NoLogError](err)
				if test.is != "" && refused && no.Is == test.is {
					continue
				}
				if err != nil || test.is != "" {
					t.Errorf("%s: %v, want %q", name, err, test.is)
					continue
				}
				got, err := io.ReadAll(r)
				if err != nil || string(got) != test.want {
					t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
				}
			}
		})
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("\xff\xfeS\x00"))
	f.Add([]byte(packed(f, "x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Text(bytes.NewReader(b)); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		}
	})
}
