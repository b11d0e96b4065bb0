package memory

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a load has left is given back soon after it.
func TestGiveBack(t *testing.T) {
	const load = 64 << 20
	debug.FreeOSMemory()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	atRest := look()
	before := atRest.held
	go func() { giveBack(ctx, 5*time.Millisecond, atRest); close(ended) }()
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

// What clients held for a while, without doing anything, is given back once they have left, and
// not only what they leave while memory is asked for.
func TestGiveBackAfterIdleClients(t *testing.T) {
	const clients, each = 64, 1 << 20
	debug.FreeOSMemory()
	ctx, cancel := context.WithCancel(t.Context())
	ended, leave := make(chan struct{}), make(chan struct{})
	atRest := look()
	before := atRest.held
	go func() { giveBack(ctx, 5*time.Millisecond, atRest); close(ended) }()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			held := make([]byte, each)
			for i := range held {
				held[i] = 1
			}
			<-leave
			runtime.KeepAlive(held)
		})
	}
	time.Sleep(300 * time.Millisecond) // it has looked, and what they hold is not to be had
	close(leave)
	all.Wait()
	for deadline := time.Now().Add(20 * time.Second); look().held > before+worth; {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are held, %d before the clients came", look().held, before)
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-ended
}
