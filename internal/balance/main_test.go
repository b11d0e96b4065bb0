package balance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main(map[string]testproc.Role{"node": serveNode, "balancer": serveBalancer})
	goleak.VerifyTestMain(m)
}

// serveNode is a node in a process of its own, at the address given, that
// names itself by its process id.
func serveNode(args []string) error {
	ln, err := testproc.Listen(args[0])
	if err != nil {
		return err
	}
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"container":"%d"}`, os.Getpid())
	}))
}

// serve runs a balancer before the addresses, as app-1, app-2, …, until the
// test ends, and returns it with its URL.
func serve(t *testing.T, change func(*Config), addrs ...string) (*Balancer, string) {
	t.Helper()
	cfg := Config{}
	for i, a := range addrs {
		cfg.Nodes = append(cfg.Nodes, Node{Name: fmt.Sprintf("app-%d", i+1), Addr: a})
	}
	if change != nil {
		change(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b, run(t, b)
}

// run serves b until the test ends.
func run(t *testing.T, b *Balancer) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return "http://" + ln.Addr().String()
}

// webClient returns a client whose connections are closed when the test ends.
func webClient(t *testing.T) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

// deadAddr returns an address at which nothing listens.
func deadAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
