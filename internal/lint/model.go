package lint

import (
	"path"
	"strings"
)

// A Place is a line of a file; lines count from 1.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// A Setting is a name with its value: an environment variable, a command, an option.
type Setting struct {
	Name, Value string
	Place
}

// A System is what runs together: the services of one Compose project, or all
// Kubernetes objects that were given.
type System struct {
	Workloads []*Workload
}

// A Workload is a service, or an object of Kubernetes that makes pods.
type Workload struct {
	Place
	Kind, Name string // the Kind of a service is ""
	Containers []*Container
	Replicas   int // the most that the files ask for at once, without an update
	ReplicasAt Place
	Hosts      bool     // its replicas may run on several hosts: Kubernetes, swarm
	PerHost    bool     // one on each host: a DaemonSet, mode global
	Batch      bool     // it ends by itself: Job, CronJob
	Overlap    *Setting // makes the new one start before the old one has ended
	Sandbox    *Setting // a runtime whose file system is not the host's
	Profiles   []string // of Compose; none: it always runs
}

func (w *Workload) subject() string {
	if w.Kind == "" {
		return w.Name
	}
	return w.Kind + "/" + w.Name
}

// A Container is a container of a workload; a service has one, without a name.
type Container struct {
	Place
	Workload *Workload
	Name     string
	Image    string
	Build    string // what it is built from; "" for an image
	Workdir  string
	Env      []Setting
	Scripts  []Setting // commands that it runs
	Mounts   []*Mount
	Init     bool            // it has ended before the others of its pod begin
	Before   map[string]bool // services that wait until it has ended
	Stopped  bool            // a backup stops it while it copies
}

// same reports whether two containers run the same program.
func (c *Container) same(d *Container) bool {
	return c.Build == d.Build && c.Image == d.Image && c.Build+c.Image != ""
}

// together reports whether the two can run at the same time.
func together(c, d *Container) bool {
	if c == d || c.Init || d.Init || c.Before[d.Workload.Name] || d.Before[c.Workload.Name] {
		return false
	}
	a, b := c.Workload, d.Workload
	if a != b && a.subject() == b.subject() { // variants of one object in several files
		return false
	}
	if len(a.Profiles) == 0 || len(b.Profiles) == 0 {
		return true
	}
	for _, p := range a.Profiles {
		for _, q := range b.Profiles {
			if p == q {
				return true
			}
		}
	}
	return false
}

// A Mount is a volume at a path of a container.
type Mount struct {
	Place
	Volume   *Volume
	Sub      string // path within the volume
	Target   string // clean and absolute
	ReadOnly bool
	Desktop  bool // it is written as for Docker Desktop
}

// The kinds of volumes.
type volumeKind int

const (
	named      volumeKind = iota // a named volume of Docker
	bind                         // a path of the host
	anonymous                    // a volume that goes with its container
	memory                       // tmpfs
	scratch                      // emptyDir, an ephemeral volume: goes with its pod
	claim                        // a PersistentVolumeClaim
	perReplica                   // of a volumeClaimTemplate
	plainFiles                   // ConfigMap, Secret and other files that are no database
	unknown                      // named, and made where no file shows it, as in a patch
)

// A Volume is what may be mounted.
type Volume struct {
	Place
	Kind     volumeKind
	Name     string // as findings show it: volumes.data, PersistentVolumeClaim/data, ./data
	ID       string // volumes with one ID are one
	Path     string // of a bind, on the host
	Network  *network
	Unlocked *Setting // an option that switches locks off
	Many     *Place   // where ReadWriteMany stands
	Once     bool     // known to be ReadWriteOnce or ReadWriteOncePod
	OncePod  bool
}

// A location is a path on a volume, the same for all who mount it.
type location struct{ volume, path string }

// at returns the location of a path below the mount's target.
func (m *Mount) at(file string) location {
	rest := strings.TrimPrefix(strings.TrimPrefix(file, m.Target), "/")
	return location{m.Volume.ID, path.Join(m.Volume.Path, m.Sub, rest)}
}

// covers reports whether l is in the file or directory k.
func (k location) covers(l location) bool { return k.volume == l.volume && within(l.path, k.path) }

// within reports whether the path is dir or below it. Both are clean.
func within(p, dir string) bool {
	switch dir {
	case "", ".":
		return !strings.HasPrefix(p, "/") && p != ".." && !strings.HasPrefix(p, "../")
	case "/":
		return strings.HasPrefix(p, "/")
	}
	return p == dir || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}
