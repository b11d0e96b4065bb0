package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestBalanceUsage(t *testing.T) {
	node := []string{"--node", "app-1=127.0.0.1:3001"}
	for _, c := range []struct {
		name string
		args []string
		want string // in stderr
	}{
		{"no node", nil, "no node given"},
		{"no name", []string{"--node", "127.0.0.1:3001"}, "is not NAME=HOST:PORT"},
		{"a name that is a path's", []string{"--node", "api=127.0.0.1:3001"}, `"api"`},
		{"a node without a port", []string{"--node", "app-1=127.0.0.1"}, "missing port"},
		{"all addresses", append(node, "--listen", ":0"), "--allow-remote"},
		{"another machine's reach", append(node, "--listen", "0.0.0.0:0"), "--allow-remote"},
		{"no address", append(node, "--listen", "nonsense"), "missing port"},
		{"stdout as the ready descriptor", append(node, "--listen", "127.0.0.1:0", "--ready-fd", "1"), "--ready-fd 1"},
		{"a timeout below 0", append(node, "--timeout", "-1s"), "timeout -1s"},
		{"an argument", append(node, "extra"), "extra"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			code := execute(t.Context(), append([]string{"balance"}, c.args...), streams{strings.NewReader(""), &out, &err})
			if code != exitUsage || !strings.Contains(err.String(), c.want) || out.Len() > 0 {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", code, &out, &err, exitUsage, c.want)
			}
		})
	}
}

// The whole verb: it announces its address, serves, and ends with 0 when told to.
func TestBalanceServes(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "node says "+r.URL.Path)
	}))
	defer node.Close()
	ready, announce, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	// The verb closes the descriptor that it is given, so it gets one of its own.
	fd, err := syscall.Dup(int(announce.Fd()))
	announce.Close()
	if err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log bytes.Buffer
	code := make(chan int, 1)
	go func() {
		args := []string{"balance", "--listen", "127.0.0.1:0", "--ready-fd", strconv.Itoa(fd), "--node", "app-1=" + node.Listener.Addr().String()}
		code <- execute(ctx, args, streams{strings.NewReader(""), io.Discard, &log})
	}()
	addr, err := io.ReadAll(ready) // to its end: the descriptor is closed after the line
	if err != nil || !bytes.HasSuffix(addr, []byte("\n")) {
		t.Fatalf("announced %q, %v", addr, err)
	}
	resp, err := http.Get("http://" + strings.TrimSpace(string(addr)) + "/app-1/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if string(body) != "node says /metrics" {
		t.Errorf("answer %d %q", resp.StatusCode, body)
	}
	stop()
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d, want %d", c, exitOK)
	}
	if text := log.String(); !strings.Contains(text, `"nodes":["app-1=`) || !strings.Contains(text, "balancer stopped") {
		t.Errorf("log %s", text)
	}
}
