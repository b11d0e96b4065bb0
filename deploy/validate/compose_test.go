package validate

import (
	"os"
	"strings"
	"testing"
)

const composeFile = "../compose.yaml"

func TestCompose(t *testing.T) {
	content, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	none(t, CheckCompose(composeFile, content))
}

// sound is a Compose file with nothing wrong with it, for the controls to break.
const sound = `
services:
  app:
    image: contend
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: 256m
    cpus: 0.5
    ports: ["127.0.0.1:${PORT:-3000}:3000"]
    healthcheck: {test: ["CMD", "/contend", "healthcheck"]}
    volumes: ["shared:/data"]
  database:
    image: postgres
    profiles: [postgres]
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    deploy: {resources: {limits: {memory: 256M, cpus: "0.5"}}}
    healthcheck: {test: ["CMD", "pg_isready"]}
volumes:
  shared: {}
`

func TestSoundCompose(t *testing.T) { none(t, CheckCompose("compose.yaml", []byte(sound))) }

// The positive controls: each breaks one line, and the same check must say so.
func TestBrokenComposeIsRefused(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"a misspelt field", "read_only:", "readonly:", "readonly"},
		{"a field given twice", "image: contend", "image: contend\n    image: contended", "already defined"},
		{"a field of the wrong type", "cap_drop: [ALL]", "cap_drop: ALL", "cap_drop"},
		{"a version", "services:", "version: '3.8'\nservices:", "has a version"},
		{"a volume that nobody declares", "shared:/data", "share:/data", "share"},
		{"a variable without a default", "${PORT:-3000}", "${PORT}", `"PORT" variable is not set`},
		{"a boolean that YAML does not know", "read_only: true", `read_only: "yes"`, "boolean"},

		{"a port on all interfaces", "127.0.0.1:${PORT:-3000}:3000", "3000:3000", `host IP ""`},
		{"a port on all interfaces, by number", "127.0.0.1:${PORT:-3000}", "0.0.0.0:3000", `host IP "0.0.0.0"`},
		{"a root file system that can be written", "read_only: true", "read_only: false", "app: can write to its root file system"},
		{"the same, in a profile", "profiles: [postgres]\n    read_only: true", "profiles: [postgres]", "database: can write to its root file system"},
		{"capabilities kept", "cap_drop: [ALL]", "cap_drop: [NET_RAW]", "keeps capabilities"},
		{"privileges to gain", "no-new-privileges:true", "no-new-privileges:false", "can gain privileges"},
		{"all privileges", "image: contend", "image: contend\n    privileged: true", "is privileged"},
		{"the host's network", "image: contend", "image: contend\n    network_mode: host", "shares the host's network_mode"},
		{"no memory limit", "mem_limit: 256m", "", "app: has no memory limit"},
		{"no memory limit, the other way to say it", "memory: 256M, ", "", "database: has no memory limit"},
		{"no cpu limit", "cpus: 0.5", "", "has no cpu limit"},
		{"no healthcheck", `healthcheck: {test: ["CMD", "/contend", "healthcheck"]}`, "", "has no healthcheck"},
		{"the Docker socket", "shared:/data", "/var/run/docker.sock:/var/run/docker.sock", "has the Docker socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := strings.ReplaceAll(sound, c.from, c.to)
			if broken == sound {
				t.Fatalf("nothing to break: no %q", c.from)
			}
			some(t, CheckCompose("compose.yaml", []byte(broken)), c.want)
		})
	}
}
