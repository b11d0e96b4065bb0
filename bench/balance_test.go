//go:build bench

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/contend/internal/balance"
	"example.com/contend/internal/testproc"
)

const (
	balanceNodes     = 4
	balancePairs     = 21  // of a run through ours and a run through nginx, a second each
	balanceShare     = 0.6 // of nginx's throughput, at least: 0.7 when this was written, on a busy machine
	balanceRate      = 100 // requests a second while a node is killed
	balanceTotal     = 900 // of them; the node is away for the middle third
	balanceTolerance = 1   // more failures than nginx's: see TestBalanceKill
	balanceFelt      = 200 // failures of a third of them sent to the killed node alone, or the kill was not felt
	balancePath      = "/api/increment"
	balanceBody      = `{"key":"counter"}`
	balanceAnswer    = `{"success":true,"value":17,"container":"app-1"}`
)

// TestBalanceThroughput holds the balancer against nginx before the same four
// nodes: wrk posts a small body over 64 connections through either in turn, so
// that a noisy moment meets both. Which of them goes first changes from pair to
// pair, so that a machine that gets slower or faster favours neither.
func TestBalanceThroughput(t *testing.T) {
	need(t, "nginx", "wrk")
	_, addrs := startNodes(t)
	ours := startBalancer(t, addrs)
	nginx, _ := startNginx(t, addrs)
	script := wrkPost(t, balanceBody)

	var ourRates, nginxRates, ratios []float64
	for pair := range balancePairs {
		var a, b float64
		if pair%2 == 0 {
			a, b = wrkRate(t, script, ours), wrkRate(t, script, nginx)
		} else {
			b, a = wrkRate(t, script, nginx), wrkRate(t, script, ours)
		}
		ourRates, nginxRates, ratios = append(ourRates, a), append(nginxRates, b), append(ratios, a/b)
		t.Logf("pair %d  contend %6.0f, nginx %6.0f requests/s, ratio %.2f", pair+1, a, b, a/b)
	}
	ratio := median(ratios)
	t.Logf("medians of %d: contend %.0f, nginx %.0f requests/s, ratio %.2f (of the pairs' ratios; at least %.2f)",
		balancePairs, median(ourRates), median(nginxRates), ratio, balanceShare)
	if ratio < balanceShare {
		t.Errorf("throughput is %.2f of nginx's, want at least %.2f", ratio, balanceShare)
	}
}

// TestBalanceKill kills one of the four nodes that both balancers stand before,
// and starts it again, while both get the same load. Ours may lose no more
// requests than nginx does, give or take one: what the node has in hand when it
// dies is lost through either, and at this rate that is mostly nothing and
// seldom one request, of whichever balancer chance has it.
//
// The node gets the same load a third time, with no balancer before it: that is
// what is lost where nobody asks another node, and shows that the kill is felt.
func TestBalanceKill(t *testing.T) {
	need(t, "nginx")
	nodes, addrs := startNodes(t)
	nginxURL, _ := startNginx(t, addrs)
	fronts := []string{startBalancer(t, addrs), nginxURL, "http://" + addrs[1]}
	failed := make([]atomic.Int64, len(fronts))
	var group sync.WaitGroup
	tick := time.NewTicker(time.Second / balanceRate)
	defer tick.Stop()
	for i := range balanceTotal {
		<-tick.C
		switch i {
		case balanceTotal / 3:
			nodes[1].Kill()
		case balanceTotal * 2 / 3:
			testproc.Start(t, "node", addrs[1])
		}
		for j, url := range fronts {
			group.Go(func() {
				if !postBalance(url) {
					failed[j].Add(1)
				}
			})
		}
	}
	group.Wait()
	http.DefaultClient.CloseIdleConnections()
	ours, nginx, alone := failed[0].Load(), failed[1].Load(), failed[2].Load()
	t.Logf("one of %d nodes killed for 3 s at %d/s: contend %d, nginx %d of %d requests failed (at most nginx's and %d); %d without a balancer",
		balanceNodes, balanceRate, ours, nginx, balanceTotal, balanceTolerance, alone)
	if ours > nginx+balanceTolerance {
		t.Errorf("%d of %d requests failed, want at most nginx's %d and %d", ours, balanceTotal, nginx, balanceTolerance)
	}
	if alone < balanceFelt {
		t.Errorf("%d of %d requests to the killed node itself failed, want at least %d: the kill was not felt", alone, balanceTotal, balanceFelt)
	}
}

// postBalance sends one request and reports whether it was answered 200.
func postBalance(url string) bool {
	resp, err := http.Post(url+balancePath, "application/json", strings.NewReader(balanceBody))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// wrkPost writes a script that has wrk post body, and returns its path.
func wrkPost(t *testing.T, body string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "post.lua")
	text := fmt.Sprintf("wrk.method = 'POST'\nwrk.body = '%s'\nwrk.headers['Content-Type'] = 'application/json'\n", body)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return script
}

var wrkFigure = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// wrkRate returns how many requests a second wrk got answered through url.
func wrkRate(t *testing.T, script, url string) float64 {
	t.Helper()
	out, err := exec.Command("wrk", "-t2", "-c64", "-d1s", "-s", script, url+balancePath).CombinedOutput()
	if err != nil {
		t.Fatalf("run wrk: %v\n%s", err, out)
	}
	match := wrkFigure.FindSubmatch(out)
	if match == nil || bytes.Contains(out, []byte("Non-2xx")) || bytes.Contains(out, []byte("Socket errors")) {
		t.Fatalf("run wrk: not all requests were answered:\n%s", out)
	}
	rate, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}

func startNodes(t *testing.T) (nodes []*testproc.Process, addrs []string) {
	for range balanceNodes {
		p := testproc.Start(t, "node", "127.0.0.1:0")
		nodes, addrs = append(nodes, p), append(addrs, p.Addr)
	}
	return nodes, addrs
}

// serveBalanceNode is a node that does nothing, at the address given.
func serveBalanceNode(args []string) error {
	ln, err := testproc.Listen(args[0])
	if err != nil {
		return err
	}
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, balanceAnswer)
	}))
}

// startBalancer starts ours in a process of its own, as nginx is, and returns its URL.
func startBalancer(t *testing.T, addrs []string) string {
	return "http://" + testproc.Start(t, "balancer", addrs...).Addr
}

// serveBalancer is the balancer before the addresses given.
func serveBalancer(addrs []string) error {
	var cfg balance.Config
	for i, addr := range addrs {
		cfg.Nodes = append(cfg.Nodes, balance.Node{Name: fmt.Sprintf("app-%d", i+1), Addr: addr})
	}
	b, err := balance.New(cfg)
	if err != nil {
		return err
	}
	ln, err := testproc.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	return b.Serve(context.Background(), ln)
}

// nginxConf gives nginx what the balancer does: turns, connections kept to the
// nodes, a node passed over for 2 s after one failure, no log of each request.
// Its place-holders are the user line, the directory, the nodes and the address.
const nginxConf = `%[1]s
daemon off;
worker_processes auto;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[2]s/body;
  proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi;
  uwsgi_temp_path %[2]s/uwsgi;
  scgi_temp_path %[2]s/scgi;
  keepalive_requests 1000000000;
  upstream nodes {
%[3]s
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen %[4]s;
    location / {
      proxy_pass http://nodes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`

// startNginx starts nginx before the nodes and returns its URL and the process
// id of its master, whose children are the workers.
func startNginx(t *testing.T, addrs []string) (url string, pid int) {
	t.Helper()
	dir, addr := t.TempDir(), freeBalanceAddr(t)
	var user, nodes string
	if os.Geteuid() == 0 {
		user = "user root;" // or its workers could not enter the test's directory
	}
	for _, a := range addrs {
		nodes += fmt.Sprintf("    server %s max_fails=1 fail_timeout=2s;\n", a)
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, user, dir, nodes, addr), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nginx", "-p", dir, "-c", conf, "-e", filepath.Join(dir, "error.log"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // the master ends its workers first
		_ = cmd.Wait()
	})
	awaitBalance(t, addr)
	return "http://" + addr, cmd.Process.Pid
}

func freeBalanceAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func awaitBalance(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s", addr)
}
