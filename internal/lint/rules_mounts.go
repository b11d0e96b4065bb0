package lint

import (
	"fmt"
	"path"
	"strings"
)

// singleFileMount finds mounts of the file alone. If the container has the directory
// from the same place too, -wal and -journal lie there: a notice.
func singleFileMount(a *analysis) {
	for _, u := range a.uses {
		m := u.mount
		if m == nil || m.Target != u.file || u.dir || m.Volume.Kind != bind && m.Sub == "" || a.facts[u.c].role == stranger {
			continue
		}
		severity := Error
		advice := "the -wal, -shm and -journal beside it are not shared and are lost with the container: mount the directory"
		if dir := innermost(u.c, path.Dir(u.file), m); dir != nil && dir.at(u.file) == u.at {
			severity, advice = Notice, "superfluous beside the mount of its directory, which has the -wal and -journal too; without that one they would be lost"
		} else if m.ReadOnly && !a.writtenElsewhere(u) {
			severity, advice = Notice, "right only as long as nobody writes the file: a reader does not see the -wal of a writer"
		}
		a.find(severity, u.sure, m.Place, u.subject(), "the SQLite file is mounted alone: "+advice)
	}
}

// innermost returns the mount that has a path, but for one of them.
func innermost(c *Container, p string, but *Mount) (found *Mount) {
	for _, m := range c.Mounts {
		if m != but && within(p, m.Target) && (found == nil || len(m.Target) > len(found.Target)) {
			found = m
		}
	}
	return found
}

// writtenElsewhere reports whether another container reaches the file and may write it.
func (a *analysis) writtenElsewhere(u *use) bool {
	for _, v := range a.joint[u.at] {
		if v.c != u.c && !v.mount.ReadOnly {
			return true
		}
	}
	return false
}

// locksDisabled finds mount options and URLs that switch locks off.
func locksDisabled(a *analysis) {
	seen := map[string]bool{}
	for _, u := range a.uses {
		if u.mount != nil && u.mount.Volume.Unlocked != nil && !seen[u.mount.Volume.ID] {
			v, o := u.mount.Volume, u.mount.Volume.Unlocked
			seen[v.ID] = true
			severity, message := Error, fmt.Sprintf("%s keeps locks from the server: another host's writer is not excluded, and both corrupt %s", o.Name, u.file)
			if isNFS4.MatchString(o.Value) && strings.EqualFold(o.Name, "nolock") {
				severity, message = Warning, "nolock asks for no locks; NFS 4 ignores it, NFS 3 does not: leave it out"
			}
			a.find(severity, u.sure, o.Place, v.Name+" ("+o.Name+")", message)
		}
		if u.noLock == "" {
			continue
		}
		severity, message := Error, fmt.Sprintf("%s switches SQLite's locks off: two processes that write corrupt the file", u.noLock)
		if strings.HasPrefix(strings.ToLower(u.noLock), "immutable") {
			message = "immutable=1 reads without locks and past the -wal: right only for a file that nobody writes"
			if len(a.joint[u.at]) < 2 {
				severity = Warning
				if u.mount != nil && u.mount.ReadOnly {
					continue
				}
			}
		}
		a.find(severity, u.sure, u.Place, u.subject(), message)
	}
}

// networkFileSystem finds databases on file systems of other hosts. It is a warning
// only where one pod at a time is certain and NFS is all that can go wrong.
func networkFileSystem(a *analysis) {
	seen := map[string]bool{}
	for _, u := range a.uses {
		if u.mount == nil || seen[u.mount.Volume.ID+u.mount.Volume.Name] || u.c.Init {
			continue
		}
		v, w := u.mount.Volume, u.c.Workload
		is, at := v.Network, v.Place
		if v.Many != nil {
			at = *v.Many
			if is == nil {
				is = &network{Name: "ReadWriteMany, which is a network file system nearly always"}
			}
		}
		if is == nil {
			continue
		}
		seen[v.ID+v.Name] = true
		alone := w.Kind != "" && w.Replicas <= 1 && !w.PerHost && w.Overlap == nil && len(a.joint[u.at]) < 2
		severity, message := Error, fmt.Sprintf("%s is on %s", u.subject(), is.Name)
		switch {
		case is.Worse:
			message += ": its locks are not SQLite's, so writes are refused or lost"
		case alone && !u.wal:
			severity = Warning
			message += ": one pod at a time is right, but the pod of a lost node may still write"
		case u.wal:
			message += ", and WAL needs memory that hosts do not share: commits are lost"
		default:
			message += ": WAL does not work there, and other modes rest on its locks and caches"
		}
		subject := v.Name
		if v.Many != nil {
			subject += " (ReadWriteMany)"
		}
		how := u.sure
		if is.Guess {
			how = guess
		}
		a.find(severity, how, at, subject, message+"; use a local disk or a block device")
	}
}

// volatileStorage finds databases that go with their container.
func volatileStorage(a *analysis) {
	for _, u := range a.uses {
		w := u.c.Workload
		if u.spare || u.c.Init || w.Batch || w.PerHost || a.facts[u.c].role != application || a.replicated(w) {
			continue
		}
		what, severity := u.mount.volatile()
		if what == "" {
			continue
		}
		how, at := u.sure, u.Place
		if u.known {
			how = guess // an image's default, and nobody asked to keep it
		}
		if u.mount != nil {
			at = u.mount.Place
		}
		a.find(severity, how, at, u.subject(), fmt.Sprintf("the database is %s, and is lost with it: put it on a volume that stays", what))
	}
}

// replicated reports whether Litestream runs beside the containers of a pod: it
// restores the database at the start.
func (a *analysis) replicated(w *Workload) bool {
	for _, c := range w.Containers {
		if w.Kind != "" && a.facts[c].known != nil && a.facts[c].known.role == checkpointer {
			return true
		}
	}
	return false
}

// desktopBind finds binds of a developer's directory.
func desktopBind(a *analysis) {
	for _, u := range a.uses {
		a.desktop(u)
	}
	for _, uses := range a.joint {
		for _, u := range uses {
			if u.sure > guess {
				a.desktop(u)
			}
		}
	}
}

func (a *analysis) desktop(u *use) {
	m := u.mount
	if m != nil && m.Target == u.file && !u.dir {
		m = innermost(u.c, path.Dir(u.file), m) // the companions are there
	}
	if m != nil && m.Volume.Kind == bind && m.Desktop {
		a.find(Notice, sure, m.Place, where(u.c)+":"+m.Volume.Name, fmt.Sprintf("on Docker Desktop this bind crosses a virtual machine, and WAL on %s may break; on Linux it is fine. A named volume is right on both", u.file))
	}
}

// sandboxedFileSystem finds databases that a sandbox reaches from outside.
func sandboxedFileSystem(a *analysis) {
	seen := map[*Workload]bool{}
	for _, u := range a.uses {
		w := u.c.Workload
		if w.Sandbox == nil || seen[w] || u.mount == nil || u.mount.Volume.Kind == memory {
			continue
		}
		seen[w] = true
		a.find(Warning, u.sure, w.Sandbox.Place, fmt.Sprintf("%s (%s %s)", w.subject(), w.Sandbox.Name, w.Sandbox.Value),
			fmt.Sprintf("%s is reached over the sandbox's own file system: do not use WAL there, and let one container open the file", u.file))
	}
}
