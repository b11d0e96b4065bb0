package local

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/testbin"
)

// The nodes behind the balancer take the names that it takes, for it passes the Host on.
func TestNodesTakeTheBalancersHosts(t *testing.T) {
	hosts := func(args []string) (names []string) {
		for i, arg := range args {
			if arg == "--allow-host" {
				names = append(names, args[i+1])
			}
		}
		return names
	}
	for _, c := range []struct {
		name            string
		spec            cluster.Spec
		balancer, nodes []string
	}{
		{"on loopback", cluster.Spec{}, nil, nil},
		{"with names", cluster.Spec{AllowHosts: []string{"a", "b"}}, []string{"a", "b"}, []string{"a", "b"}},
		{"for other machines", cluster.Spec{AllowRemote: true}, nil, []string{"*"}},
		{"for other machines, with a name", cluster.Spec{AllowRemote: true, AllowHosts: []string{"a"}}, []string{"a"}, []string{"a"}},
	} {
		balancer, node := hosts(NewBalancer(c.spec, nil).Args), hosts((&Cluster{}).newNode(c.spec, 0).Args)
		if !slices.Equal(balancer, c.balancer) || !slices.Equal(node, c.nodes) {
			t.Errorf("%s: the balancer takes %q, a node %q; want %q, %q", c.name, balancer, node, c.balancer, c.nodes)
		}
	}
}

func TestAClusterAnswersToItsNames(t *testing.T) {
	spec := testbin.Spec(t, binary)
	spec.Nodes, spec.AllowHosts = 1, []string{"lab.example"}
	c := start(t, spec)
	for _, url := range []string{c.URL(), c.Nodes()[0].URL} {
		for host, want := range map[string]int{"": 200, "lab.example": 200, "LAB.example:8080": 200, "evil.example": 421} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", url+nodeapi.PathIncrement, strings.NewReader(`{"key":"k"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s, Host %q: %d, want %d", url, host, resp.StatusCode, want)
			}
		}
	}
}
