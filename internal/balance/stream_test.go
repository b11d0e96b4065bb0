package balance

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// restless looks up from every wait at once.
const restless = time.Millisecond

// A wait that is broken off to look up goes on, and neither loses nor doubles a byte.
func TestStreamWaitsOn(t *testing.T) {
	near, far := pair(t)
	near.nap = restless
	near.until(time.Now().Add(time.Minute))
	looks, enough := 0, make(chan struct{})
	near.vain = func() bool {
		if looks++; looks == 3 {
			close(enough)
		}
		return false
	}
	near.limit(1 << 30)
	go func() { <-enough; io.WriteString(far, "x") }()
	if _, err := io.ReadFull(near, make([]byte, 1)); err != nil || looks < 3 {
		t.Fatalf("read: %v, after %d looks up", err, looks)
	}

	looks, enough = 0, make(chan struct{})
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the sockets' buffers take
	var got bytes.Buffer
	drained := make(chan error, 1)
	go func() {
		<-enough
		_, err := io.CopyN(&got, far, int64(len(sent)))
		drained <- err
	}()
	n, err := near.Write(sent)
	if err != nil || n != len(sent) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(sent), err)
	}
	if err := <-drained; err != nil || !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("%d bytes came, %d were sent, or not the same (%v)", got.Len(), len(sent), err)
	}
}

func TestStreamStopsWaiting(t *testing.T) {
	for _, c := range []struct {
		name     string
		deadline time.Duration
		vain     func() bool
		want     error
	}{
		{"at the deadline", 5 * restless, nil, os.ErrDeadlineExceeded},
		{"at the deadline of a request after a longer one", -time.Second, nil, os.ErrDeadlineExceeded},
		{"where it is in vain", time.Minute, func() bool { return true }, errVain},
	} {
		near, _ := pair(t)
		near.nap = restless
		near.until(time.Now().Add(time.Hour))
		near.until(time.Now().Add(c.deadline))
		near.vain = c.vain
		near.limit(1)
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, c.want) {
			t.Errorf("%s: read: %v, want %v", c.name, err, c.want)
		}
		n, err := near.Write(make([]byte, 16<<20))
		if !errors.Is(err, c.want) || n == 16<<20 {
			t.Errorf("%s: wrote %d bytes: %v, want %v", c.name, n, err, c.want)
		}
	}
}
