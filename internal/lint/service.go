package lint

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// workload makes a workload of a service.
func (p *project) workload(name string, layers []node) *Workload {
	at := layers[len(layers)-1]
	c := &Container{
		Place: at.place(), Name: name, Image: last(layers, "image").text(), Workdir: last(layers, "working_dir").text(), Before: map[string]bool{},
	}
	if image := last(layers, "image"); image.set() {
		c.Place = image.place()
	}
	if build := last(layers, "build"); build.set() {
		context, file, target := build.text(), build.get("dockerfile").text(), build.get("target").text()
		if context == "" {
			context = build.get("context").text()
		}
		c.Build = join(build.d.dir, context) + " " + file + " " + target
		c.Image = "" // it names what is built
	}
	c.Env = p.environment(layers)
	for _, key := range []string{"entrypoint", "command"} {
		c.Scripts = appendScript(c.Scripts, last(layers, key))
	}
	for _, key := range []string{"post_start", "pre_stop"} {
		for _, hook := range last(layers, key).each() {
			c.Scripts = appendScript(c.Scripts, hook.get("command"))
		}
	}
	for _, layer := range layers {
		p.mounts(c, layer)
		for _, l := range append(layer.get("labels").each(), layer.get("deploy", "labels").each()...) {
			c.Stopped = c.Stopped || stopLabel.MatchString(l.text())
			for _, label := range l.pairs() {
				c.Stopped = c.Stopped || stopLabel.MatchString(label.key.y.Value+"="+label.value.text())
			}
		}
	}
	w := &Workload{Place: at.place(), Name: name, Containers: []*Container{c}, Replicas: 1, Hosts: p.swarm}
	c.Workload = w
	for _, n := range []node{last(layers, "scale"), last(layers, "deploy", "replicas")} {
		if count, err := strconv.Atoi(n.text()); err == nil {
			w.Replicas, w.ReplicasAt = count, n.place()
		}
	}
	mode := last(layers, "deploy", "mode")
	w.PerHost = strings.HasPrefix(mode.text(), "global")
	w.Batch = strings.HasSuffix(mode.text(), "-job")
	if order := last(layers, "deploy", "update_config", "order"); order.text() == "start-first" {
		w.Overlap = &Setting{"start-first", "", order.place()}
	}
	if runtime := last(layers, "runtime"); sandboxes.MatchString(runtime.text()) {
		w.Sandbox = &Setting{"runtime", runtime.text(), runtime.place()}
	}
	for _, profile := range last(layers, "profiles").each() {
		w.Profiles = append(w.Profiles, profile.text())
	}
	return w
}

// stopLabel matches labels that make a backup stop the container, or copy by SQLite, first.
var stopLabel = regexp.MustCompile(`(?i)docker-volume-backup\.(?:stop-during-backup|archive-pre|exec-pre)|stop-container|nautical-backup\.`)

// sandboxes match runtimes whose containers reach the host's files over a protocol.
var sandboxes = regexp.MustCompile(`(?i)gvisor|runsc|kata|firecracker`)

// appendScript appends a command, a string or a list of words.
func appendScript(all []Setting, n node) []Setting {
	var words []string
	for _, word := range n.each() {
		words = append(words, word.text())
	}
	if len(words) == 0 {
		return all
	}
	script := strings.Join(words, " ")
	return append(all, Setting{"command", script[:min(len(script), maxScript)], n.place()})
}

// environment returns the variables of a service: those of its env files, then its own.
func (p *project) environment(layers []node) []Setting {
	var all []Setting
	at := map[string]int{}
	put := func(s Setting) {
		if i, known := at[s.Name]; known {
			all[i] = s
			return
		}
		at[s.Name] = len(all)
		all = append(all, s)
	}
	for _, layer := range layers {
		for _, e := range layer.get("env_file").each() {
			name, required := e, true
			if named := e.get("path"); named.set() {
				name, required = named, e.get("required").text() != "false"
			}
			file := join(layer.d.dir, name.text())
			text, err := p.read(file)
			if err != nil {
				if required {
					p.miss(name, file, err.Error())
				}
				continue
			}
			for _, s := range envFile(file, text) {
				s.Value = interpolate(s.Value, layer.d.vars, 0)
				put(s)
			}
		}
	}
	for _, layer := range layers {
		env := layer.get("environment")
		for _, e := range env.pairs() {
			put(Setting{e.key.y.Value, e.value.text(), e.key.place()})
		}
		if len(env.pairs()) > 0 {
			continue
		}
		for _, e := range env.each() {
			if name, value, found := strings.Cut(e.text(), "="); found {
				put(Setting{name, value, e.place()})
			} else if value, ok := layer.d.vars[name]; ok {
				put(Setting{name, value, e.place()})
			}
		}
	}
	return all
}

// maxMounts is how many mounts of one container are looked at.
const maxMounts = 1000

// mounts adds the mounts of a layer; a later one at the same target wins.
func (p *project) mounts(c *Container, layer node) {
	put := func(m *Mount) {
		if m == nil || m.Target == "" || len(c.Mounts) == maxMounts {
			return
		}
		m.Target = path.Clean("/" + strings.ReplaceAll(m.Target, `\`, "/"))
		if i := slices.IndexFunc(c.Mounts, func(o *Mount) bool { return o.Target == m.Target }); i >= 0 {
			c.Mounts[i] = m
			return
		}
		c.Mounts = append(c.Mounts, m)
	}
	list := layer.get("volumes")
	if list.y != nil && list.y.Tag == "!override" {
		c.Mounts = nil
	}
	for _, v := range list.each() {
		if v.text() != "" {
			put(p.short(c, v))
		} else {
			put(p.long(c, v))
		}
	}
	for _, t := range layer.get("tmpfs").each() {
		target, _, _ := strings.Cut(t.text(), ":")
		put(&Mount{Place: t.place(), Target: target, Volume: &Volume{Place: t.place(), Kind: memory, Name: "tmpfs", ID: "tmpfs " + c.Name + ":" + target}})
	}
	for _, key := range []string{"configs", "secrets"} {
		for _, file := range layer.get(key).each() {
			put(&Mount{Place: file.place(), Target: file.get("target").text(), ReadOnly: true, Volume: &Volume{Kind: plainFiles, ID: key}})
		}
	}
}

var drive = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// short reads "source:target:options", "source:target" or "target"
// (https://docs.docker.com/reference/compose-file/services/#short-syntax-5).
func (p *project) short(c *Container, v node) *Mount {
	spec, prefix := v.text(), ""
	if drive.MatchString(spec) && strings.Contains(spec[2:], ":/") { // else it is a volume with a short name
		prefix, spec = spec[:2], spec[2:]
	}
	parts := strings.Split(spec, ":")
	if len(parts) == 1 {
		return &Mount{Place: v.place(), Target: prefix + spec, Volume: &Volume{Place: v.place(), Kind: anonymous, Name: spec, ID: "anonymous " + c.Name + ":" + spec}}
	}
	m := &Mount{Place: v.place(), Target: parts[1], Volume: p.source(prefix+parts[0], v)}
	for _, option := range strings.Split(strings.Join(parts[2:], ","), ",") {
		switch option {
		case "ro", "readonly":
			m.ReadOnly = true
		case "delegated", "cached", "consistent":
			m.Desktop = true
		}
	}
	m.Desktop = m.Desktop || desktopPath(prefix+parts[0])
	return m
}

// long reads the mapping form of a mount.
func (p *project) long(c *Container, v node) *Mount {
	source := v.get("source")
	if !source.set() {
		source = v.get("src")
	}
	target := v.get("target")
	if !target.set() {
		target = v.get("destination")
	}
	at := v
	if source.set() {
		at = source
	}
	m := &Mount{Place: at.place(), Target: target.text(), Sub: path.Clean(v.get("volume", "subpath").text()), ReadOnly: v.get("read_only").text() == "true"}
	if m.Sub == "." {
		m.Sub = ""
	}
	switch kind := v.get("type").text(); {
	case kind == "tmpfs":
		m.Volume = &Volume{Place: v.place(), Kind: memory, Name: "tmpfs", ID: "tmpfs " + c.Name + ":" + m.Target}
	case source.text() == "":
		m.Volume = &Volume{Place: v.place(), Kind: anonymous, Name: m.Target, ID: "anonymous " + c.Name + ":" + m.Target}
	case kind == "bind":
		m.Volume = bound(source.text(), source)
		m.Desktop = desktopPath(source.text()) || v.get("consistency").set()
	case kind == "npipe" || kind == "image":
		return nil
	default:
		m.Volume = p.source(source.text(), source)
	}
	return m
}

// desktopPath reports whether a bind's source is the project itself, or lies where
// Docker Desktop keeps users' files: it is a developer's machine.
func desktopPath(source string) bool {
	switch source {
	case ".", "./", "$PWD", "${PWD}":
		return true
	}
	return drive.MatchString(source) || toolbox.MatchString(source) || strings.HasPrefix(source, "/Users/") || strings.HasPrefix(source, "/mnt/c/") || strings.HasPrefix(source, "/run/desktop/")
}

// source returns the volume that a mount's source names: a path or a name.
func (p *project) source(source string, at node) *Volume {
	if strings.ContainsAny(source[:min(1, len(source))], `./~\`) || drive.MatchString(source) || strings.HasPrefix(source, "$") || strings.Contains(source, "/") {
		return bound(source, at)
	}
	return p.named(source, at)
}

func bound(source string, at node) *Volume {
	v := &Volume{Place: at.place(), Kind: bind, Name: source, ID: "host", Network: bindNetwork(source)}
	source = strings.ReplaceAll(source, `\`, "/")
	if strings.HasPrefix(source, "~") || strings.HasPrefix(source, "$") || drive.MatchString(source) {
		v.Path = path.Clean(source)
	} else {
		v.Path = join(at.d.dir, source)
	}
	return v
}

// named returns a volume of the project by what the file says of it.
func (p *project) named(name string, at node) *Volume {
	v := &Volume{Place: at.place(), Kind: named, Name: "volumes." + name, ID: "volume " + name}
	layers := p.volumes[name]
	if len(layers) == 0 {
		return v
	}
	if real := last(layers, "name").text(); real != "" {
		v.ID = "volume " + real
	}
	v.Place = layers[len(layers)-1].place()
	options := last(layers, "driver_opts")
	if options.set() {
		v.Place = options.place()
	}
	kind, device, o := options.get("type"), options.get("device"), options.get("o")
	driver := last(layers, "driver")
	switch strings.ToLower(kind.text()) {
	case "tmpfs", "ramfs":
		v.Kind, v.Place = memory, kind.place()
	case "none", "bind", "":
		if device.set() && (strings.Contains(o.text(), "bind") || kind.text() != "") {
			b := bound(device.text(), device)
			v.Kind, v.ID, v.Path, v.Network = bind, b.ID, b.Path, b.Network
		}
	default:
		if v.Network = networkOf(kind.text()); v.Network != nil {
			v.Place = kind.place()
		}
	}
	if v.Network == nil && driver.text() != "local" {
		if v.Network = networkOf(driver.text()); v.Network != nil {
			v.Place = driver.place()
		}
	}
	for _, option := range options.pairs() {
		if m := unlocking.FindStringSubmatch(option.value.text()); m != nil {
			v.Unlocked = &Setting{m[1], option.value.text(), option.value.place()}
		}
	}
	return v
}
