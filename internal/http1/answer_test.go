package http1

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

const (
	crlf    = "\r\n"
	maxBody = 1 << 20
)

// readAnswer reads an answer with its whole body.
func readAnswer(in *bufio.Reader) (*Answer, []byte, error) {
	var a Answer
	if err := a.ReadHead(in, http.MethodPost); err != nil {
		return &a, nil, err
	}
	body, err := a.ReadAll(nil, maxBody)
	return &a, body, err
}

// head joins lines to the head of an answer.
func headOf(lines ...string) string { return strings.Join(lines, crlf) + crlf + crlf }

func TestReadAnswer(t *testing.T) {
	for _, test := range []struct {
		name, in       string
		status         int
		attempts, body string
		keep, leftover bool
	}{
		{"length", headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}", 200, "", "{}", true, false},
		{"no reason", headOf("HTTP/1.1 200", "Content-Length: 0"), 200, "", "", true, false},
		{"attempts, in any case, with blanks", headOf("HTTP/1.1 503 Busy", "CONTEND-attempts: \t3 ", "content-LENGTH:2") + "{}", 503, "3", "{}", true, false},
		{"any value", headOf("HTTP/1.1 200 OK", "Contend-Attempts: many", "Content-Length: 0"), 200, "many", "", true, false},
		{"close", headOf("HTTP/1.1 200 OK", "Connection: x, Close", "Content-Length: 2") + "{}", 200, "", "{}", false, false},
		{"HTTP/1.0", headOf("HTTP/1.0 200 OK", "Content-Length: 2") + "{}", 200, "", "{}", false, false},
		{"up to the end", headOf("HTTP/1.1 200 OK") + "{}", 200, "", "{}", false, false},
		{"no content", headOf("HTTP/1.1 204 No Content"), 204, "", "", true, false},
		{"chunks", headOf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "2;x=y\r\n{\"\r\nA \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", 200, "", `{"0123456789`, true, false},
		{"100 and 103 come before", headOf("HTTP/1.1 100 Continue") + headOf("HTTP/1.1 103 Early Hints", "Link: x") + headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}", 200, "", "{}", true, false},
		{"reads no further", headOf("HTTP/1.1 200 OK", "Content-Length: 2") + "{}HTTP/1.1", 200, "", "{}", true, true},
		{"a whole MiB", headOf("HTTP/1.1 200 OK", "Content-Length: 1048576") + strings.Repeat("x", maxBody), 200, "", strings.Repeat("x", maxBody), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(test.in)), bufferSize)
			a, body, err := readAnswer(in)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != test.status || string(a.Field("Contend-Attempts")) != test.attempts || string(body) != test.body || a.Close == test.keep {
				t.Errorf("got %d, close %t, attempts %q, body %.40q", a.Status, a.Close, a.Field("Contend-Attempts"), body)
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
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", ErrBad},
		{"HTTP/2", headOf("HTTP/2.0 200 OK"), ErrBad},
		{"switching protocols", headOf("HTTP/1.1 101 Switching Protocols"), ErrBad},
		{"status with a sign", headOf("HTTP/1.1 +20 OK", "Content-Length: 0"), ErrBad},
		{"status of four digits", headOf("HTTP/1.1 2000 OK"), ErrBad},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", ErrBad},
		{"a folded header", headOf(ok, "X: a", " b", "Content-Length: 0"), ErrBad},
		{"a header without colon", headOf(ok, "X"), ErrBad},
		{"a blank before the colon", headOf(ok, "Content-Length : 0"), ErrBad},
		{"a NUL in a value", headOf(ok, "X: a\x00b", "Content-Length: 0"), ErrBad},
		{"two lengths", headOf(ok, "Content-Length: 2", "Content-Length: 2") + "{}", ErrBad},
		{"length and chunks", headOf(ok, "Content-Length: 2", "Transfer-Encoding: chunked") + "{}", ErrBad},
		{"chunks in HTTP/1.0", headOf("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + "0\r\n\r\n", ErrBad},
		{"a negative length", headOf(ok, "Content-Length: -1"), ErrBad},
		{"another coding", headOf(ok, "Transfer-Encoding: gzip, chunked"), ErrBad},
		{"a chunk size that is none", headOf(ok, "Transfer-Encoding: chunked") + "x\r\n", ErrBad},
		{"a chunk longer than it says", headOf(ok, "Transfer-Encoding: chunked") + "1\r\n{}\r\n0\r\n\r\n", ErrBad},
		{"a line too long", headOf(ok, "X: "+strings.Repeat("x", bufferSize)), ErrBad},
		{"a head too long", ok + crlf + strings.Repeat("X: x\r\n", MaxHead/6), ErrBad},
		{"1xx for ever", strings.Repeat(headOf("HTTP/1.1 100 Continue"), MaxHead/20), ErrBad},
		{"a length too large", headOf(ok, "Content-Length: 1048577"), ErrBad},
		{"chunks too large", headOf(ok, "Transfer-Encoding: chunked") + strings.Repeat("80000\r\n"+strings.Repeat("x", 0x80000)+crlf, 3), ErrBad},
		{"an endless body", headOf(ok) + strings.Repeat("x", maxBody+1), ErrBad},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, _, err := readAnswer(bufio.NewReaderSize(strings.NewReader(test.in), bufferSize))
			if !errors.Is(err, test.want) {
				t.Errorf("got %d and error %v, want %v", a.Status, err, test.want)
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
		in := bufio.NewReaderSize(bytes.NewReader(data), bufferSize)
		ours, got, err := readAnswer(in)
		if err != nil {
			return
		}
		reference := bufio.NewReaderSize(bytes.NewReader(data), 1<<20)
		status, body, err := netHTTP(reference)
		if err != nil {
			t.Fatalf("%q: took %d %q, net/http says %v", data, ours.Status, got, err)
		}
		left, _ := io.ReadAll(in)
		want, _ := io.ReadAll(reference)
		if ours.Status != status || !bytes.Equal(got, body) || !bytes.Equal(left, want) {
			t.Fatalf("%q: took %d %q and left %q, net/http %d %q and %q", data, ours.Status, got, left, status, body, want)
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

// The method and the status decide whether a body comes, whatever the header says.
func TestAnswersWithoutBody(t *testing.T) {
	for _, test := range []struct {
		name, method, in string
		length           int64
	}{
		{"length, to HEAD", http.MethodHead, headOf("HTTP/1.1 200 OK", "Content-Length: 5"), 5},
		{"chunks, to HEAD", http.MethodHead, headOf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), -1},
		{"no length, to HEAD", http.MethodHead, headOf("HTTP/1.1 200 OK"), -1},
		{"not modified", http.MethodGet, headOf("HTTP/1.1 304 Not Modified", "Content-Length: 7"), 7},
	} {
		in := bufio.NewReader(strings.NewReader(test.in + "HTTP/1.1"))
		var a Answer
		if err := a.ReadHead(in, test.method); err != nil || a.Length != test.length || a.Close {
			t.Errorf("%s: length %d, close %t, %v", test.name, a.Length, a.Close, err)
		}
		if body, err := a.ReadAll(nil, maxBody); len(body) > 0 || err != nil {
			t.Errorf("%s: body %q, %v", test.name, body, err)
		}
		if rest, _ := io.ReadAll(in); string(rest) != "HTTP/1.1" {
			t.Errorf("%s: %q is left", test.name, rest)
		}
	}
}

func TestFields(t *testing.T) {
	var a Answer
	for range 2 { // an Answer is used again
		in := bufio.NewReader(strings.NewReader(headOf("HTTP/1.1 103 Early Hints", "Link: x") +
			headOf("HTTP/1.1 200 OK", "x-a:1", "Content-Length: 0", "X-B: \t two : words ", "X-A: 2", "Empty:")))
		if err := a.ReadHead(in, http.MethodGet); err != nil {
			t.Fatal(err)
		}
		var got []string
		for name, value := range a.Fields() {
			got = append(got, string(name)+"="+string(value))
		}
		if want := "x-a=1|Content-Length=0|X-B=two : words|X-A=2|Empty="; strings.Join(got, "|") != want {
			t.Errorf("fields %q, want %s", got, want)
		}
		if v := a.Field("X-A"); string(v) != "1" || a.Field("Link") != nil {
			t.Errorf("X-A is %q, Link %q", v, a.Field("Link"))
		}
	}
}
