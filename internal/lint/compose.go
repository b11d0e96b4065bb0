package lint

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A project is a Compose project while it is read. A service has a layer for each
// place that says something of it: what it extends, the file, its overrides; the
// last layer that has a key wins.
type project struct {
	read     func(name string) ([]byte, error)
	unread   []Unread
	loaded   map[string]*document // included files; nil: could not be read
	added    map[*document]bool   // each once, however often it is included
	services map[string][]node
	order    []string // of the services
	volumes  map[string][]node
	swarm    bool
}

func newProject(read func(string) ([]byte, error)) *project {
	return &project{read: read, loaded: map[string]*document{}, added: map[*document]bool{}, services: map[string][]node{}, volumes: map[string][]node{}}
}

// projects puts files together that are one project: a base with its overrides,
// which are named after it (compose.yaml, compose.prod.yaml) or have services of the
// base without image and build. compose.override.yaml belongs to every project of its
// base, as docker compose has it; with others the base is a project each.
func projects(files []*document) (all [][]*document) {
	bases := map[string]*document{} // by directory and stem
	for _, d := range files {
		if stem, ok := baseStem(d.file); ok {
			bases[stem] = d
		}
	}
	overrides := map[*document][]*document{}
	always := map[*document]*document{}
	var alone []*document
	for i, d := range files {
		switch base := overridden(d, files[:i], bases); {
		case base == nil:
			alone = append(alone, d)
		case strings.Contains(path.Base(d.file), ".override."):
			always[base] = d
		default:
			overrides[base] = append(overrides[base], d)
		}
	}
	for _, d := range alone {
		base := []*document{d}
		if o := always[d]; o != nil {
			base = append(base, o)
		}
		if len(overrides[d]) == 0 {
			all = append(all, base)
		}
		for _, o := range overrides[d] {
			all = append(all, append(slices.Clone(base), o))
		}
	}
	return all
}

var isBase = regexp.MustCompile(`^(?:docker-)?compose\.ya?ml$`)

// baseStem returns the directory and the stem of a base's name.
func baseStem(file string) (string, bool) {
	dir, name := path.Split(file)
	stem, _, _ := strings.Cut(name, ".")
	return dir + stem, isBase.MatchString(name)
}

// overridden returns the file that d overrides; nil if d stands for itself.
func overridden(d *document, before []*document, bases map[string]*document) *document {
	stem, isBase := baseStem(d.file)
	if isBase {
		return nil
	}
	if base := bases[stem]; base != nil {
		return base
	}
	for _, p := range d.root.get("services").pairs() {
		if p.value.get("image").set() || p.value.get("build").set() || p.value.get("extends").set() {
			continue
		}
		for _, base := range before {
			s := base.root.get("services", p.key.y.Value)
			if base.dir == d.dir && base.file != d.file && (s.get("image").set() || s.get("build").set()) {
				return base
			}
		}
	}
	return nil
}

// system returns the project that the files make, the first the base.
func (p *project) system(files []*document) *System {
	for _, d := range files {
		d.dir = files[0].dir // relative paths are those of the base
		d.vars = p.variables(d.dir, nil)
		p.add(d, 0)
	}
	return p.build()
}

// variables returns what the .env beside a project and other files set.
func (p *project) variables(dir string, files []string) map[string]string {
	vars := map[string]string{"PWD": "."} // relative paths begin at dir
	if len(files) == 0 {
		files = []string{path.Join(dir, ".env")}
	}
	for _, file := range files {
		text, err := p.read(file)
		if err != nil {
			continue
		}
		for _, s := range envFile(file, text) {
			vars[s.Name] = interpolate(s.Value, vars, 0)
		}
	}
	return vars
}

// add adds the services and volumes of a file, after those of the files it includes.
func (p *project) add(d *document, depth int) {
	if p.added[d] {
		return
	}
	p.added[d] = true
	for _, include := range d.root.get("include").each() {
		files, dir := include.get("path"), include.get("project_directory").text()
		if !files.set() {
			files = include
		}
		for _, file := range files.each() {
			if from := p.load(file, d); from != nil && depth < maxDepth {
				if dir != "" {
					from.dir = join(d.dir, dir)
				}
				var env []string
				for _, e := range include.get("env_file").each() {
					env = append(env, join(d.dir, e.text()))
				}
				from.vars = p.variables(from.dir, env)
				maps.Copy(from.vars, d.vars)
				p.add(from, depth+1)
			}
		}
	}
	for _, s := range d.root.get("services").pairs() {
		name := s.key.y.Value
		if _, known := p.services[name]; !known {
			p.order = append(p.order, name)
		}
		p.services[name] = append(p.services[name], p.extended(s.value, depth)...)
	}
	for _, v := range d.root.get("volumes").pairs() {
		p.volumes[v.key.y.Value] = append(p.volumes[v.key.y.Value], pairNode(v))
	}
}

// pairNode returns the value of a pair, or its key where the value is null.
func pairNode(p pair) node {
	if p.value.set() {
		return p.value
	}
	return p.key
}

// extended returns the layers of a service: what it extends, and itself.
func (p *project) extended(s node, depth int) []node {
	extends := s.get("extends")
	if !extends.set() || depth > maxDepth {
		return []node{s}
	}
	name, root := extends.text(), s.d.root
	if name == "" {
		name = extends.get("service").text()
	}
	if file := extends.get("file"); file.set() {
		from := p.load(file, s.d)
		if from == nil {
			return []node{s}
		}
		root = from.root
	}
	if base := root.get("services", name); base.set() {
		return append(p.extended(base, depth+1), s)
	}
	return []node{s}
}

// join returns a path that is relative to dir.
func join(dir, p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Join(dir, p)
}

// remote matches what Compose fetches from elsewhere.
var remote = regexp.MustCompile(`^(?:\w+://|git@|oci:)|\.git(?:#|$)`)

// load reads a file that another names.
func (p *project) load(name node, from *document) *document {
	file := name.text()
	if file == "" {
		return nil
	}
	if remote.MatchString(file) {
		p.miss(name, file, "it is not on this machine")
		return nil
	}
	file = join(from.dir, file)
	if d, known := p.loaded[file]; known {
		return d
	}
	p.loaded[file] = nil // also for a file that includes itself
	if len(p.loaded) > maxIncluded {
		p.miss(name, file, fmt.Sprintf("more than %d files are included", maxIncluded))
		return nil
	}
	text, err := p.read(file)
	if err != nil {
		p.miss(name, file, err.Error())
		return nil
	}
	docs, unread := parse(file, text)
	p.unread = append(p.unread, unread...)
	if len(docs) == 0 {
		return nil
	}
	d := docs[0]
	d.vars = from.vars
	p.loaded[file] = d
	return d
}

// miss notes that a file that another includes was not read.
func (p *project) miss(at node, file, why string) {
	p.unread = append(p.unread, Unread{at.place(), fmt.Sprintf("%s is not read: %s", file, why), true})
}

// build makes workloads of the services.
func (p *project) build() *System {
	sys := &System{}
	byName := map[string]*Container{}
	for _, name := range p.order {
		for _, key := range []string{"update_config", "rollback_config", "placement", "mode", "endpoint_mode"} {
			p.swarm = p.swarm || last(p.services[name], "deploy", key).set()
		}
	}
	for _, name := range p.order {
		w := p.workload(name, p.services[name])
		sys.Workloads = append(sys.Workloads, w)
		byName[name] = w.Containers[0]
	}
	for _, name := range p.order {
		layers, c := p.services[name], byName[name]
		for _, from := range last(layers, "volumes_from").each() {
			parts := strings.Split(from.text(), ":")
			if other := byName[parts[0]]; other != nil && other != c {
				for _, m := range other.Mounts {
					mount := *m
					mount.Place, mount.ReadOnly = from.place(), m.ReadOnly || parts[len(parts)-1] == "ro"
					c.Mounts = append(c.Mounts, &mount)
				}
			}
		}
		for _, layer := range layers {
			for _, on := range layer.get("depends_on").pairs() {
				if other := byName[on.key.y.Value]; other != nil && on.value.get("condition").text() == "service_completed_successfully" {
					other.Before[name] = true
				}
			}
		}
	}
	return sys
}

// last returns the value of a key in the last layer that has it.
func last(layers []node, keys ...string) node {
	for _, layer := range slices.Backward(layers) {
		if found := layer.get(keys...); found.y != nil {
			return found
		}
	}
	return node{}
}
