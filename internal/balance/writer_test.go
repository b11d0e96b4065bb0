package balance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/testproc"
)

// startNodes starts n nodes in processes of their own.
func startNodes(t *testing.T, n int) (nodes []*testproc.Process, addrs []string) {
	t.Helper()
	for range n {
		p := testproc.Start(t, "node", "127.0.0.1:0")
		nodes, addrs = append(nodes, p), append(addrs, p.Addr)
	}
	return nodes, addrs
}

// containers makes n requests and counts the answers by the container that gave them.
func containers(t *testing.T, client *http.Client, method, url string, n int) map[string]int {
	t.Helper()
	count := map[string]int{}
	for range n {
		resp, body := call(t, client, method, url, nil)
		var a struct{ Container string }
		if err := json.Unmarshal([]byte(body), &a); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, url, resp.StatusCode, body)
		}
		count[a.Container]++
	}
	return count
}

// A syncBuffer takes the log of a balancer while a test reads it.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A balancer without a single writer gets the same requests and spreads them:
// the count would tell.
func TestWritesGoToOneNodeAndReadsToAll(t *testing.T) {
	t.Parallel()
	_, addrs := startNodes(t, 3)
	client := webClient(t)
	for _, c := range []struct {
		single   bool
		method   string
		path     string
		everyone int // how many nodes answer
	}{
		{true, "POST", "/api/increment", 1},
		{true, "PUT", "/api/anything", 1},
		{true, "DELETE", "/api/anything", 1},
		{true, "OPTIONS", "/api/counter", 1},
		{true, "GET", "/api/counter?key=k", 3},
		{true, "POST", "/app-2/api/increment", 1},
		{false, "POST", "/api/increment", 3},
		{false, "GET", "/api/counter?key=k", 3},
	} {
		t.Run(fmt.Sprint(c.single, c.method, c.path), func(t *testing.T) {
			_, url := serve(t, func(cfg *Config) { cfg.SingleWriter = c.single }, addrs...)
			count := containers(t, client, c.method, url+c.path, 12)
			if len(count) != c.everyone {
				t.Errorf("answers by container %v, want %d containers", count, c.everyone)
			}
			first := containers(t, client, "GET", url+"/app-1/health", 1)
			if _, ok := first[slices.Collect(maps.Keys(count))[0]]; c.everyone == 1 && ok != strings.HasPrefix(c.path, "/api/") {
				t.Errorf("%v answered, app-1 is %v", count, first)
			}
		})
	}
}

func TestHealthNamesTheWriter(t *testing.T) {
	addr := newNode(t, said("n1"))
	for single, want := range map[bool]string{true: `"writer":"app-1"`, false: `{"status":`} {
		_, url := serve(t, func(c *Config) { c.SingleWriter = single }, addr)
		_, body := call(t, webClient(t), "GET", url+"/health", nil)
		if !strings.Contains(body, want) || strings.Contains(body, "writer") != single {
			t.Errorf("single writer %t: %s", single, body)
		}
	}
}

// What was sent to the writer when it died is unknown, and goes to no other
// node. A balancer that sends it again is caught by the same count.
func TestWriteIsSentToOneWriterOnce(t *testing.T) {
	for careless, want := range map[bool]int64{false: 1, true: 2} {
		die := func(net.Conn, *http.Request) {}
		a1, seen1 := rawNode(t, die)
		a2, seen2 := rawNode(t, die)
		b, err := New(Config{Nodes: []Node{{"app-1", a1}, {"app-2", a2}}, SingleWriter: true})
		if err != nil {
			t.Fatal(err)
		}
		if careless {
			b.again = func(error) bool { return true }
			b.eject(0, io.EOF) // so that the resender has a next one
		}
		resp, body := call(t, webClient(t), "POST", run(t, b)+"/api/increment", strings.NewReader(`{"key":"k"}`))
		if seen := seen1.Load() + seen2.Load(); seen != want {
			t.Errorf("careless %t: nodes saw the write %d times, want %d", careless, seen, want)
		}
		wantError(t, resp, body, http.StatusBadGateway, nodeapi.CodeNodeLost)
	}
}

// A takeover tallies what clients were told while the writer was killed.
type takeover struct {
	mu       sync.Mutex
	ok       map[string]int // by container
	statuses map[int]int
}

func (k *takeover) take(status int, body []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.statuses[status]++
	var a struct{ Container string }
	if json.Unmarshal(body, &a) == nil && status == http.StatusOK {
		k.ok[a.Container]++
	}
}

// writers is how many clients write at once.
const writers = 8

// write has clients write until stop is closed.
func (k *takeover) write(client *http.Client, url string, stop <-chan struct{}) {
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := client.Post(url+"/api/increment", "application/json", strings.NewReader(`{"key":"k"}`))
				if err != nil {
					k.take(0, nil)
					continue
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				k.take(resp.StatusCode, body)
			}
		})
	}
	wg.Wait()
}

// answeredBy returns how many writes each container acknowledged so far.
func (k *takeover) answeredBy() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.ok)
}

// total returns how many writes were acknowledged so far.
func (k *takeover) total() (n int) {
	for _, ok := range k.answeredBy() {
		n += ok
	}
	return n
}

// await waits until good, and fails the test where that takes too long.
func await(t *testing.T, what string, good func() bool) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); !good(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}

// TestWriterKilled kills the writer under load. Only what it had in hand is
// unknown, and a client may be caught twice, for the kernel closes a dying
// process's listener after some of its connections; nothing is refused, because another takes over at once; and when it
// is back, it does not become the writer again.
func TestWriterKilled(t *testing.T) {
	t.Parallel()
	nodes, addrs := startNodes(t, 3)
	var log syncBuffer
	_, url := serve(t, func(c *Config) {
		c.SingleWriter, c.Logger = true, slog.New(slog.NewJSONHandler(&log, nil))
	}, addrs...)
	k := takeover{ok: map[string]int{}, statuses: map[int]int{}}
	client := webClient(t)
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() { k.write(client, url, stop) })

	await(t, "writes", func() bool { return len(k.answeredBy()) == 1 })
	nodes[0].Kill()
	await(t, "the next writer", func() bool { return len(k.answeredBy()) == 2 })
	back := testproc.Start(t, "node", addrs[0])
	await(t, "app-1 back in turn", func() bool { return strings.Contains(log.String(), "node recovered") })
	before := k.total()
	await(t, "writes after that", func() bool { return k.total() > before+10*writers })
	close(stop)
	load.Wait()

	t.Logf("answers by status %v, acknowledged by container %v", k.statuses, k.ok)
	lost := k.statuses[http.StatusBadGateway]
	if lost > 2*writers || len(k.statuses) > 2 || len(k.statuses) == 2 && lost == 0 {
		t.Errorf("answers by status %v, want 200, and 502 for at most %d", k.statuses, 2*writers)
	}
	again := containers(t, client, "GET", "http://"+back.Addr+"/", 1)
	for container := range again {
		if k.ok[container] > 0 {
			t.Errorf("the node that came back wrote: %v", k.ok)
		}
	}
	if text := log.String(); strings.Count(text, `"msg":"writer changed","from":"app-1","to":"app-2"`) != 1 || strings.Count(text, "writer changed") != 1 {
		t.Errorf("log %s", text)
	}
}
