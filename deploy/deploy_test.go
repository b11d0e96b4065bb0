package deploy

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"
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
		Image: "contend-run:0123", Nginx: "nginx:1.29", NginxConf: "./other.conf", Listen: "127.0.0.1:0", Subnet: "198.19.4.",
		Nodes: []Node{
			{Name: "app-1", Port: 3001, DBPath: "/data/a.db", Args: []string{"--journal", "WAL", "--name", `a"b`}, Volumes: []string{"odd:/data"}},
			{Name: "app-2", Port: 4002, DBPath: "/data/b.db", Volumes: []string{"./data/b.db:/data/b.db"}, Writable: true, User: "1000:1000"},
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
		`image: "contend-run:0123"`, `image: "nginx:1.29"`, `"./other.conf:/etc/nginx/nginx.conf:ro"`, `ports: ["127.0.0.1:0:8080"]`,
		`subnet: "198.19.4.0/24"`, `ipv4_address: "198.19.4.2"`, `ipv4_address: "198.19.4.12"`, `- "app-2:198.19.4.12"`,
		`command: ["node", "--allow-remote", "--journal", "WAL", "--name", "a\"b"]`, `PORT: "4002"`, `DB_PATH: "/data/b.db"`,
		`volumes: ["odd:/data"]`, "  odd: {}", "read_only: false", `user: "1000:1000"`, "healthcheck: {disable: true}",
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

func TestNamedVolumesAreDeclaredOnce(t *testing.T) {
	s := Stack{}.WithNodes(4)
	s.Nodes[1].Volumes = []string{"./here:/data", "even:/data"}
	s.Nodes[2].Volumes = []string{"/there:/data"}
	if got := strings.Join(s.NamedVolumes(), " "); got != "shared even" {
		t.Errorf("named volumes %q, want shared and even", got)
	}
}

// A wrong field has to be an error here: in a file it could mean something else.
func TestCheckNamesTheCulprit(t *testing.T) {
	for culprit, spoil := range map[string]func(*Stack){
		"nodes":       func(s *Stack) { s.Nodes = nil },
		"subnet":      func(s *Stack) { s.Subnet = "198.18.7" },
		"listen":      func(s *Stack) { s.Listen = "8080" },
		"healthcheck": func(s *Stack) { s.Healthcheck = time.Second / 2 },
		"two of that": func(s *Stack) { s.Nodes[1].Name = "app-1" },
		"the name is": func(s *Stack) { s.Nodes[1].Name = "App 2" },
		"taken":       func(s *Stack) { s.Nodes[1].Name = "nodes" },
		"port":        func(s *Stack) { s.Nodes[1].Port = 0 },
		"database":    func(s *Stack) { s.Nodes[1].DBPath = "shared.db" },
		"volume":      func(s *Stack) { s.Nodes[1].Volumes = []string{"shared"} },
	} {
		s := Default()
		spoil(&s)
		for _, render := range []func() ([]byte, error){s.ComposeFile, s.NginxFile} {
			if _, err := render(); err == nil || !strings.Contains(err.Error(), culprit) {
				t.Errorf("%s: error is %v", culprit, err)
			}
		}
	}
}
