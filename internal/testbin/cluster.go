package testbin

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/api"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/store"
	"example.com/contend/internal/trace"
)

// Spec says to start three nodes that are as red as can be, but careful and
// patient, of the contend at binary. The test fails where it leaves a goroutine.
func Spec(t testing.TB, binary string) cluster.Spec {
	t.Helper()
	goleak.VerifyNone(t)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	d := store.Red()
	d.Transaction, d.BusyTimeout, d.Think, d.Pool = store.Immediate, 5000, 0, 4
	return cluster.Spec{Nodes: 3, Discipline: d, Dir: t.TempDir(), Binary: binary}
}

// Increment asks for one through url and returns the status and the container that answered.
func Increment(t testing.TB, url string) (status int, container string) {
	t.Helper()
	resp, err := http.Post(url+api.PathIncrement, "application/json", strings.NewReader(`{"key":"k"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Container string }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return resp.StatusCode, answer.Container
}

// Write has a client for each node write rows until 40 more have been
// acknowledged, calls then in the midst of it, and waits for the clients: each
// ends when its node does not answer, or when then has returned.
func Write(t testing.TB, c cluster.Cluster, acknowledged *atomic.Int64, then func()) {
	t.Helper()
	const more = 40
	least := acknowledged.Load() + more
	var over atomic.Bool
	var clients sync.WaitGroup
	for _, node := range c.Nodes() {
		clients.Go(func() {
			for !over.Load() {
				resp, err := http.Post(node.URL+api.PathWrite, "application/json", strings.NewReader(`{"data":"a row"}`))
				if err != nil {
					return
				}
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					acknowledged.Add(1)
				}
			}
		})
	}
	deadline := time.Now().Add(time.Minute)
	for acknowledged.Load() < least {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows were acknowledged within a minute, want %d", acknowledged.Load(), least)
		}
		time.Sleep(time.Millisecond)
	}
	then()
	over.Store(true)
	clients.Wait()
}

// WantTraces checks that every node has written down its attempts, whole, before it
// was killed and after.
func WantTraces(t testing.TB, c cluster.Cluster) {
	t.Helper()
	for _, node := range c.Nodes() {
		f, err := os.Open(node.Trace)
		if err != nil {
			t.Fatal(err)
		}
		attempts, err := trace.Read(f)
		f.Close()
		if err != nil || len(attempts) == 0 {
			t.Errorf("%s: %d attempts, %v", node.Name, len(attempts), err)
		}
		for _, a := range attempts {
			if a.Node != node.Name || a.Kind != trace.Write || a.Ended < a.Began || a.Code == "" && a.Locked < a.Began {
				t.Errorf("%s told of %+v", node.Name, a)
			}
		}
	}
}
