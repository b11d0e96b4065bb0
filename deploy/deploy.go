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
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

// A Stack is nodes in containers on shared storage, with nginx before them. The
// text in its fields goes into the compose file as it is, so it may hold
// compose's own ${VARIABLE:-default}; a dollar sign that is meant literally is $$.
type Stack struct {
	Image       string        // of the nodes; "contend" by default, or what CONTEND_IMAGE says
	Build       bool          // tell compose how to build Image: context is the repository, the file deploy/Dockerfile
	Nginx       string        // image of nginx; "nginx:alpine" by default
	NginxConf   string        // path of the nginx.conf to bind, relative to the compose file; "./nginx.conf" by default
	Listen      string        // host address that nginx is published on; port 0 takes a free one
	Subnet      string        // first three bytes with the dot after them: nginx is .2, node i is .(10+i)
	Healthcheck time.Duration // interval between checks, whole seconds; 0 is none, for they cost processor time that an experiment would miss
	Postgres    bool          // add PostgreSQL under the profile "postgres"
	Nodes       []Node        // 1 to 200
}

// A Node is one container that runs `contend node --allow-remote` with Args after it.
type Node struct {
	Name     string   // "app-1": service, host name and CONTAINER_ID; letters, digits and dashes
	Port     int      // inside the container
	DBPath   string   // "/data/shared.db"
	Args     []string // flags after "node --allow-remote"
	Volumes  []string // "shared:/data", "./data:/data", "./data/shared.db:/data/shared.db"; named ones are declared under volumes:
	Writable bool     // the container's own layer may be written to: for the exhibit that keeps its database there
	User     string   // "uid:gid"; "" is the image's
}

// What an empty field of a Stack means.
const (
	defaultImage     = "${CONTEND_IMAGE:-contend}"
	defaultNginx     = "nginx:alpine"
	defaultNginxConf = "./nginx.conf"
	defaultListen    = "127.0.0.1:${CONTEND_PORT:-8080}"
	defaultSubnet    = "${CONTEND_SUBNET:-198.18.7.}"
)

// Default is the stack of deploy/compose.yaml: the lab's four nodes app-1 …
// app-4 on ports 3001 … 3004, with one named volume at /data. Environment
// variables change its image, its port, its subnet and the nodes' preset.
func Default() Stack {
	s := Stack{Build: true, Healthcheck: 5 * time.Second, Postgres: true}.WithNodes(4)
	for i := range s.Nodes {
		s.Nodes[i].Args = []string{"--preset", "${CONTEND_PRESET:-green}"}
	}
	return s.withDefaults()
}

// WithNodes returns the stack with the n nodes app-1 … app-n in place of its
// own, on ports 3001 …, with the volume "shared" at /data and no flags.
func (s Stack) WithNodes(n int) Stack {
	s.Nodes = nil
	for i := range n {
		s.Nodes = append(s.Nodes, Node{
			Name:    fmt.Sprintf("app-%d", i+1),
			Port:    3001 + i,
			DBPath:  "/data/shared.db",
			Volumes: []string{"shared:/data"},
		})
	}
	return s
}

// ComposeFile returns the compose file, or an error that names the field that
// cannot be right.
func (s Stack) ComposeFile() ([]byte, error) { return s.render("compose.yaml.tmpl") }

// NginxFile returns the nginx configuration, or an error like ComposeFile's.
// nginx reads it as user 101, so the file must be readable to everybody.
func (s Stack) NginxFile() ([]byte, error) { return s.render("nginx.conf.tmpl") }

//go:embed compose.yaml.tmpl nginx.conf.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"quote":   quote,
	"list":    list,
	"command": command,
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) },
}).ParseFS(files, "*.tmpl"))

func (s Stack) render(name string) ([]byte, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("render %s: %w", strings.TrimSuffix(name, ".tmpl"), err)
	}
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, s)
	return b.Bytes(), err
}

func (s Stack) withDefaults() Stack {
	s.Image = cmp.Or(s.Image, defaultImage)
	s.Nginx = cmp.Or(s.Nginx, defaultNginx)
	s.NginxConf = cmp.Or(s.NginxConf, defaultNginxConf)
	s.Listen = cmp.Or(s.Listen, defaultListen)
	s.Subnet = cmp.Or(s.Subnet, defaultSubnet)
	return s
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

// Published maps the host's address to nginx's port.
func (s Stack) Published() string { return s.Listen + ":8080" }

// NamedVolumes returns the volumes that compose has to make: those of the nodes
// that are no path of the host, each once, and PostgreSQL's.
func (s Stack) NamedVolumes() []string {
	var names []string
	for _, n := range s.Nodes {
		for _, v := range n.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if named(source) && !slices.Contains(names, source) {
				names = append(names, source)
			}
		}
	}
	if s.Postgres {
		names = append(names, "postgres")
	}
	return names
}

func named(source string) bool { return !strings.ContainsAny(source[:1], "./~$") }

func command(n Node) []string {
	return append([]string{"node", "--allow-remote"}, n.Args...)
}

// quote returns s as a string in JSON, which is one in YAML too.
func quote(s string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// list returns the strings as a list in one line of YAML.
func list(all []string) (string, error) {
	quoted := make([]string, len(all))
	for i, s := range all {
		var err error
		if quoted[i], err = quote(s); err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(quoted, ", ") + "]", nil
}

var (
	// nodeName is a host name, a service's and the first part of a path in one.
	nodeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	// threeBytes is the first part of an address, or a variable that holds one.
	threeBytes = regexp.MustCompile(`^([0-9]{1,3}\.){3}$|^\$\{.*\}$`)
	// address is IP:PORT; either may be a variable.
	address = regexp.MustCompile(`^[0-9.]+:([0-9]+|\$\{.*\})$|^\$\{.*\}$`)
)

// taken are names that the files use for something else.
var taken = []string{"nginx", "postgres", "nodes", "api", "health", "nginx-health", "metrics", "lab", "localhost"}

// check finds what would give a file that is wrong, or one that means something else.
func (s Stack) check() error {
	switch {
	case len(s.Nodes) < 1 || len(s.Nodes) > maxNodes:
		return fmt.Errorf("nodes: there are %d, not 1 to %d", len(s.Nodes), maxNodes)
	case !threeBytes.MatchString(s.Subnet):
		return fmt.Errorf("subnet %q: want three bytes with a dot after each, as 198.18.7. is in 198.18.7.0/24", s.Subnet)
	case !address.MatchString(s.Listen):
		return fmt.Errorf("listen %q is not an IP address and a port, as in 127.0.0.1:8080", s.Listen)
	case s.Healthcheck < 0 || s.Healthcheck%time.Second != 0:
		return fmt.Errorf("healthcheck %v is not whole seconds", s.Healthcheck)
	}
	var names []string
	for _, n := range s.Nodes {
		if slices.Contains(names, n.Name) {
			return fmt.Errorf("node %s: there are two of that name", n.Name)
		}
		names = append(names, n.Name)
		if err := n.check(); err != nil {
			return fmt.Errorf("node %q: %w", n.Name, err)
		}
	}
	return nil
}

func (n Node) check() error {
	switch {
	case !nodeName.MatchString(n.Name):
		return errors.New("the name is not 1 to 63 small letters, digits and dashes, a letter first")
	case slices.Contains(taken, n.Name):
		return errors.New("the name is taken: choose another, such as app-1")
	case n.Port < 1 || n.Port > 65535:
		return fmt.Errorf("port %d is not within 1 and 65535", n.Port)
	case !path.IsAbs(n.DBPath):
		return fmt.Errorf("database path %q does not begin with /", n.DBPath)
	}
	for _, v := range n.Volumes {
		source, target, ok := strings.Cut(v, ":")
		if !ok || source == "" || !path.IsAbs(target) {
			return fmt.Errorf("volume %q is not SOURCE:/PATH", v)
		}
	}
	return nil
}
