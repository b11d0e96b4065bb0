package validate

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// checkVolumes wants every mount to have its volume, every volume its claim
// and its mount, and every path that a container is told to write to lie on a
// volume that it may write.
func checkVolumes(s stack) []Problem {
	var found []Problem
	for _, w := range s.workloads {
		p := problems{where: nameOf(w)}
		volumes := w.volumes(s)
		mounted := map[string]bool{}
		for _, c := range w.containers() {
			for _, m := range c.VolumeMounts {
				_, ok := volumes[m.Name]
				p.unless(ok, "container %s mounts %q, which is no volume", c.Name, m.Name)
				p.unless(m.SubPath == "", "container %s mounts a part of %q: SQLite's -wal and -shm would lie outside", c.Name, m.Name)
				mounted[m.Name] = true
			}
			for _, file := range written(c) {
				p.unless(writable(c, file), "container %s writes %s, which is on no volume that it may write", c.Name, file)
			}
		}
		for name := range volumes {
			p.unless(mounted[name], "volume %q is mounted nowhere", name)
		}
		for _, v := range w.pod.Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				p.unless(volumes[v.Name] != nil, "volume %q wants claim %q, which nobody makes", v.Name, v.PersistentVolumeClaim.ClaimName)
			}
		}
		found = append(found, p.found...)
	}
	return found
}

// written returns the paths that contend is told to write to.
func written(c corev1.Container) []string {
	paths := append(flagValues(c.Args, "--db"), flagValues(c.Args, "--dir")...)
	for _, variable := range c.Env {
		if variable.Name == "DB_PATH" {
			paths = append(paths, variable.Value)
		}
	}
	return paths
}

func writable(c corev1.Container, file string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return !m.ReadOnly && strings.HasPrefix(path.Clean(file)+"/", path.Clean(m.MountPath)+"/")
	})
}

// checkClaims wants every claim to ask for some storage in a way that exists,
// and somebody to use it.
func checkClaims(s stack) []Problem {
	var found []Problem
	used := map[string]bool{}
	for _, w := range s.workloads {
		for _, claim := range w.volumes(s) {
			if claim != nil {
				used[claim.Name] = true
			}
		}
		for i := range w.templates {
			found = append(found, checkClaim(nameOf(w)+", claim "+w.templates[i].Name, w.templates[i].Spec)...)
		}
	}
	for _, claim := range s.claims {
		p := problems{where: nameOf(claim)}
		p.unless(used[claim.Name], "nobody uses it")
		found = append(append(found, p.found...), checkClaim(p.where, claim.Spec)...)
	}
	return found
}

func checkClaim(where string, spec corev1.PersistentVolumeClaimSpec) []Problem {
	p := problems{where: where}
	p.unless(len(spec.AccessModes) == 1, "has %d access modes, want one", len(spec.AccessModes))
	for _, mode := range spec.AccessModes {
		p.unless(mode == corev1.ReadWriteOnce || mode == corev1.ReadWriteOncePod || mode == corev1.ReadWriteMany, "access mode %q does not exist or cannot be written", mode)
	}
	p.unless(spec.Resources.Requests.Storage().Sign() > 0, "asks for no storage")
	return p.found
}
