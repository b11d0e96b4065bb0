package lint

import (
	"bytes"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on what is read.
const (
	MaxBytes    = 24 << 20 // of all files together: what is made of them takes up to 90 times as much memory
	maxDocument = 4 << 20  // bytes of one YAML document; the API server takes 1.5 MiB
	maxSteps    = 8 << 20  // keys and items looked at in one document, so that aliases cannot multiply it
	maxDepth    = 32       // of merges, extends and includes in each other
	maxIncluded = 200      // files that one file includes
)

// A document is one YAML document of a file. The dir and vars are of Compose
// files: relative paths begin at dir, and vars has what ${NAME} stands for.
type document struct {
	file  string
	above int // lines of the file before it
	root  node
	dir   string
	vars  map[string]string
	steps int
}

// A node is a value in a document. The zero node is a value that is not there;
// reading it gives nothing.
type node struct {
	y *yaml.Node
	d *document
}

type pair struct{ key, value node }

// parse returns the documents of a file, and what could not be read. A broken
// document does not hide the others.
func parse(file string, text []byte) (docs []*document, unread []Unread) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for above := 0; len(text) > 0; {
		size, lines := documentSize(text)
		part := text[:size]
		if err := parseOne(file, above, part, &docs); err != "" {
			unread = append(unread, Unread{Place: Place{file, above + 1}, Why: err})
		}
		text, above = text[size:], above+lines
	}
	return docs, unread
}

// documentSize returns the length of the document at the begin of text and its
// lines. "---" and "..." at the begin of a line end a document wherever they stand
// (YAML 1.2.2, rule 206); the first line is the document's own.
func documentSize(text []byte) (size, lines int) {
	for size < len(text) {
		end := bytes.IndexByte(text[size:], '\n') + 1
		if end == 0 {
			end = len(text) - size
		}
		line := text[size : size+end]
		if lines > 0 && (bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("..."))) &&
			(len(line) == 3 || strings.IndexByte(" \t\r\n", line[3]) >= 0) {
			break
		}
		size += end
		lines++
	}
	return size, lines
}

// parseOne appends the document of part, if there is one, and says why it could not.
func parseOne(file string, above int, part []byte, docs *[]*document) string {
	if len(part) > maxDocument {
		return "the document is longer than 4 MiB"
	}
	if bytes.HasPrefix(part, []byte("...")) {
		part = part[3:]
	}
	empty := true
	for line := range bytes.Lines(part) {
		line = bytes.TrimSpace(line)
		empty = empty && (len(line) == 0 || line[0] == '#' || line[0] == '%' || string(line) == "---")
	}
	if empty {
		return ""
	}
	var y yaml.Node
	if err := yaml.Unmarshal(part, &y); err != nil {
		why := "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
		if bytes.Contains(part, []byte("{{")) {
			why += "; it looks like a template: lint what `helm template` prints"
		}
		return why
	}
	d := &document{file: file, above: above, dir: path.Dir(file)}
	if y.Kind == yaml.DocumentNode && len(y.Content) > 0 {
		d.root = d.node(y.Content[0])
		*docs = append(*docs, d)
	}
	return ""
}

// node wraps y, or what it is an alias of.
func (d *document) node(y *yaml.Node) node {
	for i := 0; y != nil && y.Kind == yaml.AliasNode && i < maxDepth; i++ {
		y = y.Alias
	}
	return node{y, d}
}

// spend reports whether n more steps may be taken.
func (d *document) spend(n int) bool {
	d.steps += n
	return d.steps <= maxSteps
}

func (n node) is(kind yaml.Kind) bool { return n.y != nil && n.y.Kind == kind }

// set reports whether there is a value that is not null.
func (n node) set() bool { return n.y != nil && n.y.Kind != 0 && n.y.ShortTag() != "!!null" }

func (n node) place() Place {
	if n.y == nil {
		return Place{}
	}
	return Place{n.d.file, n.d.above + n.y.Line}
}

// text returns a scalar with its variables replaced; "" for everything else.
func (n node) text() string {
	if !n.is(yaml.ScalarNode) || !n.set() {
		return ""
	}
	if n.d.vars == nil {
		return n.y.Value
	}
	return interpolate(n.y.Value, n.d.vars, 0)
}

// get returns the value of a key, also of a mapping that is merged in by "<<".
func (n node) get(keys ...string) node {
	for _, key := range keys {
		n = n.find(key, 0)
	}
	return n
}

func (n node) find(key string, depth int) node {
	if !n.is(yaml.MappingNode) || depth > maxDepth || !n.d.spend(len(n.y.Content)) {
		return node{}
	}
	content := n.y.Content
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Value == key {
			return n.d.node(content[i+1])
		}
	}
	for i := 0; i+1 < len(content); i += 2 {
		if isMerge(content[i]) {
			for _, from := range n.d.node(content[i+1]).each() {
				if found := from.find(key, depth+1); found.y != nil {
					return found
				}
			}
		}
	}
	return node{}
}

func isMerge(key *yaml.Node) bool { return key.Value == "<<" && key.Style == 0 }

// pairs returns the keys and values of a mapping, each key once.
func (n node) pairs() []pair {
	var all []pair
	seen := map[string]bool{}
	n.gather(&all, seen, 0)
	return all
}

func (n node) gather(all *[]pair, seen map[string]bool, depth int) {
	if !n.is(yaml.MappingNode) || depth > maxDepth || !n.d.spend(len(n.y.Content)) {
		return
	}
	content := n.y.Content
	for i := 0; i+1 < len(content); i += 2 {
		if key := content[i]; !isMerge(key) && !seen[key.Value] {
			seen[key.Value] = true
			*all = append(*all, pair{node{key, n.d}, n.d.node(content[i+1])})
		}
	}
	for i := 0; i+1 < len(content); i += 2 {
		if isMerge(content[i]) {
			for _, from := range n.d.node(content[i+1]).each() {
				from.gather(all, seen, depth+1)
			}
		}
	}
}

// each returns the items of a sequence, or the one value where a list of one may
// be written without the list.
func (n node) each() []node {
	if !n.is(yaml.SequenceNode) {
		if n.set() {
			return []node{n}
		}
		return nil
	}
	if !n.d.spend(len(n.y.Content)) {
		return nil
	}
	items := make([]node, len(n.y.Content))
	for i, y := range n.y.Content {
		items[i] = n.d.node(y)
	}
	return items
}
