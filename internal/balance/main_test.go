package balance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// backendEnv makes the test binary a node: its value is the address to listen on.
const backendEnv = "BALANCE_TEST_BACKEND"

func TestMain(m *testing.M) {
	if addr := os.Getenv(backendEnv); addr != "" {
		backendMain(addr)
	}
	goleak.VerifyTestMain(m)
}

// backendMain serves until it is killed or its stdin ends, as it does when the
// test process dies. It prints its address once it listens.
func backendMain(addr string) {
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(ln.Addr())
	err = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"container":"%d"}`, os.Getpid())
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A backend is a node in a process of its own, so that it can be killed as a
// node is.
type backend struct {
	addr string
	cmd  *exec.Cmd
}

// startBackend starts one at addr and waits until it listens.
func startBackend(t *testing.T, addr string) *backend {
	t.Helper()
	b := &backend{cmd: exec.Command(os.Args[0])}
	b.cmd.Env = append(os.Environ(), backendEnv+"="+addr)
	b.cmd.Stderr = os.Stderr
	if _, err := b.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("start backend: %v", err)
	}
	b.addr = strings.TrimSpace(line)
	return b
}

// kill ends the backend as kill -9 does, and waits until it is gone.
func (b *backend) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
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

// newClient returns a client whose connections are closed when the test ends.
func newClient(t *testing.T) *http.Client {
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
