package ladder_test

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"example.com/contend/internal/proc"
)

// nginx itself says what the two configurations do.
func TestBalancer(t *testing.T) {
	for _, tt := range []struct {
		conf, method string
		want         string // the nodes that answer, in turn
		afterwards   string // with node 1 stopped
	}{
		{"red.conf", http.MethodPost, "1 2 3 4 1 2 3 4", "2 3 4"},
		{"single-writer.conf", http.MethodPost, "1 1 1 1 1 1 1 1", "2"},
		{"single-writer.conf", http.MethodGet, "1 2 3 4 1 2 3 4", "2 3 4"},
	} {
		t.Run(tt.conf+" "+tt.method, func(t *testing.T) {
			address, first := startBalancer(t, tt.conf)
			var got []string
			for range 8 {
				got = append(got, ask(t, tt.method, address))
			}
			if d := diff.Diff(tt.want, strings.Join(got, " ")); d != "" {
				t.Error("want -, got +\n" + d)
			}
			first.Close()
			for range 8 {
				if by := ask(t, tt.method, address); !strings.Contains(tt.afterwards, by) {
					t.Errorf("node %s answers, want one of %s", by, tt.afterwards)
				}
			}
		})
	}
}

// startBalancer starts nginx with the configuration, before four nodes that
// answer with their number. It returns where it listens, and the first node.
func startBalancer(t *testing.T, conf string) (address string, first *httptest.Server) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("balancer", conf))
	if err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	// A packaged nginx keeps bodies where only its own user may write.
	replace := []string{"127.0.0.1:8080", address, "http {", `http {
		client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; scgi_temp_path scgi; uwsgi_temp_path uwsgi;
		access_log off;`}
	for i := range 4 {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, i+1) }))
		t.Cleanup(node.Close)
		first = cmp.Or(first, node)
		replace = append(replace, fmt.Sprintf("127.0.0.1:%d", 3001+i), node.Listener.Addr().String())
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	// One process, so that there is one count of whose turn it is, and nothing
	// outside dir, whoever we are.
	outside := "daemon off; master_process off; pid nginx.pid; error_log stderr;"
	cmd := exec.Command(lookNginx(t), "-p", dir, "-c", file, "-e", "stderr", "-g", outside)
	start(t, cmd)
	await(t, func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	return address, first
}

// start starts a program that ends with the test, and shows what it has to say
// where the test fails.
func start(t *testing.T, cmd *exec.Cmd) *proc.Process {
	t.Helper()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	c, err := proc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("%s says:\n%s", cmd.Path, said.String())
		}
	})
	return c
}

func lookNginx(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "nginx is missing, so nobody has read its configurations: apt-get install nginx-light")
	return ""
}

// missing skips the test; in CI, where everything can be had, it fails it.
func missing(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// ask returns the number of the node that answered.
func ask(t *testing.T, method, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/api/increment", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", answer.Status, body, err)
	}
	return string(body)
}

// freeAddress returns one on loopback that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
