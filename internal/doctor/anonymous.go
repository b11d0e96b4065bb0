package doctor

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// common are programs and files whose names say nothing about who uses them.
var (
	commonProgram = regexp.MustCompile(`^(python|node|php|ruby|perl|java|dotnet|gunicorn|uvicorn|uwsgi|puma|celery|litestream|sqlite3|sh|bash|contend)[0-9.-]*$`)
	commonFile    = regexp.MustCompile(`^/(usr|lib|lib64|opt/homebrew)/`)
	// plainOption is a mount option that names no machine, user or directory.
	plainOption = regexp.MustCompile(`^([a-z0-9_-]+|(vers|local_lock|lookupcache|cache|proto|access|timeo|retrans|sec|xino|mode)=[a-z0-9._:-]+)$`)
)

// An alias gives names in place of names, the same for the same.
type alias map[string]string

func (a alias) of(kind, name string) string {
	if name == "" {
		return ""
	}
	key := kind + " " + name
	if a[key] == "" {
		n := 1
		for _, given := range a {
			if strings.HasPrefix(given, kind) {
				n++
			}
		}
		a[key] = fmt.Sprintf("%s%d", kind, n)
	}
	return a[key]
}

// path renames each part of a path, so that what lies below what stays so.
func (a alias) path(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		suffix := ""
		for _, role := range companions {
			if rest, is := strings.CutSuffix(part, role); is {
				part, suffix = rest, role
			}
		}
		parts[i] = a.of("dir", part) + suffix
	}
	return strings.Join(parts, "/")
}

func (a alias) mount(m Mount) Mount {
	m.Source, m.Point, m.Root = a.of("source", m.Source), a.path(m.Point), a.path(m.Root)
	m.Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return !plainOption.MatchString(o) })
	return m
}

// anonymize replaces the names of files, programs, users, containers and machines in the facts. What the rules
// compare stays as it is.
func anonymize(f *Facts) {
	a := alias{"dir " + path.Base(f.Path): "DB"}
	_, upper := f.Mount.Option("upperdir")
	f.Path, f.Container, f.Mount = a.path(f.Path), a.of("container", f.Container), a.mount(f.Mount)
	if upper {
		f.Mount.Options = append(f.Mount.Options, "upperdir=…")
	}
	for i := range f.Beside {
		f.Beside[i] = f.Path + ".lock"
	}
	for i := range f.Holders {
		h := &f.Holders[i]
		h.Command, h.User, h.Container = "", "", a.of("container", h.Container)
		if !commonProgram.MatchString(h.Program) {
			h.Program = a.of("program", h.Program)
		}
		for j := range h.Files {
			o := &h.Files[j]
			o.Name, o.Mount = a.path(o.Name), a.mount(o.Mount)
		}
		for j := range h.Engines {
			if e := &h.Engines[j]; !commonFile.MatchString(e.File) {
				e.File = a.path(e.File)
			}
		}
	}
	for i, u := range f.Unseen {
		f.Unseen[i], _, _ = strings.Cut(u, ": ") // an error behind it would name the file
	}
}
