package lint

import (
	"encoding/base64"
	"path"
	"strconv"
	"strings"
)

// An object is one of Kubernetes.
type object struct {
	node
	kind, space, name string
}

// named returns where the object's name stands, or else its begin.
func (o object) named() Place {
	if name := o.get("metadata", "name"); name.set() {
		return name.place()
	}
	return o.place()
}

func (o object) key() string { return o.kind + " " + o.space + "/" + o.name }

// appendObjects appends an object, or the items of a List.
func appendObjects(all []object, n node, depth int) []object {
	kind := n.get("kind").text()
	for _, key := range []string{"items", "objects"} { // a List; a Template of OpenShift
		if items := n.get(key); items.set() && (strings.HasSuffix(kind, "List") || kind == "Template") && depth < maxDepth {
			for _, item := range items.each() {
				all = appendObjects(all, item, depth+1)
			}
			return all
		}
	}
	return append(all, object{n, kind, n.get("metadata", "namespace").text(), n.get("metadata", "name").text()})
}

// A manifests is all objects, to be looked up.
type manifests struct {
	byKey   map[string][]object
	scaled  map[string]node // by the key of a workload: the most replicas that an autoscaler makes
	volumes map[string]*Volume
	claimed map[string]object // PersistentVolumes, by the claim that they are for
	classed map[string]object // by file and class, where they are for any claim
}

// cluster makes workloads of all objects that have a template of pods.
func cluster(objects []object) *System {
	k := &manifests{
		byKey: map[string][]object{}, scaled: map[string]node{}, volumes: map[string]*Volume{},
		claimed: map[string]object{}, classed: map[string]object{},
	}
	for _, o := range objects {
		k.byKey[o.key()] = append(k.byKey[o.key()], o)
		if ref := o.get("spec", "claimRef", "name"); o.kind == "PersistentVolume" && ref.set() {
			k.claimed[ref.text()] = o
		} else if o.kind == "PersistentVolume" {
			k.classed[o.d.file+" "+o.get("spec", "storageClassName").text()] = o
		}
		if target := o.get("spec", "scaleTargetRef"); target.set() {
			most := o.get("spec", "maxReplicas")
			if !most.set() {
				most = o.get("spec", "maxReplicaCount") // KEDA
			}
			kind := target.get("kind").text()
			if kind == "" {
				kind = "Deployment"
			}
			k.scaled[object{kind: kind, space: o.space, name: target.get("name").text()}.key()] = most
		}
	}
	sys := &System{}
	for _, o := range objects {
		sys.Workloads = append(sys.Workloads, k.workloads(o)...)
	}
	return sys
}

// lookup returns an object by its name, rather one of the same file.
func (k *manifests) lookup(kind, space, name, file string) (found object) {
	for _, o := range k.byKey[object{kind: kind, space: space, name: name}.key()] {
		if found = o; o.d.file == file {
			return o
		}
	}
	return found
}

// podOf returns what describes an object's pods; nothing if it makes none.
func podOf(o object) (pod, meta node) {
	spec := o.get("spec")
	switch {
	case o.kind == "Pod":
		return spec, o.get("metadata")
	case spec.get("jobTemplate").set():
		spec = spec.get("jobTemplate", "spec")
	}
	return spec.get("template", "spec"), spec.get("template", "metadata")
}

// workloads returns what an object runs; nothing if it makes no pods.
func (k *manifests) workloads(o object) []*Workload {
	pod, meta := podOf(o)
	if !pod.get("containers").set() {
		return nil
	}
	w := &Workload{
		Place: o.named(), Kind: o.kind, Name: o.name, Replicas: 1, Hosts: true,
		PerHost: o.kind == "DaemonSet", Batch: o.kind == "Job" || o.kind == "CronJob",
	}
	spec := o.get("spec")
	for _, n := range []node{spec.get("replicas"), k.scaled[o.key()]} {
		if count, err := strconv.Atoi(n.text()); err == nil && count > w.Replicas || n.text() == "0" {
			w.Replicas, w.ReplicasAt = count, n.place()
		}
	}
	w.Overlap = overlap(o)
	if class := pod.get("runtimeClassName"); sandboxes.MatchString(class.text()) {
		w.Sandbox = &Setting{"runtimeClassName", class.text(), class.place()}
	} else if class := pod.get("nodeSelector", "sandbox.gke.io/runtime"); class.set() {
		w.Sandbox = &Setting{"sandbox.gke.io/runtime", class.text(), class.place()}
	}
	volumes := k.podVolumes(o, pod, spec)
	add := func(c node, init bool) {
		one := k.container(o, c, volumes)
		one.Workload, one.Init = w, init && c.get("restartPolicy").text() != "Always"
		w.Containers = append(w.Containers, one)
	}
	for _, c := range pod.get("initContainers").each() {
		add(c, true)
	}
	for _, c := range pod.get("containers").each() {
		add(c, false)
	}
	all := []*Workload{w}
	if annotated := meta.get("annotations", "backup.velero.io/backup-volumes"); annotated.set() && !meta.get("annotations", "pre.hook.backup.velero.io/command").set() {
		all = append(all, velero(w, annotated, volumes))
	}
	return all
}

// velero returns a workload for the agent that copies volumes of the pod, file by file
// (https://velero.io/docs/main/file-system-backup/).
func velero(w *Workload, annotated node, volumes map[string]*Volume) *Workload {
	c := &Container{Place: annotated.place(), Name: "velero", Image: "velero/velero"}
	c.Workload = &Workload{Place: annotated.place(), Kind: "velero", Name: w.subject(), Containers: []*Container{c}, Replicas: 1}
	for _, name := range strings.Split(annotated.text(), ",") {
		if v := volumes[strings.TrimSpace(name)]; v != nil && len(c.Mounts) < maxMounts {
			c.Mounts = append(c.Mounts, &Mount{Place: annotated.place(), Volume: v, Target: "/" + strings.TrimSpace(name), ReadOnly: true})
		}
	}
	return c.Workload
}

// overlap returns what makes a new pod start before the old one has ended; nil if
// nothing does (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy).
func overlap(o object) *Setting {
	strategy := o.get("spec", "strategy")
	switch o.kind {
	case "Deployment", "DeploymentConfig":
		kind := strategy.get("type")
		if surge := strategy.get("rollingUpdate", "maxSurge").text(); kind.text() == "Recreate" || surge == "0" || surge == "0%" {
			return nil
		}
		if kind.set() {
			return &Setting{kind.text(), "", kind.place()}
		}
		at := o.named()
		if strategy.set() {
			at = strategy.place()
		}
		return &Setting{"strategy left out: RollingUpdate", "", at}
	case "Rollout":
		for _, kind := range []string{"canary", "blueGreen"} {
			if s := strategy.get(kind); s.y != nil {
				return &Setting{kind, "", s.place()}
			}
		}
	}
	return nil
}

// podVolumes returns the volumes of a pod by their names in it.
func (k *manifests) podVolumes(o object, pod, spec node) map[string]*Volume {
	volumes := map[string]*Volume{}
	id := func(name string) string { return o.d.file + " " + o.key() + " " + name }
	for _, v := range pod.get("volumes").each() {
		name := v.get("name").text()
		volumes[name] = k.podVolume(o, v, id(name))
	}
	for _, t := range spec.get("volumeClaimTemplates").each() {
		name := t.get("metadata", "name").text()
		v := k.claimVolume(o, t, t.place())
		v.Kind, v.Name, v.ID = perReplica, "volumeClaimTemplates/"+name, id(name)
		volumes[name] = v
	}
	return volumes
}

// podVolume returns a volume by what its source is.
func (k *manifests) podVolume(o object, v node, id string) *Volume {
	name := v.get("name").text()
	made := &Volume{Place: v.place(), Kind: scratch, Name: "volume " + name, ID: id}
	if c := v.get("persistentVolumeClaim", "claimName"); c.set() {
		return k.claim(o, c)
	}
	if p := v.get("hostPath", "path"); p.set() {
		source := p.text()
		return &Volume{Place: p.place(), Kind: bind, Name: source, ID: "host", Path: path.Clean("/" + source), Network: bindNetwork(source)}
	}
	for _, source := range v.pairs() {
		switch key := source.key.y.Value; key {
		case "name":
		case "emptyDir", "ephemeral":
			made.Kind = scratch
		case "configMap", "secret", "projected", "downwardAPI", "image", "gitRepo":
			made.Kind = plainFiles
		default:
			made.Kind, made.Place = claim, source.key.place()
			k.source(made, source)
			if made.Network != nil { // two pods that name one share mean one volume
				made.ID = "share " + source.value.get("server").text() + source.value.get("path").text() + source.value.get("shareName").text() + source.value.get("volumeAttributes", "share").text()
				if made.ID == "share " {
					made.ID = id
				}
			}
		}
	}
	return made
}

// source sets the network file system of a volume's source: nfs, azureFile, csi and
// others (https://kubernetes.io/docs/concepts/storage/volumes/).
func (k *manifests) source(v *Volume, source pair) {
	key := source.key.y.Value
	switch key {
	case "csi", "flexVolume":
		driver := source.value.get("driver")
		if v.Network = networkOf(driver.text()); v.Network != nil {
			v.Place = driver.place()
		}
		v.options(source.value.get("volumeAttributes", "mountOptions"))
		v.options(source.value.get("options", "mountOptions"))
	default:
		if v.Network = networkOf(strings.ToLower(key)); v.Network != nil {
			v.Place = source.key.place()
		}
	}
}

// options notes mount options that switch locks off.
func (v *Volume) options(n node) {
	for _, o := range n.each() {
		if m := unlocking.FindStringSubmatch(o.text()); m != nil {
			v.Unlocked = &Setting{m[1], o.text(), o.place()}
		}
	}
}

// claim returns the volume of a claim by its name.
func (k *manifests) claim(o object, name node) *Volume {
	found := k.lookup("PersistentVolumeClaim", o.space, name.text(), o.d.file)
	id := "PersistentVolumeClaim " + o.space + "/" + name.text()
	if v := k.volumes[id+" "+found.file()]; v != nil {
		return v
	}
	v := &Volume{Place: name.place()}
	if found.set() {
		v = k.claimVolume(o, found.node, found.named())
	}
	v.Kind, v.Name, v.ID = claim, "PersistentVolumeClaim/"+name.text(), id
	k.volumes[id+" "+found.file()] = v
	return v
}

func (o object) file() string {
	if o.d == nil {
		return ""
	}
	return o.d.file
}

// claimVolume returns a volume by a claim's modes, class and PersistentVolume.
func (k *manifests) claimVolume(o object, c node, at Place) *Volume {
	v := &Volume{Place: at}
	for _, mode := range c.get("spec", "accessModes").each() {
		switch mode.text() {
		case "ReadWriteMany":
			place := mode.place()
			v.Many = &place
		case "ReadWriteOncePod":
			v.OncePod, v.Once = true, true
		case "ReadWriteOnce":
			v.Once = true
		}
	}
	v.Once = v.Once && v.Many == nil
	class := c.get("spec", "storageClassName")
	if !class.set() {
		class = c.get("metadata", "annotations", "volume.beta.kubernetes.io/storage-class")
	}
	made := k.lookup("StorageClass", "", class.text(), o.d.file)
	if made.set() {
		provisioner := made.get("provisioner")
		if v.Network = networkOf(provisioner.text()); v.Network == nil {
			for _, p := range made.get("parameters").pairs() {
				if p.key.y.Value == "fsType" || p.key.y.Value == "csi.storage.k8s.io/fstype" {
					v.Network = networkOf(p.value.text())
				}
			}
		}
		v.options(made.get("mountOptions"))
	} else {
		v.Network = networkOf(class.text())
	}
	if v.Network != nil {
		v.Place = class.place()
	}
	if pv := k.persistent(c, o, class.text()); pv.set() {
		for _, source := range pv.get("spec").pairs() {
			switch key := source.key.y.Value; key {
			case "hostPath", "local":
				v.Many, v.Network = nil, bindNetwork(source.value.get("path").text())
			case "csi", "flexVolume", "nfs", "azureFile", "cephfs", "glusterfs", "quobyte":
				if k.source(v, source); v.Network != nil && v.Many != nil {
					v.Place = source.key.place()
				}
			}
		}
		v.options(pv.get("spec", "mountOptions"))
	}
	return v
}

// persistent returns the PersistentVolume of a claim: by its name, by the volume's
// reference to the claim, or by a class that both name and no provisioner serves.
func (k *manifests) persistent(c node, o object, class string) (found object) {
	if name := c.get("spec", "volumeName").text(); name != "" {
		return k.lookup("PersistentVolume", "", name, o.d.file)
	}
	if pv, known := k.claimed[c.get("metadata", "name").text()]; known {
		return pv
	}
	return k.classed[o.d.file+" "+class]
}

func (k *manifests) container(o object, n node, volumes map[string]*Volume) *Container {
	c := &Container{
		Place: n.place(), Name: n.get("name").text(), Image: n.get("image").text(), Workdir: n.get("workingDir").text(),
		Env: k.environment(o, n), Before: map[string]bool{},
	}
	if image := n.get("image"); image.set() {
		c.Place = image.place()
	}
	for _, m := range n.get("volumeMounts").each() {
		name := m.get("name").text()
		v := volumes[name]
		if len(c.Mounts) == maxMounts {
			break
		}
		if v == nil {
			v = &Volume{Place: m.place(), Kind: unknown, Name: "volume " + name, ID: o.d.file + " " + o.key() + " " + name}
		}
		sub := m.get("subPath").text()
		if sub != "" {
			sub = strings.TrimPrefix(path.Clean(sub), "/")
		}
		c.Mounts = append(c.Mounts, &Mount{
			Place: m.place(), Volume: v, Sub: sub, Target: path.Clean("/" + m.get("mountPath").text()),
			ReadOnly: m.get("readOnly").text() == "true", Desktop: v.Kind == bind && desktopPath(v.Path),
		})
	}
	var words []string
	at := n.get("command")
	if !at.set() {
		at = n.get("args")
	}
	for _, key := range []string{"command", "args"} {
		for _, word := range n.get(key).each() {
			words = append(words, word.text())
		}
	}
	if len(words) > 0 {
		script := expand(strings.Join(words, " "), c.Env)
		c.Scripts = append(c.Scripts, Setting{"command", script[:min(len(script), maxScript)], at.place()})
	}
	for _, hook := range []string{"postStart", "preStop"} {
		c.Scripts = appendScript(c.Scripts, n.get("lifecycle", hook, "exec", "command"))
	}
	k.mountedScripts(o, c, n, volumes)
	return c
}

// expand replaces $(NAME) as the kubelet does.
func expand(s string, env []Setting) string {
	if !strings.Contains(s, "$(") {
		return s
	}
	for _, e := range env[:min(len(env), maxMounts)] {
		if len(s) > maxScript {
			break
		}
		s = strings.ReplaceAll(s, "$("+e.Name+")", e.Value)
	}
	return s
}

// mountedScripts adds the text of a ConfigMap's file where a command names it.
func (k *manifests) mountedScripts(o object, c *Container, n node, volumes map[string]*Volume) {
	if len(c.Scripts) == 0 {
		return
	}
	command := c.Scripts[0].Value
	pod, _ := podOf(o)
	for _, m := range n.get("volumeMounts").each() {
		if v := volumes[m.get("name").text()]; v == nil || v.Kind != plainFiles || !strings.Contains(command, path.Clean("/"+m.get("mountPath").text())) {
			continue
		}
		for _, v := range pod.get("volumes").each() {
			if v.get("name").text() != m.get("name").text() {
				continue
			}
			config := k.lookup("ConfigMap", o.space, v.get("configMap", "name").text(), o.d.file)
			for _, file := range config.get("data").pairs() {
				if len(file.value.text()) <= maxScript && (strings.Contains(command, file.key.y.Value) || m.get("subPath").set()) {
					c.Scripts = append(c.Scripts, Setting{file.key.y.Value, file.value.text(), file.key.place()})
				}
			}
		}
	}
}

// environment returns a container's variables, those of ConfigMaps and Secrets too.
func (k *manifests) environment(o object, n node) (all []Setting) {
	for _, from := range n.get("envFrom").each() {
		for _, kind := range []string{"ConfigMap", "Secret"} {
			name := from.get(strings.ToLower(kind[:1])+kind[1:]+"Ref", "name").text()
			if name == "" {
				continue
			}
			source := k.lookup(kind, o.space, name, o.d.file)
			for _, key := range []string{"data", "stringData"} {
				for _, p := range source.get(key).pairs() {
					all = append(all, Setting{from.get("prefix").text() + p.key.y.Value, decoded(kind+key, p.value.text()), p.key.place()})
				}
			}
		}
	}
	for _, e := range n.get("env").each() {
		if len(all) > 5*maxMounts {
			break
		}
		s := Setting{e.get("name").text(), e.get("value").text(), e.place()}
		for _, kind := range []string{"ConfigMap", "Secret"} {
			if ref := e.get("valueFrom", strings.ToLower(kind[:1])+kind[1:]+"KeyRef"); ref.set() {
				source := k.lookup(kind, o.space, ref.get("name").text(), o.d.file)
				for _, key := range []string{"data", "stringData"} {
					if v := source.get(key, ref.get("key").text()); v.set() {
						s.Value, s.Place = decoded(kind+key, v.text()), v.place()
					}
				}
			}
		}
		s.Value = expand(s.Value, all)
		all = append(all, s)
	}
	return all
}

// decoded returns a value; those in a Secret's data are in base64.
func decoded(where, value string) string {
	if where == "Secretdata" {
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value)); err == nil {
			return string(raw)
		}
	}
	return value
}
