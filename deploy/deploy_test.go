package deploy

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write compose.yaml and nginx.conf")

// The committed files are what people read and start; they must be what the
// experiments start.
func TestCommittedFilesAreTheDefaultStack(t *testing.T) {
	for name, render := range map[string]func() ([]byte, error){
		"compose.yaml": Default().ComposeFile,
		"nginx.conf":   Default().NginxFile,
	} {
		want, err := render()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not the rendering of Default (%v): go test ./deploy -update writes it", name, err)
		}
	}
}

func TestFieldsReachTheFiles(t *testing.T) {
	s := Stack{
		Image: "contend-run:0123", Nginx: "nginx:1.29", Listen: "127.0.0.1:0", Subnet: "198.19.4.",
		Nodes: []Node{
			{Name: "app-1", Port: 3001, Args: []string{"--journal", "WAL", "--name", `a"b`}, Volumes: []string{"odd:/data"}},
			{Name: "app-2", Port: 4002, Volumes: []string{"./data/b.db:/data/b.db"}, Writable: true},
		},
	}
	compose, err := s.ComposeFile()
	if err != nil {
		t.Fatal(err)
	}
	nginx, err := s.NginxFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`image: "contend-run:0123"`, `image: "nginx:1.29"`, `"./nginx.conf:/etc/nginx/nginx.conf:ro"`, `ports: ["127.0.0.1:0:8080"]`,
		`subnet: "198.19.4.0/24"`, `ipv4_address: "198.19.4.2"`, `ipv4_address: "198.19.4.12"`, `- "app-2:198.19.4.12"`,
		`command: ["node", "--allow-remote", "--allow-host", "app-1", "--journal", "WAL", "--name", "a\"b"]`, `PORT: "4002"`, `DB_PATH: "/data/shared.db"`,
		`volumes: ["odd:/data"]`, "  odd: {}", "read_only: false", "healthcheck: {disable: true}",
	} {
		if !bytes.Contains(compose, []byte(want)) {
			t.Errorf("the compose file has no %s", want)
		}
	}
	for _, absent := range []string{"build:", "postgres", "./data/b.db: {}", "wget"} {
		if bytes.Contains(compose, []byte(absent)) {
			t.Errorf("the compose file has %s", absent)
		}
	}
	for _, want := range []string{
		"server app-2:4002 max_fails=1 fail_timeout=1s;", "location /app-2/ { proxy_buffering off; proxy_pass http://app-2/; }",
	} {
		if !bytes.Contains(nginx, []byte(want)) {
			t.Errorf("nginx.conf has no %s", want)
		}
	}
}

// Whatever compose makes has the labels.
func TestLabels(t *testing.T) {
	s := Stack{Nodes: Nodes(2), Labels: map[string]string{"contend.owner": "1.2"}}
	compose, err := s.ComposeFile()
	if err != nil {
		t.Fatal(err)
	}
	const labels = `labels: {"contend.owner":"1.2"}`
	for _, want := range []string{"x-node: &node\n  image: \"\"\n  " + labels, "nginx:\n    image: \"nginx:alpine\"\n    " + labels,
		"shared: {" + labels + "}", "default:\n    " + labels} {
		if !bytes.Contains(compose, []byte(want)) {
			t.Errorf("the compose file has no %s:\n%s", want, compose)
		}
	}
}

func TestNamedVolumesAreDeclaredOnce(t *testing.T) {
	s := Stack{Nodes: Nodes(4)}
	s.Nodes[1].Volumes = []string{"./here:/data", "even:/data"}
	s.Nodes[2].Volumes = []string{"/there:/data"}
	if got := strings.Join(s.NamedVolumes(), " "); got != "shared even" {
		t.Errorf("named volumes %q, want shared and even", got)
	}
}

func TestNodesAreCounted(t *testing.T) {
	for _, n := range []int{0, 201} {
		if _, err := (Stack{Nodes: Nodes(n)}).ComposeFile(); err == nil {
			t.Errorf("%d nodes are no error", n)
		}
	}
}
