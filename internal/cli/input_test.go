package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Signals that interrupt the waiting for something to read are not taken for something to read:
// the read would wait for ever.
func TestSignalsAreNothingToRead(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := interruptible(ctx, in).Read(make([]byte, 1))
		ended <- err
	}()
	for range 30 {
		threads, err := filepath.Glob("/proc/self/task/*") // any of them may be the one that waits
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range threads {
			id, _ := strconv.Atoi(filepath.Base(thread))
			_ = unix.Tgkill(os.Getpid(), id, unix.SIGURG) // which Go sends itself, and ignores
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the read ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the read goes on")
	}
}
