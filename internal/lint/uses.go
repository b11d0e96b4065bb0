package lint

import (
	"path"
	"slices"
	"strings"
)

// sureness is how certain it is that something is a SQLite file.
type sureness int

const (
	guess  sureness = iota + 1 // the answer may depend on what the files do not show
	likely                     // a file named .db
	sure
)

// A mention is a place where a container's settings speak of a SQLite file.
type mention struct {
	Place
	path   string // as it is written; "" if only SQLite is named
	loose  bool   // it may be relative although it begins with a slash
	dir    bool   // a directory: the file's name is not known
	sure   sureness
	noLock string // an option of the URL that switches locks off
	spare  bool   // its loss is no harm
}

// A use is a database that a container opens.
type use struct {
	Place
	c      *Container
	file   string // path in the container; a directory if dir
	dir    bool
	mount  *Mount   // nil: in the container's own layer
	at     location // on the mount
	sure   sureness
	noLock string
	spare  bool
	wal    bool
	known  bool // only what is known of the image tells
}

// facts are what a container's settings say of its databases.
type facts struct {
	mentions []mention
	named    *Place // where SQLite is named without a file
	other    bool   // another engine is named
	memory   bool   // a database in memory is named
	wal      bool
	timeout  bool // a busy_timeout is named
	role     role
	known    *image
}

func readFacts(c *Container) facts {
	f := facts{known: imageOf(c.Image)}
	if f.known != nil {
		f.role, f.wal = f.known.role, f.known.wal
	}
	for _, s := range c.Env {
		f.readSetting(s)
	}
	for _, s := range c.Scripts {
		f.readScript(s)
	}
	if scripted, ok := scriptRole(c.Scripts); ok {
		f.role = scripted
	}
	for _, m := range c.Mounts {
		f.readMount(m)
	}
	if _, tag, _ := strings.Cut(path.Base(c.Image), ":"); strings.Contains(tag, "sqlite") {
		f.named = &c.Place
	}
	if f.other {
		f.mentions = slices.DeleteFunc(f.mentions, func(m mention) bool { return m.sure < sure })
	}
	return f
}

// readSetting reads an environment variable.
func (f *facts) readSetting(s Setting) {
	value := strings.TrimSpace(s.Value)
	if value == "" || len(value) > 4096 || strings.Contains(strings.ToLower(s.Name), "backup") {
		return
	}
	f.words(s.Name + "=" + value)
	spare := throwaway(s.Name)
	n := len(f.mentions)
	file, query, _ := strings.Cut(value, "?")
	switch kind := fileKind(file); {
	case f.urls(value, s.Place, spare):
	case kind == sure && !strings.ContainsAny(file, " \t;"),
		kind == likely && !strings.ContainsAny(file, " \t;:") && pathName.MatchString(s.Name) && !otherFormats.MatchString(s.Name) &&
			(strings.Contains(file, "/") || !hostName.MatchString(s.Name)):
		f.mention(s.Place, file, kind)
		f.mentions[n].noLock = noLockWord.FindString(query)
	case typeSQLite.MatchString(value) && databaseName.MatchString(s.Name):
		f.named = &s.Place
	case strings.Contains(strings.ToLower(s.Name), "sqlite"):
		switch {
		case strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./"):
			f.mentions = append(f.mentions, mention{Place: s.Place, path: value, dir: path.Ext(value) == "", sure: likely})
		case strings.EqualFold(value, "true") || value == "1":
			f.named = &s.Place
		}
	case urlOther.MatchString(value), typeOther.MatchString(value) && databaseName.MatchString(s.Name), nameOther.MatchString(s.Name):
		f.other = true
	}
	for i := range f.mentions[n:] {
		f.mentions[n+i].spare = f.mentions[n+i].spare || spare
	}
}

// words looks for settings of SQLite in any text.
func (f *facts) words(text string) {
	f.wal = f.wal || walWord.MatchString(text)
	f.timeout = f.timeout || timeoutWord.MatchString(text)
}

// mention adds a path that a text names.
func (f *facts) mention(at Place, p string, kind sureness) {
	for _, tail := range companions {
		p = strings.TrimSuffix(p, tail)
	}
	f.mentions = append(f.mentions, mention{Place: at, path: p, sure: kind, spare: throwaway(path.Base(p))})
}

// urls adds the databases that URLs and connection strings in a text name, and
// reports whether there is one.
func (f *facts) urls(text string, at Place, spare bool) bool {
	found := false
	for _, m := range dsn.FindAllStringSubmatch(text, 16) {
		scheme, slashes, p, query := strings.ToLower(m[1]), len(m[2]), m[3], m[4]
		p = strings.TrimSuffix(p, ",")
		lock := noLockWord.FindString(query)
		if scheme == "file" && fileKind(p) == 0 && lock == "" && !strings.Contains(query, "mode=") && !strings.Contains(query, "cache=") {
			continue
		}
		found = true
		if memoryWord.MatchString(m[0]) || p == "" || strings.HasPrefix(p, "memory") {
			f.memory = true
			continue
		}
		// One slash or four begin an absolute path. After three, SQLAlchemy means a
		// relative one and others an absolute one.
		if slashes == 1 || slashes >= 3 {
			p = "/" + p
		}
		f.mention(at, p, sure)
		last := &f.mentions[len(f.mentions)-1]
		last.loose, last.noLock, last.spare = slashes == 3, lock, last.spare || spare
	}
	for _, m := range keyword.FindAllStringSubmatch(text, 16) {
		if p := strings.TrimSpace(m[1]); memoryWord.MatchString(p) {
			f.memory, found = true, true
		} else if kind := fileKind(p); kind > 0 {
			f.mention(at, p, sure)
			found = true
		}
	}
	if !found && memoryWord.MatchString(text) {
		f.memory, found = true, true
	}
	return found
}

// readScript reads a command.
func (f *facts) readScript(s Setting) {
	f.words(s.Value)
	for _, command := range commandsOf(s.Value) {
		if len(command) == 0 || command[0] == "echo" || copies[command[0]] {
			continue
		}
		line := strings.Join(command, " ")
		if f.urls(line, s.Place, false) {
			continue
		}
		for i, word := range command {
			_, value, assigned := strings.Cut(word, "=")
			if !assigned {
				value = word
			}
			value, _, _ = strings.Cut(value, "?")
			kind := fileKind(value)
			if kind == 0 || strings.Contains(value, "://") || strings.Contains(value, "@") || kind == likely && !strings.Contains(value, "/") && i == 0 {
				continue
			}
			if command[0] == "sqlite3" || command[0] == "sqlite_web" || command[0] == "datasette" {
				kind = sure
			}
			f.mention(s.Place, value, kind)
		}
	}
}

// readMount reads a mount whose target is a SQLite file, or whose volume is named after SQLite.
func (f *facts) readMount(m *Mount) {
	if m.Volume.Kind == plainFiles {
		return
	}
	if kind := fileKind(m.Target); kind > 0 && !(f.role == stranger) {
		f.mention(m.Place, m.Target, kind)
	} else if how := targets[m.Target]; how > 0 {
		f.mentions = append(f.mentions, mention{Place: m.Place, path: m.Target, dir: true, sure: how})
	} else if m.Volume.Kind != bind && strings.Contains(strings.ToLower(m.Volume.Name), "sqlite") {
		f.mentions = append(f.mentions, mention{Place: m.Place, path: m.Target, dir: true, sure: likely})
	}
}

// usesOf returns the databases that a container opens.
func usesOf(c *Container) (facts, []use) {
	f := readFacts(c)
	if f.role == stranger && f.named == nil {
		f.mentions = slices.DeleteFunc(f.mentions, func(m mention) bool { return m.sure < sure })
	}
	var all []use
	add := func(m mention, known bool) {
		u := use{Place: m.Place, c: c, file: m.path, dir: m.dir, sure: m.sure, noLock: m.noLock, spare: m.spare, wal: f.wal, known: known}
		if !u.locate(m) {
			return
		}
		for i := range all {
			if all[i].file == u.file { // told twice: the more certain word counts
				all[i].sure, all[i].noLock = max(all[i].sure, u.sure), all[i].noLock+u.noLock
				return
			}
		}
		all = append(all, u)
	}
	files := 0
	for _, m := range f.mentions {
		if !m.dir {
			files++
		}
	}
	for _, m := range f.mentions {
		if !m.dir || files == 0 {
			add(m, false)
		}
	}
	switch {
	case len(f.mentions) > 0 || f.memory:
	case f.named != nil && f.known != nil && f.known.file != "":
		add(mention{Place: *f.named, path: f.known.file, sure: sure}, false)
	case f.named != nil:
		add(mention{Place: *f.named, dir: true, sure: sure}, false)
	case f.known != nil && f.known.file != "" && !f.other:
		add(mention{Place: c.Place, path: f.known.file, sure: sure}, true)
	}
	return f, all
}

// locate finds the mount on which a mentioned file lies. It returns false if the
// files do not tell.
func (u *use) locate(m mention) bool {
	switch {
	case m.path == "":
		return u.onlyMount()
	case strings.HasPrefix(m.path, "/"):
		if u.absolute(path.Clean(m.path)) || !m.loose {
			break
		}
		if p := strings.TrimPrefix(m.path, "/"); u.relative(p) && u.mount != nil {
			break
		}
		u.absolute(path.Clean(m.path))
	case strings.HasPrefix(m.path, "$") || strings.HasPrefix(m.path, "~"):
		return false
	default:
		return u.relative(path.Clean(m.path))
	}
	return true
}

// absolute sets the innermost mount that has the path, and reports whether there is one.
func (u *use) absolute(p string) bool {
	u.file, u.mount = p, nil
	for _, m := range u.c.Mounts {
		if within(p, m.Target) && m.Volume.Kind != plainFiles && (u.mount == nil || len(m.Target) >= len(u.mount.Target)) {
			u.mount = m
		}
	}
	if u.mount != nil {
		u.at = u.mount.at(p)
	}
	return u.mount != nil
}

// workdirs are directories in which programs in containers usually run.
var workdirs = []string{"/app", "/usr/src/app", "/usr/src/paperless", "/code", "/src", "/srv/app", "/workspace", "/workspaces", "/var/www/html", "/var/www", "/home/node/app", "/opt/app", "/project", "/"}

// relative sets the mount of a relative path: by the working directory if that is
// known, else by a mount whose target ends as the path begins, else by a usual
// directory. It returns false if none fits, unless there is no mount at all.
func (u *use) relative(p string) bool {
	if u.c.Workdir != "" {
		u.absolute(path.Join(u.c.Workdir, p))
		return true
	}
	for _, m := range u.c.Mounts {
		if strings.HasSuffix(m.Target, "/"+p) && u.absolute(m.Target) {
			return true
		}
	}
	parts := strings.Split(path.Dir(p), "/")
	for n := len(parts); n > 0; n-- {
		head := "/" + strings.Join(parts[:n], "/")
		if head == "/." || strings.Contains(head, "..") {
			continue
		}
		for _, m := range u.c.Mounts {
			if strings.HasSuffix(m.Target, head) && m.Volume.Kind != plainFiles {
				return u.absolute(m.Target + strings.TrimPrefix("/"+p, head))
			}
		}
	}
	for _, dir := range workdirs {
		for _, m := range u.c.Mounts {
			if m.Target == dir && m.Volume.Kind != plainFiles && u.absolute(path.Join(dir, p)) {
				return true
			}
		}
	}
	u.file, u.mount = p, nil
	return len(dataMounts(u.c)) == 0
}

// onlyMount sets the one mount that can hold a database whose path is not known.
func (u *use) onlyMount() bool {
	u.dir = true
	mounts := dataMounts(u.c)
	if len(mounts) > 1 {
		mounts = slices.DeleteFunc(mounts, func(m *Mount) bool { return !dataDir(m.Target) })
	}
	switch len(mounts) {
	case 0:
		u.file = ""
		return len(dataMounts(u.c)) == 0
	case 1:
		u.file, u.mount, u.at = mounts[0].Target, mounts[0], mounts[0].at(mounts[0].Target)
		return true
	}
	return false
}

// noData are words in the targets of mounts that hold no database.
var noData = []string{"media", "movies", "music", "tv", "downloads", "photos", "upload", "log", "cert", "ssl", "letsencrypt", "plugin", "theme", "backup", "static", "assets", "template", "node_modules", "docker.sock", "localtime", "timezone", "cache", "scripts", "conf.d", "nginx"}

// dataMounts returns the mounts that may hold a database.
func dataMounts(c *Container) (all []*Mount) {
	for _, m := range c.Mounts {
		t := strings.ToLower(m.Target)
		no := m.ReadOnly || m.Volume.Kind == plainFiles || strings.HasPrefix(t, "/etc/") && path.Ext(t) != "" || m.Volume.Kind == bind && path.Ext(t) != "" || strings.HasPrefix(t, "/tmp") || strings.HasPrefix(t, "/run") || strings.HasPrefix(t, "/dev")
		for _, word := range noData {
			no = no || strings.Contains(t, word)
		}
		if !no {
			all = append(all, m)
		}
	}
	return all
}

func dataDir(target string) bool {
	for _, word := range []string{"data", "db", "database", "sqlite", "storage", "config", "lib", "state", "store"} {
		if strings.Contains(path.Base(target), word) {
			return true
		}
	}
	return false
}
