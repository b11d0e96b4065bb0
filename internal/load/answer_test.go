package load

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

const crlf = "\r\n"

// head joins lines to the head of an answer.
func headOf(lines ...string) string { return strings.Join(lines, crlf) + crlf + crlf }

func TestReadAnswer(t *testing.T) {
	for _, test := range []struct {
		name, in       string
		status, retry  int
		body           string
		keep, leftover bool
	}{
		{"length", headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}", 200, 0, "{}", true, false},
		{"no reason", headOf("HTTP/1.1 200", "Content-Length: 0"), 200, 0, "", true, false},
		{"attempts, in any case, with blanks", headOf("HTTP/1.1 503 Busy", "CONTEND-attempts: \t3 ", "content-LENGTH:2") + "{}", 503, 3, "{}", true, false},
		{"attempts that are no number", headOf("HTTP/1.1 200 OK", "Contend-Attempts: many", "Content-Length: 0"), 200, 0, "", true, false},
		{"close", headOf("HTTP/1.1 200 OK", "Connection: x, Close", "Content-Length: 2") + "{}", 200, 0, "{}", false, false},
		{"HTTP/1.0", headOf("HTTP/1.0 200 OK", "Content-Length: 2") + "{}", 200, 0, "{}", false, false},
		{"up to the end", headOf("HTTP/1.1 200 OK") + "{}", 200, 0, "{}", false, false},
		{"no content", headOf("HTTP/1.1 204 No Content"), 204, 0, "", true, false},
		{"chunks", headOf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2;x=y\r\n{\"\r\nA \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", 200, 0, `{"0123456789`, true, false},
		{"100 and 103 come before", headOf("HTTP/1.1 100 Continue") + headOf("HTTP/1.1 103 Early Hints", "Link: x") + headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}", 200, 0, "{}", true, false},
		{"reads no further", headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}HTTP/1.1", 200, 0, "{}", true, true},
		{"a whole MiB", headOf("HTTP/1.1 200 OK", "Content-Length: 1048576") + strings.Repeat("x", maxBody), 200, 0, strings.Repeat("x", maxBody), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(test.in)), maxLine)
			a, err := readAnswer(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != test.status || a.attempts != test.retry || string(a.body) != test.body || a.keep != test.keep {
				t.Errorf("got %+v", a)
			}
			if _, err := in.ReadByte(); (err == nil) != test.leftover {
				t.Errorf("leftover: %v", err)
			}
		})
	}
}

func TestReadAnswerRefuses(t *testing.T) {
	const ok = "HTTP/1.1 200 OK"
	for _, test := range []struct {
		name, in string
		want     error
	}{
		{"nothing", "", io.ErrUnexpectedEOF},
		{"half a head", ok + crlf + "Content-Le", io.ErrUnexpectedEOF},
		{"half a body", headOf(ok, "Content-Length: 4") + "{}", io.ErrUnexpectedEOF},
		{"half a chunk", headOf(ok, "Transfer-Encoding: chunked") + "4\r\n{}", io.ErrUnexpectedEOF},
		{"no last chunk", headOf(ok, "Transfer-Encoding: chunked") + "2\r\n{}\r\n", io.ErrUnexpectedEOF},
		{"only 1xx", headOf("HTTP/1.1 100 Continue"), io.ErrUnexpectedEOF},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", errBadAnswer},
		{"HTTP/2", headOf("HTTP/2.0 200 OK"), errBadAnswer},
		{"switching protocols", headOf("HTTP/1.1 101 Switching Protocols"), errBadAnswer},
		{"status with a sign", headOf("HTTP/1.1 +20 OK", "Content-Length: 0"), errBadAnswer},
		{"status of four digits", headOf("HTTP/1.1 2000 OK"), errBadAnswer},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", errBadAnswer},
		{"a folded header", headOf(ok, "X: a", " b", "Content-Length: 0"), errBadAnswer},
		{"a header without colon", headOf(ok, "X"), errBadAnswer},
		{"a blank before the colon", headOf(ok, "Content-Length : 0"), errBadAnswer},
		{"a NUL in a value", headOf(ok, "X: a\x00b", "Content-Length: 0"), errBadAnswer},
		{"two lengths", headOf(ok, "Content-Length: 2", "Content-Length: 2") + "{}", errBadAnswer},
		{"length and chunks", headOf(ok, "Content-Length: 2", "Transfer-Encoding: chunked") + "{}", errBadAnswer},
		{"chunks in HTTP/1.0", headOf("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + "0\r\n\r\n", errBadAnswer},
		{"a negative length", headOf(ok, "Content-Length: -1"), errBadAnswer},
		{"another coding", headOf(ok, "Transfer-Encoding: gzip, chunked"), errBadAnswer},
		{"a chunk size that is none", headOf(ok, "Transfer-Encoding: chunked") + "x\r\n", errBadAnswer},
		{"a chunk longer than it says", headOf(ok, "Transfer-Encoding: chunked") + "1\r\n{}\r\n0\r\n\r\n", errBadAnswer},
		{"a line too long", headOf(ok, "X: "+strings.Repeat("x", maxLine)), errBadAnswer},
		{"a head too long", ok + crlf + strings.Repeat("X: x\r\n", maxHead/6), errBadAnswer},
		{"1xx for ever", strings.Repeat(headOf("HTTP/1.1 100 Continue"), maxHead/20), errBadAnswer},
		{"a length too large", headOf(ok, "Content-Length: 1048577"), errBadAnswer},
		{"chunks too large", headOf(ok, "Transfer-Encoding: chunked") + strings.Repeat("80000\r\n"+strings.Repeat("x", 0x80000)+crlf, 3), errBadAnswer},
		{"an endless body", headOf(ok) + strings.Repeat("x", maxBody+1), errBadAnswer},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := readAnswer(bufio.NewReaderSize(strings.NewReader(test.in), maxLine), nil)
			if !errors.Is(err, test.want) {
				t.Errorf("got %+v and error %v, want %v", a.status, err, test.want)
			}
		})
	}
}

// What readAnswer takes, net/http reads the same from it, to the byte.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}rest"))
	f.Add([]byte(headOf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2;x\r\n{}\r\n0\r\nT: x\r\n\r\nrest"))
	f.Add([]byte(headOf("HTTP/1.1 100 Continue") + headOf("HTTP/1.0 503 Busy", "Connection: keep-alive, close") + "{}"))
	f.Add([]byte(headOf("HTTP/1.1 204 No Content", "Content-Length: 5")))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(data), maxLine)
		ours, err := readAnswer(in, nil)
		if err != nil {
			return
		}
		reference := bufio.NewReaderSize(bytes.NewReader(data), 1<<20)
		status, body, err := netHTTP(reference)
		if err != nil {
			t.Fatalf("%q: took %d %q, net/http says %v", data, ours.status, ours.body, err)
		}
		left, _ := io.ReadAll(in)
		want, _ := io.ReadAll(reference)
		if ours.status != status || !bytes.Equal(ours.body, body) || !bytes.Equal(left, want) {
			t.Fatalf("%q: took %d %q and left %q, net/http %d %q and %q", data, ours.status, ours.body, left, status, body, want)
		}
	})
}

// netHTTP reads an answer, and what comes before it, with package net/http.
func netHTTP(in *bufio.Reader) (status int, body []byte, err error) {
	for status < 200 {
		response, err := http.ReadResponse(in, &http.Request{Method: http.MethodPost})
		if err != nil {
			return 0, nil, err
		}
		status = response.StatusCode
		body, err = io.ReadAll(response.Body)
		if err != nil {
			return 0, nil, err
		}
	}
	return status, body, nil
}
