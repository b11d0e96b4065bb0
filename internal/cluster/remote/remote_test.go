package remote

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/testbin"
	"example.com/contend/internal/testproc"
)

var binary string

func TestMain(m *testing.M) { os.Exit(testbin.Main(&binary, m.Run)) }

// others starts n nodes as somebody else would, with a balancer before them.
func others(t *testing.T, n int, lab bool) *local.Cluster {
	t.Helper()
	s := testbin.Spec(t, binary)
	s.Nodes, s.Lab = n, lab
	c, err := local.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func urls(nodes []cluster.Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.URL)
	}
	return all
}

func found(t *testing.T, urls ...string) *Nodes {
	t.Helper()
	g, err := Discover(t.Context(), urls)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// wanted is a recording of n nodes that differs from how others run in journal
// mode and style.
func wanted(t *testing.T, n int) cluster.Spec {
	d := store.Green()
	d.Transaction, d.Think, d.Pool, d.Retries, d.Backoff = store.Atomic, 0, 2, 0, store.Backoff{}
	return cluster.Spec{Nodes: n, Discipline: d, Dir: t.TempDir(), Binary: binary}
}

func startGiven(t *testing.T, g *Nodes, s cluster.Spec) cluster.Cluster {
	t.Helper()
	c, err := g.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// add asks for n increments through url and wants each acknowledged.
func add(t *testing.T, url string, n int) {
	t.Helper()
	for range n {
		if status, container := testbin.Increment(t, url); status != http.StatusOK {
			t.Fatalf("%s: increment: status %d from %q", url, status, container)
		}
	}
}

// wantOwn checks that every node of c has its own database under the discipline
// it was started with, that the counter is what it is to be there, and that no
// other database lies beside it.
func wantOwn(t *testing.T, c *local.Cluster, d store.Discipline, counter int64) {
	t.Helper()
	for _, n := range c.Nodes() {
		now := node{name: n.Name, url: n.URL}
		if err := now.look(t.Context()); err != nil {
			t.Error(err)
			continue
		}
		if now.database != filepath.Join(filepath.Dir(c.Nodes()[0].Log), cluster.Database) || now.discipline != d {
			t.Errorf("%s has %s under %+v", n.Name, now.database, now.discipline)
		}
		if value, err := nodeclient.Counter(t.Context(), now.url, "k"); err != nil || value != counter {
			t.Errorf("%s: counter %d, %v; want %d", n.Name, value, err, counter)
		}
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(c.Nodes()[0].Log), labPrefix+"*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// Each recording has a fresh database under its own discipline, on as many
// nodes as it asks for, and the nodes' own is as it was.
func TestRecordingOnGivenNodes(t *testing.T) {
	for _, direct := range []bool{true, false} {
		t.Run(fmt.Sprintf("direct %t", direct), func(t *testing.T) {
			c := others(t, 3, true)
			own := found(t, c.URL()).nodes[0].discipline
			add(t, c.URL(), 3)
			g := found(t, c.URL())
			if direct {
				g = found(t, urls(c.Nodes())...)
			}
			for round, nodes := range []int{3, 1, 2} {
				s := wanted(t, nodes)
				if round == 2 {
					s.Discipline.Journal = store.Delete
				}
				r := startGiven(t, g, s)
				if before, err := r.Before(t.Context(), []string{"k"}); before != nil || err != nil {
					t.Errorf("a fresh database held %v, %v", before, err)
				}
				if _, err := r.Inspect(t.Context()); err == nil {
					t.Error("inspected before it was stopped")
				}
				for _, n := range r.Nodes() {
					add(t, n.URL, 2)
					add(t, r.URL()+"/"+n.Name, 3)
				}
				any := 0
				if direct || nodes == 3 {
					any = 5
					add(t, r.URL(), any)
				}
				for _, n := range c.Nodes()[nodes:] {
					if status, _ := testbin.Increment(t, n.URL); status != http.StatusServiceUnavailable {
						t.Errorf("%s is to be closed, and answers %d", n.Name, status)
					}
				}
				if len(r.Nodes()) != nodes || r.Nodes()[0].Engine == "" {
					t.Errorf("nodes %+v, want %d", r.Nodes(), nodes)
				}
				if err := r.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				facts, err := r.Inspect(t.Context())
				if want := int64(5*nodes + any); err != nil || facts.Counters["k"] != want ||
					facts.Integrity != "ok" || facts.Journal != s.Discipline.Journal {
					t.Errorf("%d nodes: %+v, %v; want counter %d in %s", nodes, facts, err, want, s.Discipline.Journal)
				}
				wantOwn(t, c, own, 3)
				if err := r.Stop(t.Context()); err != nil {
					t.Errorf("second Stop: %v", err)
				}
			}
		})
	}
}

// Without paths under /lab/ the nodes are taken as they are.
func TestRecordingOnGivenNodesAsTheyAre(t *testing.T) {
	c := others(t, 2, false)
	add(t, c.URL(), 3)
	for _, g := range []*Nodes{found(t, c.URL()), found(t, urls(c.Nodes())...)} {
		s := wanted(t, 2)
		if _, err := g.Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), "transaction immediate") {
			t.Fatalf("error %v, want one that names the setting", err)
		}
		s.Discipline = g.nodes[0].discipline
		r := startGiven(t, g, s)
		const unused = "nobody's & <strange>"
		before, err := r.Before(t.Context(), []string{"k", unused})
		if err != nil || before[unused] != 0 || len(before) != 2 {
			t.Fatalf("before: %v, %v; want 0 in a counter that nobody has made", before, err)
		}
		add(t, r.URL(), 4)
		add(t, r.URL()+"/app-2", 1)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		facts, err := r.Inspect(t.Context())
		want := map[string]int64{"k": before["k"] + 5, unused: 0}
		if err != nil || !reflect.DeepEqual(facts.Counters, want) || facts.Integrity != "" || facts.Engine == "" {
			t.Errorf("%+v, %v; want counters %v and an unknown integrity", facts, err, want)
		}
	}
	wantOwn(t, c, disciplineOf(t, c), 13)
}

// disciplineOf is what c's nodes say they have.
func disciplineOf(t *testing.T, c *local.Cluster) store.Discipline {
	t.Helper()
	n := node{url: c.Nodes()[0].URL}
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n.discipline
}

func TestOneRecordingAtATime(t *testing.T) {
	c := others(t, 2, true)
	own := disciplineOf(t, c)
	g, h := found(t, c.URL()), found(t, urls(c.Nodes())...)
	r := startGiven(t, g, wanted(t, 2))
	if _, err := g.Start(t.Context(), wanted(t, 1)); err == nil || !strings.Contains(err.Error(), errTaken.Error()) {
		t.Errorf("second recording: %v", err)
	}
	if _, err := h.Start(t.Context(), wanted(t, 1)); err == nil || !strings.Contains(err.Error(), "which a run made") {
		t.Errorf("recording of another run: %v", err)
	}
	if _, err := Discover(t.Context(), []string{c.URL()}); err == nil || !strings.Contains(err.Error(), "which a run made") {
		t.Errorf("another run: %v", err)
	}
	add(t, r.URL(), 4) // none of them has disturbed it
	if err := g.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if facts, err := r.Inspect(t.Context()); err != nil || facts.Counters["k"] != 4 {
		t.Errorf("%+v, %v", facts, err)
	}
	wantOwn(t, c, own, 0)
	startGiven(t, h, wanted(t, 1))
}

// A run that was killed leaves nodes on its database. The next one says how to
// get them back, and does not touch them.
func TestNodesThatWereNotGivenBack(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprintf("closed %t", closed), func(t *testing.T) {
			c := others(t, 2, true)
			own := disciplineOf(t, c)
			g := found(t, c.URL())
			r := startGiven(t, g, wanted(t, 2))
			if closed {
				if err := closeAll(t.Context(), g.nodes); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Discover(t.Context(), urls(c.Nodes())[:1])
			advice := "curl -d '{}' " + c.Nodes()[0].URL + "/lab/open"
			if err == nil || !strings.Contains(err.Error(), advice) {
				t.Fatalf("%v; want the advice %s", err, advice)
			}
			followAdvice(t, c)
			found(t, c.URL())
			if err := r.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "remove") {
				t.Errorf("%v; want an error that says the database could not be removed", err)
			}
			if _, err := r.Inspect(t.Context()); err == nil || !strings.Contains(err.Error(), "started anew") {
				t.Errorf("%v; want an error: the nodes were elsewhere", err)
			}
			if files, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Nodes()[0].Log), labPrefix+"*.db")); len(files) != 1 {
				t.Errorf("files %v: nobody could remove it, yet it is gone", files)
			}
			if got := disciplineOf(t, c); got != own {
				t.Errorf("discipline %+v, want %+v", got, own)
			}
		})
	}
}

// followAdvice does to every node what an error says that people can do.
func followAdvice(t *testing.T, c *local.Cluster) {
	t.Helper()
	for _, n := range c.Nodes() {
		resp, err := http.Post(n.URL+nodeapi.PathOpen, "application/x-www-form-urlencoded", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", n.Name, resp.Status)
		}
	}
}

// Nodes that were taken from a recording by hand, and are used by another run
// since, are not taken from that.
func TestNodesThatAnotherRunHasByNow(t *testing.T) {
	c := others(t, 2, true)
	own := disciplineOf(t, c)
	g, h := found(t, c.URL()), found(t, urls(c.Nodes())...)
	first := startGiven(t, g, wanted(t, 2))
	followAdvice(t, c)
	second := startGiven(t, h, wanted(t, 2))
	add(t, second.URL(), 3)
	if err := first.Stop(t.Context()); err == nil || strings.Count(err.Error(), "another run") != 2 {
		t.Errorf("%v; want an error that says of both nodes that another run has them", err)
	}
	add(t, second.URL(), 3)
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if facts, err := second.Inspect(t.Context()); err != nil || facts.Counters["k"] != 6 {
		t.Errorf("%+v, %v", facts, err)
	}
	if got := disciplineOf(t, c); got != own {
		t.Errorf("discipline %+v, want %+v", got, own)
	}
}

// Whenever a start is given up, the nodes have their own database again.
func TestAStartThatIsGivenUp(t *testing.T) {
	c := others(t, 2, true)
	own := disciplineOf(t, c)
	add(t, c.URL(), 3)
	const steps = 4 // both nodes are closed, and opened
	for step := 1; step <= steps; step++ {
		for _, before := range []bool{true, false} {
			ctx, cancel := context.WithCancel(t.Context())
			var posts atomic.Int64
			front := proxy(t, c.URL(), func(r *http.Request, answered bool) {
				if r.Method == http.MethodPost && answered != before && posts.Add(1) == int64(step) {
					cancel()
				}
			})
			g := found(t, front+"/some/path")
			r, err := g.Start(ctx, wanted(t, 2))
			if before || step < steps {
				if err == nil || ctx.Err() == nil {
					t.Errorf("step %d: %v, %v; want a start that was given up", step, err, ctx.Err())
				}
			}
			if err == nil { // the last answer was there before ctx was done
				err = r.Stop(t.Context())
			}
			wantOwn(t, c, own, 3)
			if t.Failed() {
				t.Fatalf("given up at step %d, before %t: %v", step, before, err)
			}
			startGiven(t, g, wanted(t, 1)) // it is free again
			if err := g.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
	}
}

// proxy stands before the balancer at url under /some/path, and calls seen with
// each request before it is passed on and after it is answered.
func proxy(t *testing.T, to string, seen func(r *http.Request, answered bool)) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	transport := &http.Transport{}
	pass.Transport = transport
	pass.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(http.StripPrefix("/some/path", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r, false)
		pass.ServeHTTP(w, r)
		seen(r, true)
	})))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.URL
}

// Stop gives the nodes back even when there is no time for anything else.
func TestStopWhenTimeIsUp(t *testing.T) {
	c := others(t, 2, true)
	own := disciplineOf(t, c)
	g := found(t, urls(c.Nodes())...)
	r := startGiven(t, g, wanted(t, 2))
	add(t, r.URL(), 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = r.Stop(ctx) // the balancer may or may not have been killed for it
	wantOwn(t, c, own, 0)
	if facts, err := r.Inspect(t.Context()); err == nil {
		t.Errorf("%+v; want an error, for nobody has read the facts", facts)
	}
	if left := len(testproc.Children(t)); left != 1+len(c.Nodes()) {
		t.Errorf("%d children, want %d: the recording's balancer has ended", left, 1+len(c.Nodes()))
	}
}

// The recording of which a node went away has no facts: what the node has
// acknowledged since it came back is somewhere else.
func TestANodeIsKilledInTheMiddle(t *testing.T) {
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("back %t", back), func(t *testing.T) {
			c := others(t, 3, true)
			own := disciplineOf(t, c)
			add(t, c.URL(), 3)
			g := found(t, c.URL())
			r := startGiven(t, g, wanted(t, 3))
			add(t, r.URL(), 2)
			if err := c.Kill(t.Context(), "app-1"); err != nil {
				t.Fatal(err)
			}
			gone := "went away"
			if back {
				gone = "started anew"
				if err := c.Restart(t.Context(), "app-1"); err != nil {
					t.Fatal(err)
				}
				add(t, c.Nodes()[0].URL, 1) // acknowledged, and in its own database
			}
			err := r.Stop(t.Context())
			if back != (err == nil) || !back && !strings.Contains(err.Error(), "app-1") {
				t.Errorf("Stop: %v", err)
			}
			if facts, err := r.Inspect(t.Context()); err == nil || !strings.Contains(err.Error(), gone) || !strings.Contains(err.Error(), "app-1") {
				t.Errorf("%+v, %v; want an error that says that app-1 was %s", facts, err, gone)
			}
			if !back {
				if _, err := Discover(t.Context(), []string{c.URL()}); err == nil || !strings.Contains(err.Error(), "/app-1") {
					t.Errorf("%v; want an error that names app-1", err)
				}
				if err := c.Restart(t.Context(), "app-1"); err != nil {
					t.Fatal(err)
				}
				wantOwn(t, c, own, 3)
				return
			}
			wantOwn(t, c, own, 4)
		})
	}
}

// A node that dies without paths under /lab/ is told of too.
func TestANodeIsKilledInTheMiddleAsItIs(t *testing.T) {
	c := others(t, 2, false)
	g := found(t, c.URL())
	s := wanted(t, 2)
	s.Discipline = g.nodes[0].discipline
	r := startGiven(t, g, s)
	if err := c.Kill(t.Context(), "app-2"); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "app-2") {
		t.Errorf("%v; want an error that names app-2", err)
	}
}

func TestRefuse(t *testing.T) {
	d := store.Green()
	given := func(lab bool, disciplines ...store.Discipline) *Nodes {
		var nodes []*node
		for i, d := range disciplines {
			nodes = append(nodes, &node{name: cluster.NodeName(i), url: "http://" + strconv.Itoa(i), container: strconv.Itoa(i), lab: lab, discipline: d})
		}
		g, err := newNodes(nodes, "")
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	other := d
	other.Transaction = store.Separate
	slow := d
	slow.BusyTimeout = 50
	half := given(true, d, d)
	half.nodes[1].lab, half.Lab = false, false
	ask := func(change func(*cluster.Spec)) cluster.Spec {
		s := cluster.Spec{Nodes: 2, Discipline: d}
		change(&s)
		return s
	}
	for _, c := range []struct {
		name string
		on   *Nodes
		spec cluster.Spec
		want string // "" where it is not refused
	}{
		{"as it is", given(false, d, d), ask(func(*cluster.Spec) {}), ""},
		{"traced", given(false, d, d), ask(func(s *cluster.Spec) { s.Trace, s.Seed = true, 7 }), ""},
		{"anything with lab", given(true, d, d), ask(func(s *cluster.Spec) { s.Discipline, s.Lab, s.Nodes = other, true, 1 }), ""},
		{"mount", given(true, d, d), ask(func(s *cluster.Spec) { s.Mount = run.MountNone }), "where a node has its database"},
		{"build", given(true, d, d), ask(func(s *cluster.Spec) { s.Build = "old" }), "another build"},
		{"more nodes", given(true, d, d), ask(func(s *cluster.Spec) { s.Nodes = 3 }), "it needs 3 nodes, and 2 were given"},
		{"more than one", given(true, d), ask(func(*cluster.Spec) {}), "it needs 2 nodes, and 1 was given"},
		{"no node", given(true, d), ask(func(s *cluster.Spec) { s.Nodes = 0 }), "it needs 0 nodes"},
		{"fewer nodes", given(false, d, d), ask(func(s *cluster.Spec) { s.Nodes = 1 }), "it needs 1 node, and 2 were given: start them with --lab"},
		{"lab", given(false, d, d), ask(func(s *cluster.Spec) { s.Lab = true }), "the nodes were started without --lab"},
		{"lab on one", half, ask(func(s *cluster.Spec) { s.Lab = true }), "app-2 was started without --lab"},
		{"style", given(false, other, other), ask(func(*cluster.Spec) {}),
			"the nodes run transaction separate, this needs exclusive: start them with --lab, and contend sets it"},
		{"one has another", given(false, d, slow), ask(func(*cluster.Spec) {}), "app-2 runs busy_timeout 50ms, this needs 5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.on.Refuse(c.spec)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
