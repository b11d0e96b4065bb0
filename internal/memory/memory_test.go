package memory

import (
	"context"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a load has left is given back soon after it.
func TestGiveBack(t *testing.T) {
	const load = 64 << 20
	runtime.GC()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	before := look().held
	go func() { giveBack(ctx, 5*time.Millisecond); close(ended) }()
	all := make([][]byte, load>>16)
	for i := range all {
		all[i] = make([]byte, 1<<16)
		all[i][0] = 1
	}
	if held := look().held; held < before+load {
		t.Fatalf("a load of %d bytes holds %d, and before it %d were held", load, held, before)
	}
	runtime.KeepAlive(all)
	all = nil
	for deadline := time.Now().Add(20 * time.Second); look().held > before+worth; {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are held, %d before the load", look().held, before)
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-ended
}
