package validate

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// CheckCompose loads a Compose file as `docker compose` does, with every
// profile and none of the variables that it may name set, and returns what is
// wrong with it. Content is that of the file called path.
func CheckCompose(path string, content []byte) []Problem {
	project, warnings, err := loadCompose(path, content)
	if err != nil {
		return []Problem{{path, err.Error()}}
	}
	p := problems{where: path}
	for _, warning := range warnings {
		p.add("%s", warning)
	}
	// The library warns of it too, but once in a process.
	var top struct{ Version any }
	p.unless(yaml.Unmarshal(content, &top) == nil && top.Version == nil, "has a version, which is obsolete")
	found := p.found
	for _, name := range project.ServiceNames() {
		found = append(found, checkService(name, project.Services[name])...)
	}
	return found
}

// loadCompose returns the project, and what the library only warns of: a
// variable that has no value, a boolean spelt yes or no.
func loadCompose(path string, content []byte) (*types.Project, []string, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	details := types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: content}},
		Environment: types.Mapping{},
	}
	heard, stop := listen()
	project, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SetProjectName("contend", true)
		o.Profiles = []string{"*"}
	})
	stop()
	return project, heard.said, err
}

// warnings keeps what the Compose library logs. It knows no other way to hand
// a warning over.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) Levels() []logrus.Level { return logrus.AllLevels[:logrus.InfoLevel] }

func (w *warnings) Fire(entry *logrus.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, entry.Message)
	return nil
}

// listen takes the library's warnings until stop is called.
func listen() (w *warnings, stop func()) {
	w = &warnings{}
	log := logrus.StandardLogger()
	out, hooks := log.Out, log.ReplaceHooks(logrus.LevelHooks{})
	log.SetOutput(io.Discard)
	log.AddHook(w)
	return w, func() {
		log.ReplaceHooks(hooks)
		log.SetOutput(out)
	}
}

// checkService wants a service to have no right that it does not use, limits,
// and no port that another machine could reach.
func checkService(name string, s types.ServiceConfig) []Problem {
	p := problems{where: name}
	p.unless(s.ReadOnly, "can write to its root file system: no read_only")
	p.unless(slices.Contains(s.CapDrop, "ALL"), "keeps capabilities: cap_drop is not [ALL]")
	p.unless(slices.ContainsFunc(s.SecurityOpt, noNewPrivileges), "can gain privileges: no no-new-privileges")
	p.unless(!s.Privileged, "is privileged")
	for _, shared := range []struct{ what, value string }{
		{"network_mode", s.NetworkMode}, {"pid", s.Pid}, {"ipc", s.Ipc}, {"userns_mode", s.UserNSMode},
	} {
		p.unless(shared.value != "host", "shares the host's %s", shared.what)
	}
	memory, cpus := limits(s)
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
	return p.found
}

// noNewPrivileges reports whether a security_opt is that one; Docker takes a
// colon and an equals sign, and no value for true.
func noNewPrivileges(option string) bool {
	return slices.Contains([]string{"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}, option)
}

// limits returns what a service may use of memory, in bytes, and of CPUs,
// whichever of the two ways of saying so it takes.
func limits(s types.ServiceConfig) (memory int64, cpus float64) {
	memory, cpus = int64(s.MemLimit), float64(s.CPUS)
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		memory = max(memory, int64(s.Deploy.Resources.Limits.MemoryBytes))
		cpus = max(cpus, float64(s.Deploy.Resources.Limits.NanoCPUs))
	}
	return memory, cpus
}
