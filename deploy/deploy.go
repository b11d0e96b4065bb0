// Package deploy is the one source of the compose file and the nginx
// configuration that contend is deployed with: nodes in containers on shared
// storage, with nginx before them.
//
// A [Stack] is plain data and renders itself to text. The files compose.yaml
// and nginx.conf beside this package are the renderings of [Default], and a
// test holds them equal; an experiment on containers renders a stack of its own
// for each recording. The package starts nothing and writes no file.
//
// nginx answers as contend's own balancer does. /api/… is any node in turn, and
// /app-N/… is node N with the prefix taken off, so that /app-2/metrics and
// /app-2/lab/hold reach node app-2. /health goes to any node, because a health
// that did not ask the database would be nobody's; /nginx-health is nginx's
// own, for the container's health check, so that nginx is not called ill where
// nodes are.
package deploy

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"
)

// A Stack is nodes in containers on shared storage, with nginx before them. The
// text in its fields goes into the compose file as it is, so it may hold
// compose's own ${VARIABLE:-default}; a dollar sign that is meant literally is $$.
type Stack struct {
	Image       string        // of the nodes
	Build       bool          // tell compose how to build Image: context is the repository, the file deploy/Dockerfile
	Nginx       string        // image of nginx; [NginxImage] by default
	Listen      string        // host address that nginx is published on, IP:PORT; port 0 takes a free one
	Subnet      string        // first three bytes with the dot after them: nginx is .2, node i is .(10+i)
	Healthcheck time.Duration // interval between checks, whole seconds; 0 is none, for they cost processor time that an experiment would miss
	Postgres    bool          // add PostgreSQL under the profile "postgres"
	Nodes       []Node        // 1 to 200, made by [Nodes]

	Labels map[string]string // of every container, volume and network
}

// A Node is one container that runs `contend node --allow-remote --allow-host NAME` with
// Args after it on the database /data/shared.db. nginx is published on loopback and passes
// the client's Host on, so with its own name beside localhost and IP addresses a node
// answers whoever the stack is for, and no web page that had its name resolve to it.
type Node struct {
	Name     string   // "app-1": service, host name and CONTAINER_ID
	Port     int      // inside the container
	Args     []string // flags after these
	Volumes  []string // "shared:/data", "./data:/data", "./data/shared.db:/data/shared.db"; named ones are declared under volumes:
	Writable bool     // the container's own layer may be written to: for the exhibit that keeps its database there
}

// NginxImage is the image of nginx where no other is named.
const NginxImage = "nginx:alpine"

// Default is the stack of deploy/compose.yaml: the lab's four nodes app-1 …
// app-4 on ports 3001 … 3004, with one named volume at /data. Environment
// variables change its image, its port, its subnet and the nodes' preset.
func Default() Stack {
	s := Stack{
		Image: "${CONTEND_IMAGE:-contend}", Build: true, Listen: "127.0.0.1:${CONTEND_PORT:-8080}",
		Subnet: "${CONTEND_SUBNET:-198.18.7.}", Healthcheck: 5 * time.Second, Postgres: true, Nodes: Nodes(4),
	}
	for i := range s.Nodes {
		s.Nodes[i].Args = []string{"--preset", "${CONTEND_PRESET:-green}"}
	}
	return s
}

// Nodes returns the n nodes app-1 … app-n on ports 3001 …, with the volume "shared"
// at /data and no flags.
func Nodes(n int) []Node {
	var all []Node
	for i := range n {
		all = append(all, Node{Name: fmt.Sprintf("app-%d", i+1), Port: 3001 + i, Volumes: []string{"shared:/data"}})
	}
	return all
}

// ComposeFile returns the compose file.
func (s Stack) ComposeFile() ([]byte, error) { return s.render("compose.yaml.tmpl") }

// NginxFile returns the nginx configuration, which the compose file binds as
// ./nginx.conf. nginx reads it as user 101, so the file must be readable to everybody.
func (s Stack) NginxFile() ([]byte, error) { return s.render("nginx.conf.tmpl") }

//go:embed compose.yaml.tmpl nginx.conf.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"quote":  quote,
	"list":   list,
	"labels": labels,
	"command": func(n Node) string {
		return list(append([]string{"node", "--allow-remote", "--allow-host", n.Name}, n.Args...))
	},
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) },
}).ParseFS(files, "*.tmpl"))

func (s Stack) render(name string) ([]byte, error) {
	s.Nginx = cmp.Or(s.Nginx, NginxImage)
	if len(s.Nodes) < 1 || len(s.Nodes) > maxNodes {
		return nil, fmt.Errorf("render %s: want 1 to %d nodes, not %d", strings.TrimSuffix(name, ".tmpl"), maxNodes, len(s.Nodes))
	}
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, s)
	return b.Bytes(), err
}

// quote returns s as a string in JSON, which is one in YAML too.
func quote(s string) string {
	quoted, _ := json.Marshal(s) // a string has no error
	return string(quoted)
}

// list returns the strings as a list in one line of YAML.
func list(all []string) string {
	var quoted []string
	for _, s := range all {
		quoted = append(quoted, quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// labels returns the labels as a mapping in one line of YAML.
func labels(all map[string]string) string {
	text, _ := json.Marshal(all) // strings have no error
	return string(text)
}

// Addresses within the subnet: .1 is Docker's, and .9 keeps PostgreSQL off the
// addresses that are handed out in turn, which begin at .2.
const (
	nginxHost    = "2"
	postgresHost = "9"
	nodesFrom    = 11
	maxNodes     = 200
)

// The methods below are the templates'.

// NginxAddress is nginx's on the stack's own network.
func (s Stack) NginxAddress() string { return s.Subnet + nginxHost }

// PostgresAddress is PostgreSQL's on the stack's own network.
func (s Stack) PostgresAddress() string { return s.Subnet + postgresHost }

// Address is that of the node with index i on the stack's own network.
func (s Stack) Address(i int) string { return fmt.Sprint(s.Subnet, nodesFrom+i) }

// NamedVolumes returns the volumes that compose has to make: those of the nodes
// that are no path of the host, each once, and PostgreSQL's.
func (s Stack) NamedVolumes() []string {
	var names []string
	for _, n := range s.Nodes {
		for _, v := range n.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if !strings.ContainsAny(source[:1], "./~$") && !slices.Contains(names, source) {
				names = append(names, source)
			}
		}
	}
	if s.Postgres {
		names = append(names, "postgres")
	}
	return names
}
