package balance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/testproc"
)

// TestKillCostsFewRequests is the promise in numbers: 100 requests a second
// to four nodes, one of them killed at 3 s and back at 6 s. Only requests that
// the node had in hand when it died may fail. A balancer that never asks
// another node and ejects nobody gets the same load, and shows that the count
// would tell.
func TestKillCostsFewRequests(t *testing.T) {
	t.Parallel()
	var nodes []*testproc.Process
	var addrs []string
	for range 4 {
		n := testproc.Start(t, "node", "127.0.0.1:0")
		nodes, addrs = append(nodes, n), append(addrs, n.Addr)
	}
	_, url := serve(t, nil, addrs...)
	urls := []string{url, serveCareless(t, addrs)}
	client := webClient(t)

	const requests, period = 900, 10 * time.Millisecond
	bad := make([]atomic.Int64, len(urls))
	var wg sync.WaitGroup
	tick := time.NewTicker(period)
	defer tick.Stop()
	for i := range requests {
		<-tick.C
		switch i {
		case requests / 3:
			nodes[1].Kill()
		case requests * 2 / 3:
			testproc.Start(t, "node", addrs[1])
		}
		for j, url := range urls {
			wg.Go(func() {
				if !posted(client, url) {
					bad[j].Add(1)
				}
			})
		}
	}
	wg.Wait()
	t.Logf("%d of %d requests failed, %d of the careless balancer's", bad[0].Load(), requests, bad[1].Load())
	if n := bad[0].Load(); n > 3 {
		t.Errorf("%d of %d requests failed, want at most 3", n, requests)
	}
	if n := bad[1].Load(); n < 30 {
		t.Errorf("%d of the careless balancer's %d requests failed: the kill was not felt", n, requests)
	}
}

// serveCareless runs a balancer that gives up at once and learns nothing.
func serveCareless(t *testing.T, addrs []string) (url string) {
	t.Helper()
	cfg := Config{CheckInterval: time.Hour, EjectFor: time.Nanosecond}
	for i, a := range addrs {
		cfg.Nodes = append(cfg.Nodes, Node{fmt.Sprintf("app-%d", i+1), a})
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.again = func(error) bool { return false }
	return run(t, b)
}

// posted sends one request and reports whether it was answered 200.
func posted(client *http.Client, url string) bool {
	resp, err := client.Post(url+"/api/increment", "application/json", strings.NewReader(`{"key":"k"}`))
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
