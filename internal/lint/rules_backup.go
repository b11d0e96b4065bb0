package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// copyOfLiveFile finds commands and programs that copy a database which another
// container may write meanwhile.
func copyOfLiveFile(a *analysis) {
	for _, c := range a.all {
		if c.Init {
			continue
		}
		found := false
		for _, s := range c.Scripts {
			bySQLite := backupWords.MatchString(s.Value)
			for _, source := range sourcesOf(s.Value) {
				if found {
					break
				}
				if how, file := a.live(c, source, s.Value, bySQLite); how > 0 {
					found = true
					a.find(Error, how, s.Place, where(c), fmt.Sprintf("the command copies %s while it may be written, without a lock and apart from its -wal: use sqlite3 FILE \".backup COPY\" or VACUUM INTO", file))
				}
			}
		}
		if f := a.facts[c]; !found && f.known != nil && f.known.role == copier {
			a.copiedMounts(c)
		}
	}
}

// copiedMounts finds live databases among what a backup program has mounted.
func (a *analysis) copiedMounts(c *Container) {
	for _, m := range c.Mounts {
		target := strings.ToLower(m.Target)
		if !m.ReadOnly && (strings.Contains(target, "repo") || strings.Contains(target, "cache") || strings.Contains(target, "config") || strings.Contains(target, "archive")) {
			continue
		}
		root := m.at(m.Target)
		for _, u := range a.volumes[root.volume] {
			if u.c != c && (root.covers(u.at) || u.at.covers(root)) && !u.c.Stopped && !u.spare && !u.c.Init {
				a.find(Error, u.sure, m.Place, where(c), fmt.Sprintf("it copies %s of %s file by file while it may be written: stop that container meanwhile, or copy what sqlite3 \".backup\" has made", nameOr(u.file, "the database"), where(u.c)))
				return
			}
		}
	}
}

// live says how sure it is that a source of a copy is a database which somebody may
// write, and names it.
func (a *analysis) live(c *Container, source, script string, bySQLite bool) (sureness, string) {
	pattern := strings.ContainsAny(source, "*?[")
	dir := source
	for pattern && strings.ContainsAny(dir, "*?[") {
		dir = path.Dir(dir)
	}
	if !strings.HasPrefix(dir, "/") {
		dir = path.Join("/", c.Workdir, dir)
	}
	dir = path.Clean(dir)
	m := innermost(c, dir, nil)
	if m == nil || m.Volume.Kind == plainFiles {
		return 0, ""
	}
	at := m.at(dir)
	base := path.Base(source)
	kind := fileKind(strings.TrimRight(strings.TrimPrefix(base, "*"), "*"))
	if strings.HasPrefix(base, "*.") {
		kind = fileKind("x" + strings.TrimRight(base[1:], "*"))
	}
	for _, u := range a.volumes[at.volume] {
		if u.c == c || u.spare || u.c.Stopped || !together(u.c, c) {
			continue
		}
		if at.covers(u.at) && (!bySQLite || at == u.at) && (!pattern || base == "*" || kind > 0 || strings.HasPrefix(path.Base(u.file), strings.TrimRight(base, "*"))) || u.dir && u.at.covers(at) && kind > 0 && !bySQLite {
			return u.sure, nameOr(u.file, source)
		}
	}
	if kind == 0 || bySQLite || m.Volume.Kind == scratch || m.Volume.Kind == memory || a.seeds(c, script) {
		return 0, ""
	}
	return kind, source
}

// seeds reports whether a script copies into a place where a container has its
// database: that is a restore, or a first filling.
func (a *analysis) seeds(c *Container, script string) bool {
	for _, command := range commandsOf(script) {
		target := command[len(command)-1]
		if !copies[command[0]] || !strings.HasPrefix(target, "/") {
			continue
		}
		m := innermost(c, path.Clean(target), nil)
		if m == nil {
			continue
		}
		to := m.at(path.Clean(target))
		if slices.ContainsFunc(a.volumes[to.volume], func(u *use) bool { return to.covers(u.at) }) {
			return true
		}
	}
	return false
}

// checkpointerBeside finds programs that checkpoint a WAL beside the application.
func checkpointerBeside(a *analysis) {
	for _, c := range a.all {
		f := a.facts[c]
		script := false
		at := c.Place
		for _, s := range c.Scripts {
			if checkpointWords.MatchString(s.Value) {
				script, at = true, s.Place
			}
		}
		if f.role != checkpointer && !(script && f.role != application) {
			continue
		}
		for _, u := range a.besides(c) {
			if script {
				a.find(Warning, u.sure, at, where(c), fmt.Sprintf("it checkpoints %s of %s: while it waits for readers it keeps writers out; let the application checkpoint, or set busy_timeout there", u.file, where(u.c)))
			} else if !a.facts[u.c].timeout {
				a.find(Notice, u.sure, at, where(c), fmt.Sprintf("it checkpoints %s of %s, which needs a busy_timeout of some seconds: no setting shows one", u.file, where(u.c)))
			}
			break
		}
	}
}

// besides returns what applications open on the mounts of a container.
func (a *analysis) besides(c *Container) (all []*use) {
	for _, m := range c.Mounts {
		root := m.at(m.Target)
		for _, u := range a.volumes[root.volume] {
			if u.c != c && a.facts[u.c].role == application && root.covers(u.at) {
				all = append(all, u)
			}
		}
	}
	return all
}
