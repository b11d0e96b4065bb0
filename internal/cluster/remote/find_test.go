package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/testbin"
)

// containers are what the nodes call themselves.
func containers(all *Nodes) (names []string) {
	for _, n := range all.nodes {
		names = append(names, n.container)
	}
	return names
}

func TestFormsOfGivenNodes(t *testing.T) {
	c := others(t, 3, true)
	names := []string{"app-1", "app-2", "app-3"}
	t.Run("balancer", func(t *testing.T) {
		for _, url := range []string{c.URL(), c.URL() + "/", strings.Replace(c.URL(), "127.0.0.1", "localhost", 1)} {
			g := found(t, url)
			base := strings.TrimSuffix(url, "/")
			if g.URL() != base || !slices.Equal(containers(g), names) || !g.Lab {
				t.Errorf("%s: %+v at %s", url, g, g.URL())
			}
			for i, n := range (&recording{nodes: g.nodes}).Nodes() {
				if n.Name != names[i] || n.URL != base+"/"+names[i] || n.Engine == "" || n.Log != "" || n.Trace != "" {
					t.Errorf("%+v", n)
				}
			}
		}
	})
	t.Run("several", func(t *testing.T) {
		all := urls(c.Nodes())
		slices.Reverse(all)
		g := found(t, all...)
		if want := []string{"app-3", "app-2", "app-1"}; !slices.Equal(containers(g), want) || g.URL() != strings.Join(all, ",") {
			t.Errorf("containers %v at %s, want %v", containers(g), g.URL(), want)
		}
		for i, n := range (&recording{nodes: g.nodes}).Nodes() {
			if n.Name != names[i] || n.URL != all[i] {
				t.Errorf("%+v, want %s at %s: in the order in which they were given", n, names[i], all[i])
			}
		}
	})
	t.Run("one", func(t *testing.T) {
		g := found(t, c.Nodes()[1].URL)
		if n := (&recording{nodes: g.nodes}).Nodes(); len(n) != 1 || n[0].Name != "app-1" || n[0].URL != c.Nodes()[1].URL || containers(g)[0] != "app-2" {
			t.Errorf("%+v, %v", n, containers(g))
		}
		r := startGiven(t, g, wanted(t, 1))
		add(t, r.URL()+"/app-1", 2)
		add(t, r.URL(), 1)
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if facts, err := r.Inspect(t.Context()); err != nil || facts.Counters["k"] != 3 {
			t.Errorf("%+v, %v", facts, err)
		}
	})
}

// A headless Service is a host name with an address for each node.
func TestAHostNameWithSeveralAddresses(t *testing.T) {
	s := testbin.Spec(t, binary)
	port := freePort(t)
	addresses := []string{"127.0.0.3", "127.0.0.1", "127.0.0.2"}
	for i, addr := range addresses {
		name := "pod-" + string(rune('a'+i))
		p := &local.Process{Name: name, Log: filepath.Join(s.Dir, name+".log"),
			Args: []string{"node", "--lab", "--pool", "2", "--name", name, "--db", filepath.Join(s.Dir, cluster.Database)}}
		if err := p.Start(t.Context(), binary, addr+":"+port); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
	}
	resolve := func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if host != "nodes.test" {
			return nil, errors.New("no such host")
		}
		return resolvingTo(append([]string{"::1", "127.0.0.2"}, addresses...))(ctx, network, host)
	}
	g, err := discover(t.Context(), []string{"http://nodes.test:" + port}, resolve)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"pod-b", "pod-c", "pod-a"}; !slices.Equal(containers(g), want) {
		t.Errorf("containers %v, want %v: by address", containers(g), want)
	}
	r := startGiven(t, g, wanted(t, 3))
	for _, n := range r.Nodes() {
		add(t, r.URL()+"/"+n.Name, 2)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if facts, err := r.Inspect(t.Context()); err != nil || facts.Counters["k"] != 6 {
		t.Errorf("%+v, %v", facts, err)
	}
	if _, err := discover(t.Context(), []string{"http://nodes.test:" + port + "/path"}, resolve); err == nil || !strings.Contains(err.Error(), "leave out /path") {
		t.Errorf("with a path: %v", err)
	}
	if _, err := discover(t.Context(), []string{"http://other.test"}, resolve); err == nil || !strings.Contains(err.Error(), "look up other.test: no such host") {
		t.Errorf("unknown host: %v", err)
	}
}

// resolvingTo returns a lookup that finds these addresses for every host.
func resolvingTo(addresses []string) lookup {
	return func(context.Context, string, string) (all []netip.Addr, err error) {
		for _, text := range addresses {
			all = append(all, netip.MustParseAddr(text))
		}
		return all, nil
	}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name  string
		found []string
		want  []string
	}{
		{"one", []string{"10.0.0.1"}, []string{"h:80"}},
		{"one of each family", []string{"::1", "127.0.0.1"}, []string{"h:80"}},
		{"one written twice", []string{"127.0.0.1", "::ffff:127.0.0.1"}, []string{"h:80"}},
		{"several", []string{"10.0.0.9", "10.0.0.10", "10.0.0.9"}, []string{"10.0.0.9:80", "10.0.0.10:80"}},
		{"several of each", []string{"fd00::2", "10.0.0.1", "fd00::1", "10.0.0.2"}, []string{"10.0.0.1:80", "10.0.0.2:80"}},
		{"several of one", []string{"fd00::2", "fd00::1"}, []string{"[fd00::1]:80", "[fd00::2]:80"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			base, err := parseBase("http://h")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := addresses(t.Context(), base, resolvingTo(c.found)); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestURLsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"https://host", "https is not supported yet"},
		{"http://me:secret@host", "are not supported"},
		{"localhost:8080", "is not like http://host:port"},
		{"ftp://host", "is not like http://host:port"},
		{"http://", "is not like http://host:port"},
		{"http://host?x=1", "is not like http://host:port"},
		{"http://host/#top", "is not like http://host:port"},
		{"http://host:70000", "70000 is no port"},
		{"http://host:port", "is not like http://host:port"},
		{"http://host/a/../b", "a path before the balancer's own"},
		{"http://host/a%2fb", "a path before the balancer's own"},
		{"http://host//", "a path before the balancer's own"},
	} {
		_, err := Discover(t.Context(), []string{c.url})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want %q", c.url, err, c.want)
		}
	}
	if _, err := Discover(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "no URL given") {
		t.Errorf("none: %v", err)
	}
}

// What is no node of contend is refused, and asked nothing but to show something.
func TestServersThatAreNoNodes(t *testing.T) {
	c := others(t, 2, true)
	health := func(container string) string {
		data, _ := json.Marshal(nodeapi.HealthResponse{Status: "healthy", Container: container, DBPath: "/data/shared.db", SQLite: "3.54.1"})
		return string(data)
	}
	var turn atomic.Int64
	for _, test := range []struct {
		name   string
		handle http.HandlerFunc
		want   []string
	}{
		{"nothing there", http.NotFound, []string{"is no balancer", "Nor is it a node", "answered 404"}},
		{"a page for everything", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html> <p>Welcome") },
			[]string{"is no balancer", `"<!doctype html> <p>Welcome"`}},
		{"another service's health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"healthy"}`) },
			[]string{"Nor is it a node"}},
		{"the same application by others", only("/health", `{"status":"healthy","container":"a","dbPath":"/x.db"}`), []string{"Nor is it a node"}},
		{"health alone", only("/health", health("a")), []string{"does not tell its discipline", "/metrics answered 404"}},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, c.Nodes()[0].URL+r.URL.Path, http.StatusTemporaryRedirect)
		}, []string{"answered 307"}},
		{"a balancer without names", func(w http.ResponseWriter, r *http.Request) {
			forward(c.Nodes()[turn.Add(1)%2].URL+r.URL.Path, w)
		}, []string{"is not always the same node"}},
		{"a balancer of something else", func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/app-") {
				http.NotFound(w, r)
				return
			}
			forward(c.URL()+r.URL.Path, w)
		}, []string{"and not under /api/"}},
		{"a balancer with a stranger", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/app-2/") {
				http.NotFound(w, r)
				return
			}
			forward(c.URL()+r.URL.Path, w)
		}, []string{`shares requests out to "app-2" too`, "/app-2/"}},
		{"one node under two names", func(w http.ResponseWriter, r *http.Request) {
			path := strings.Replace(r.URL.Path, "/app-2/", "/app-1/", 1)
			forward(c.URL()+path+"?"+r.URL.RawQuery, w)
		}, []string{`both call themselves "app-1"`}},
		{"broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{"EOF"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				test.handle(w, r)
			}))
			defer server.Close()
			_, err := Discover(t.Context(), []string{server.URL})
			if err == nil {
				t.Fatal("it was taken for nodes")
			}
			for _, words := range append(test.want, server.URL) {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%v; want %q in it", err, words)
				}
			}
			if _, err := Discover(t.Context(), []string{c.Nodes()[0].URL, server.URL}); err == nil || !strings.Contains(err.Error(), server.URL) {
				t.Errorf("as one of several: %v", err)
			}
		})
	}
}

// only answers body at path, and nothing elsewhere.
func only(path, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, body)
	}
}

// forward answers what GET url does.
func forward(url string, w http.ResponseWriter) {
	a, err := nodeclient.Get(context.Background(), url, time.Minute)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}

func TestNodesThatAreNotThere(t *testing.T) {
	c := others(t, 3, true)
	node := c.Nodes()[1]
	t.Run("twice", func(t *testing.T) {
		if _, err := Discover(t.Context(), []string{node.URL, node.URL}); err == nil || !strings.Contains(err.Error(), `both call themselves "app-2"`) {
			t.Error(err)
		}
	})
	t.Run("balancer among several", func(t *testing.T) {
		if _, err := Discover(t.Context(), []string{node.URL, c.URL()}); err == nil || !strings.Contains(err.Error(), c.URL()+" is not a healthy node") {
			t.Error(err)
		}
	})
	if err := c.Kill(t.Context(), node.Name); err != nil {
		t.Fatal(err)
	}
	t.Run("one is down", func(t *testing.T) {
		for _, given := range [][]string{{c.URL()}, urls(c.Nodes()), {node.URL}} {
			_, err := Discover(t.Context(), given)
			if err == nil || !strings.Contains(err.Error(), node.URL) && !strings.Contains(err.Error(), c.URL()+"/app-2") {
				t.Errorf("%v: %v; want an error that names app-2", given, err)
			}
		}
	})
	if err := c.Kill(t.Context(), "app-1"); err != nil {
		t.Fatal(err)
	}
	t.Run("the first is down", func(t *testing.T) {
		if _, err := Discover(t.Context(), []string{c.URL()}); err == nil || !strings.Contains(err.Error(), c.URL()+"/app-1") {
			t.Errorf("%v; want an error that names app-1", err)
		}
	})
}

func TestDiscoverEndsWithItsContext(t *testing.T) {
	goleak.VerifyNone(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := Discover(ctx, []string{"http://" + silent.Addr().String()})
		ended <- err
	}()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want that of the context", err)
	}
}

// What is taken for a base can be asked over plain HTTP, and has no user, query or escape.
func FuzzParseBase(f *testing.F) {
	f.Add("http://127.0.0.1:8080/some/path/")
	f.Add("http://u:p@h")
	f.Add("http://[::1]:80?x#y")
	f.Fuzz(func(t *testing.T, text string) {
		base, err := parseBase(text)
		if err != nil {
			return
		}
		if base.Scheme != "http" || base.Hostname() == "" || base.User != nil || strings.ContainsAny(base.String(), "?#@ \n") || strings.HasSuffix(base.Path, "/") {
			t.Errorf("%q is taken for %#v", text, base)
		}
	})
}
