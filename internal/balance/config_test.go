package balance

import (
	"strings"
	"testing"
	"time"
)

func TestNewNamesWhatCannotBe(t *testing.T) {
	one := Node{"app-1", "127.0.0.1:3001"}
	for _, c := range []struct {
		name string
		cfg  Config
		want string // in the error; "" for none
	}{
		{"one node", Config{Nodes: []Node{one}}, ""},
		{"no node", Config{}, "want 1 to 64 nodes"},
		{"too many nodes", Config{Nodes: make([]Node, MaxNodes+1)}, "have 65"},
		{"a name taken twice", Config{Nodes: []Node{one, one}}, "app-1"},
		{"the name of a path", Config{Nodes: []Node{{"api", one.Addr}}}, `"api"`},
		{"a name with a slash", Config{Nodes: []Node{{"a/b", one.Addr}}}, `"a/b"`},
		{"no name", Config{Nodes: []Node{{"", one.Addr}}}, `""`},
		{"no port", Config{Nodes: []Node{{"a", "127.0.0.1"}}}, "missing port"},
		{"port 0", Config{Nodes: []Node{{"a", "127.0.0.1:0"}}}, "lacks a host or a port"},
		{"no host", Config{Nodes: []Node{{"a", ":80"}}}, "lacks a host or a port"},
		{"a timeout below 0", Config{Nodes: []Node{one}, Timeout: -time.Second}, "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.cfg)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("err %v, want %q", err, c.want)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ path, first, rest string }{
		{"/app-1/api/write", "app-1", "/api/write"},
		{"/app-1", "app-1", "/"},
		{"/app-1/", "app-1", "/"},
		{"/", "", "/"},
		{"", "", "/"},
		{"//api", "", "/api"},
	} {
		if first, rest := split(c.path); first != c.first || rest != c.rest {
			t.Errorf("split(%q) = %q, %q; want %q, %q", c.path, first, rest, c.first, c.rest)
		}
	}
}
