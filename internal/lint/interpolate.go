package lint

import "strings"

// interpolate replaces $NAME, ${NAME}, ${NAME:-default} and their kin as Compose
// does (https://docs.docker.com/reference/compose-file/interpolation/). A variable
// without a value stays as ${NAME}: what it stands for is not known.
func interpolate(s string, vars map[string]string, depth int) string {
	if depth > 8 || strings.IndexByte(s, '$') < 0 {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			s = rest[1:]
		case strings.HasPrefix(rest, "{"):
			end := closing(rest)
			if end < 0 {
				b.WriteString("$" + rest)
				return b.String()
			}
			b.WriteString(substitute(rest[1:end], vars, depth))
			s = rest[end+1:]
		default:
			n := nameLength(rest)
			if value, ok := vars[rest[:n]]; ok {
				b.WriteString(value)
			} else {
				b.WriteString("$" + rest[:n])
			}
			s = rest[n:]
		}
	}
}

// closing returns where the brace that s begins with is closed; -1 if nowhere.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// substitute returns the value of what stands between the braces.
func substitute(s string, vars map[string]string, depth int) string {
	n := nameLength(s)
	name, rest := s[:n], s[n:]
	value, ok := vars[name]
	rest, colon := strings.CutPrefix(rest, ":")
	ok = ok && !(colon && value == "")
	switch {
	case strings.HasPrefix(rest, "+"):
		if ok {
			return interpolate(rest[1:], vars, depth+1)
		}
		return ""
	case ok:
		return value
	case strings.HasPrefix(rest, "-"):
		return interpolate(rest[1:], vars, depth+1)
	}
	return "${" + name + "}"
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] >= '0' && s[n] <= '9' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	return n
}

// envFile reads NAME=VALUE lines, as of an env_file or .env.
func envFile(file string, text []byte) (all []Setting) {
	line := 0
	for raw := range strings.Lines(string(text)) {
		line++
		s := strings.TrimSpace(raw)
		s = strings.TrimSpace(strings.TrimPrefix(s, "export "))
		name, value, found := strings.Cut(s, "=")
		if !found || strings.HasPrefix(s, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				value = value[1 : 1+end]
			}
		} else if at := strings.Index(value, " #"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		all = append(all, Setting{strings.TrimSpace(name), value, Place{file, line}})
	}
	return all
}
