package validate

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// CheckCompose loads a Compose file as `docker compose` does, with every
// profile and with none of its variables set, and returns its problems. Content
// is that of the file called path. It is not safe for concurrent use.
func CheckCompose(path string, content []byte) []Problem {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return []Problem{{path, err.Error()}}
	}
	var found []Problem
	stop := listen(func(warning string) { found = append(found, Problem{path, warning}) })
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: content}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName("contend", true)
		o.Profiles = []string{"*"}
	})
	stop()
	if err != nil {
		return []Problem{{path, err.Error()}}
	}
	// The library warns of a version too, but once in a process.
	var top struct{ Version any }
	place{path, &found}.unless(yaml.Unmarshal(content, &top) == nil && top.Version == nil, "has a version, which is obsolete")
	for _, name := range project.ServiceNames() {
		checkService(place{name, &found}, project.Services[name])
	}
	return found
}

// warned is a hook that gets what the Compose library logs: a variable that has
// no value, a boolean spelt yes or no. The library returns warnings in no other way.
type warned func(string)

func (w warned) Levels() []logrus.Level         { return logrus.AllLevels[:logrus.InfoLevel] }
func (w warned) Fire(entry *logrus.Entry) error { w(entry.Message); return nil }

// listen gives the library's warnings to w until stop is called.
func listen(w warned) (stop func()) {
	log := logrus.StandardLogger()
	out, hooks := log.Out, log.ReplaceHooks(logrus.LevelHooks{})
	log.SetOutput(io.Discard)
	log.AddHook(w)
	return func() {
		log.ReplaceHooks(hooks)
		log.SetOutput(out)
	}
}

// checkService requires a service to have no right that it does not use, limits,
// and no port that another machine can reach.
func checkService(p place, s types.ServiceConfig) {
	p.unless(s.ReadOnly, "can write to its root file system: no read_only")
	p.unless(slices.Contains(s.CapDrop, "ALL"), "keeps capabilities: cap_drop is not [ALL]")
	p.unless(slices.ContainsFunc(s.SecurityOpt, func(option string) bool {
		// Docker takes a colon and an equals sign, and no value for true.
		return slices.Contains([]string{"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}, option)
	}), "can gain privileges: no no-new-privileges")
	p.unless(!s.Privileged, "is privileged")
	for what, value := range map[string]string{"network_mode": s.NetworkMode, "pid": s.Pid, "ipc": s.Ipc, "userns_mode": s.UserNSMode} {
		p.unless(value != "host", "shares the host's %s", what)
	}
	// A file states limits in one of two ways: mem_limit and cpus, or deploy.resources.
	memory, cpus := int64(s.MemLimit), float64(s.CPUS)
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		memory = max(memory, int64(s.Deploy.Resources.Limits.MemoryBytes))
		cpus = max(cpus, float64(s.Deploy.Resources.Limits.NanoCPUs))
	}
	p.unless(memory > 0, "has no memory limit")
	p.unless(cpus > 0, "has no cpu limit")
	p.unless(s.HealthCheck != nil && !s.HealthCheck.Disable, "has no healthcheck")
	for _, port := range s.Ports {
		ip := net.ParseIP(port.HostIP)
		p.unless(ip != nil && ip.IsLoopback(), "publishes port %s where other machines can reach it: host IP %q", port.Published, port.HostIP)
	}
	for _, v := range s.Volumes {
		p.unless(!strings.HasSuffix(v.Source, "docker.sock"), "has the Docker socket, and with it the host")
	}
}
