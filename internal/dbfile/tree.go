package dbfile

import (
	"slices"
)

// Types of b-tree pages (https://sqlite.org/fileformat2.html#b_tree_pages).
const (
	indexInterior = 2
	tableInterior = 5
	indexLeaf     = 10
	tableLeaf     = 13
)

// A Damage is a page that must be part of a table or an index, and is not.
type Damage struct {
	Page   uint32
	Parent uint32 // the page that refers to it; 0 where the schema does
	Root   uint32 // first page of the table or index, 1 for the schema
	Name   string // of the table or index; "" where it could not be read
	Why    Why
}

// Why says what a damaged page holds.
type Why string

// What damaged pages hold.
const (
	Zeros      Why = "holds only zeros"
	Missing    Why = "lies beyond the end of the file"
	NotInRange Why = "is none that the database has"
	NotATree   Why = "is no page of a table or an index"
	Twice      Why = "is reached twice"
	OnFreelist Why = "is on the list of unused pages too"
)

// mostDamages bounds the list of damages.
const mostDamages = 20

// Trees is what a walk over the b-trees has found.
type Trees struct {
	Looked  int      // pages
	Damages []Damage // at most 20
	Cut     bool     // the bound was reached: not every page was looked at
}

// A step is a page that the walk has still to look at.
type step struct {
	page, parent, root uint32
	name               string
}

// Trees walks the b-trees from the schema on, level by level, and looks at no more than most pages. A page that only a
// table's overflow chain refers to is not looked at: it may hold anything, also zeros. So an
// empty list of damages proves nothing: PRAGMA integrity_check looks at everything.
func (im *Image) Trees(free Freelist, most int) (Trees, error) {
	var t Trees
	b := make([]byte, im.Header.PageSize)
	seen := map[uint32]bool{}
	todo := []step{{page: 1, root: 1, name: "sqlite_schema"}}
	for ; len(todo) > 0 && len(t.Damages) < mostDamages; todo = todo[1:] {
		s := todo[0]
		if t.Cut = t.Looked == most; t.Cut {
			break
		}
		t.Looked++
		why, err := im.look(s.page, seen[s.page], free, b)
		if err != nil {
			return t, err
		}
		seen[s.page] = true
		var next []step
		if why == "" {
			next, why = im.below(s, b, most)
		}
		if why != "" {
			t.Damages = append(t.Damages, Damage{Page: s.page, Parent: s.parent, Root: s.root, Name: s.name, Why: why})
			continue
		}
		todo = append(todo, next...)
		if len(todo) > most { // what is beyond is not looked at anyway
			todo, t.Cut = todo[:most], true
		}
	}
	t.Cut = t.Cut || len(todo) > 0
	return t, nil
}

// look reads a page of a tree into b, and returns what is wrong with it at first sight.
func (im *Image) look(page uint32, seen bool, free Freelist, b []byte) (Why, error) {
	switch {
	case page == 0 || page > im.Pages || page == im.Header.LockPage():
		return NotInRange, nil
	case seen:
		return Twice, nil
	case free.Has(page):
		return OnFreelist, nil
	}
	switch err := im.page(page, b); {
	case err == errBeyond:
		return Missing, nil
	case err != nil:
		return "", err
	case zeros(b):
		return Zeros, nil
	}
	return "", nil
}

// below returns the pages to which a page of a tree refers: its children, and the trees that a leaf of
// the schema names.
func (im *Image) below(s step, b []byte, most int) (next []step, why Why) {
	head := b
	if s.page == 1 {
		head = b[HeaderSize:]
	}
	kind, cells := head[0], be16(head[3:])
	pointers := head[8:]
	interior := kind == indexInterior || kind == tableInterior
	if interior {
		pointers = head[12:]
	}
	if !slices.Contains([]byte{indexInterior, tableInterior, indexLeaf, tableLeaf}, kind) || 2*cells > len(pointers)-im.Header.Reserved {
		return nil, NotATree
	}
	if !interior && !(s.root == 1 && kind == tableLeaf) {
		return nil, ""
	}
	for i := range min(cells, most) {
		at := be16(pointers[2*i:])
		if at > im.Header.usable()-4 {
			return nil, NotATree
		}
		if interior {
			next = append(next, step{be32(b[at:]), s.page, s.root, s.name})
		} else if name, root := schemaRow(b[at:im.Header.usable()], im.Header.Encoding == 1); root > 1 { // 0 for a view
			next = append(next, step{root, 0, root, name})
		}
	}
	if interior {
		next = append(next, step{be32(head[8:]), s.page, s.root, s.name})
	}
	return next, ""
}

// longestName bounds the name of a table that is shown, in bytes.
const longestName = 256

// schemaRow reads a cell of the schema's leaf: the name and the root page of a table or an index; root is
// 0 where it has none, or where that stands on an overflow page.
func schemaRow(cell []byte, utf8 bool) (name string, root uint32) {
	_, cell = varint(cell) // bytes of the row
	_, cell = varint(cell) // row id
	size, rest := varint(cell)
	if size > uint64(len(cell)) || size < uint64(len(cell)-len(rest)) {
		return "", 0
	}
	types := cell[len(cell)-len(rest) : size]
	values := cell[size:]
	for column := 0; len(types) > 0; column++ { // type, name, tbl_name, rootpage, sql
		var serial uint64
		serial, types = varint(types)
		length := serialSize(serial)
		if length > uint64(len(values)) {
			return "", 0
		}
		value := values[:length]
		values = values[length:]
		switch {
		case column == 1 && utf8:
			name = string(value[:min(len(value), longestName)])
		case column == 3 && serial == 9: // the number 1
			return name, 1
		case column == 3:
			if length > 8 || serial > 6 {
				return "", 0
			}
			var n uint64
			for _, c := range value {
				n = n<<8 | uint64(c)
			}
			return name, uint32(min(n, 1<<32-1))
		}
	}
	return "", 0
}

// serialSize returns how many bytes a value of a serial type has
// (https://sqlite.org/fileformat2.html#record_format).
func serialSize(serial uint64) uint64 {
	if serial >= 12 {
		return (serial - 12) / 2
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}[serial]
}

// varint reads a variable-length integer, and returns what is behind it; both are zero where b ends within.
func varint(b []byte) (uint64, []byte) {
	var n uint64
	for i, c := range b {
		if i == 8 {
			return n<<8 | uint64(c), b[9:]
		}
		if n = n<<7 | uint64(c&0x7f); c < 0x80 {
			return n, b[i+1:]
		}
	}
	return 0, nil
}
