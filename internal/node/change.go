package node

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// This file lets the lab change the database under a running node. Journal mode
// can change only while nobody else has the file open, and every recording wants
// a fresh database: so a recorder that did not start the nodes closes
// all of them, opens a new file on each, and gets their own back at the end.

// CloseResponse is the answer to POST /lab/close.
type CloseResponse struct {
	Success   bool   `json:"success"`
	Container string `json:"container"`
	DBPath    string `json:"dbPath"`  // of the database that was open last
	Removed   bool   `json:"removed"` // its files are gone
}

// closeForLab closes the database, and removes its files where the request
// wants that and a node has made them for the lab. While it is closed already, only the removal is left
// to do, so that the files can go once the last of several nodes has closed them.
func (n *Node) closeForLab(x *exchange) (any, error) {
	var r struct {
		Remove bool `json:"remove" want:"optional"`
	}
	if err := decode(x.body, &r); err != nil {
		return nil, err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.release(x); err != nil {
		return n.done(err)
	}
	path, labs := n.lastPath()
	removed := false
	if r.Remove && labs {
		var err error
		if removed, err = removeLabDatabase(path); err != nil {
			return n.done(err)
		}
		n.log.Info("database closed for the lab", "db", path, "removed", removed)
	}
	return CloseResponse{Success: true, Container: n.cfg.Name, DBPath: path, Removed: removed}, nil
}

// release closes what is open. It does so to the end even if its client goes.
func (n *Node) release(x *exchange) error {
	var o *opened
	n.locked(func() { o, n.on = n.on, nil }) // keeps requests from it
	if o == nil {
		return nil
	}
	x.allow(o.longest) // for what has begun
	n.log.Info("closing the database for the lab", "db", o.path)
	if err := o.close(); err != nil {
		return err
	}
	n.log.Info("database closed for the lab", "db", o.path)
	return nil
}

// An opening is what POST /lab/open asks for.
type opening struct {
	name       string // of the lab's database; "" for the node's own
	discipline store.Discipline
	back       bool // the request is empty: what the node was started with
}

// OpenResponse is the answer to POST /lab/open: what is open now, and how.
type OpenResponse struct {
	Success    bool             `json:"success"`
	Container  string           `json:"container"`
	DBPath     string           `json:"dbPath"`
	Discipline store.Discipline `json:"discipline"`
}

// openWait is how long opening a database may take: SQLite's patience, for the
// connections of a large pool.
const openWait = time.Minute

// openForLab opens a database while none is open. An empty request gets the node
// back to what it was started with, whatever the lab has left it in.
func (n *Node) openForLab(x *exchange) (any, error) {
	want, err := n.decodeOpening(x.body)
	if err != nil {
		return nil, err
	}
	if n.cfg.Open == nil {
		return nil, app.ErrCannot
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	o := n.current()
	switch {
	case o != nil && want.back && o.name == "" && o.discipline == n.cfg.Discipline:
		return n.openResponse(o), nil
	case o != nil && !want.back:
		return nil, &refusal{http.StatusConflict, nodeapi.CodeConflict, o.path + " is open: close it first, with POST " + nodeapi.PathClose}
	}
	if err := n.release(x); err != nil {
		return n.done(err)
	}
	x.allow(openWait)
	if o != nil && o.name != "" {
		n.log.Warn("the lab's database was left where it is", "db", o.path)
	}
	if o, err = n.acquire(x.ctx, want); err != nil {
		n.log.Error("the node stays closed", "error", err)
		if refused := (*refusal)(nil); errors.As(err, &refused) {
			return nil, refused
		}
		return nil, &refusal{http.StatusInternalServerError, nodeapi.CodeCannotOpen, err.Error()}
	}
	return n.openResponse(o), nil
}

func (n *Node) openResponse(o *opened) OpenResponse {
	return OpenResponse{Success: true, Container: n.cfg.Name, DBPath: o.path, Discipline: o.discipline}
}

// acquire opens what is wanted and lets requests in. What was made and could not be
// opened is announced all the same: its files are there. What is somebody else's is
// a refusal.
func (n *Node) acquire(ctx context.Context, want opening) (*opened, error) {
	path := pathOf(n.cfg, want.name)
	if want.name != "" {
		if err := makeLabDatabase(path); err != nil {
			return nil, err
		}
	}
	n.locked(func() { n.last = want.name })
	db, err := n.cfg.Open(ctx, path, want.discipline)
	if err != nil {
		return nil, err
	}
	o := newOpened(n.cfg, db, want.name, want.discipline)
	n.metrics.describe(n.cfg, o)
	n.log.Info("database opened for the lab", "db", o.path, described(o.discipline))
	n.warn(o)
	n.locked(func() { n.on = o })
	return o, nil
}

// labName is how the lab's databases are called: nothing that leads out of the
// directory, and nothing that an application would call its own.
var labName = regexp.MustCompile(`^lab-[A-Za-z0-9._-]+\.db$`)

func (n *Node) decodeOpening(body []byte) (opening, error) {
	var r struct {
		Database   string         `json:"database" want:"0..128,optional"` // a file name has room for 255 bytes, SQLite adds up to 8
		Discipline jsontext.Value `json:"discipline" want:"optional"`
	}
	if err := decode(body, &r); err != nil {
		return opening{}, err
	}
	o := opening{name: r.Database, discipline: n.cfg.Discipline}
	if o.name != "" && (!labName.MatchString(o.name) || strings.EqualFold(o.name, filepath.Base(n.cfg.DBPath))) {
		return o, &invalid{"database", "must be empty, or a name like lab-1.db, of letters, digits, dots and dashes, that is not the node's own"}
	}
	if r.Discipline == nil {
		o.back = o.name == ""
		return o, nil
	}
	var err error
	o.discipline, err = decodeDiscipline(r.Discipline)
	return o, err
}

// decodeDiscipline reads an object that has every setting of a discipline.
func decodeDiscipline(text jsontext.Value) (d store.Discipline, err error) {
	var members map[string]jsontext.Value
	if text.Kind() != '{' || json.Unmarshal(text, &members) != nil {
		return d, &invalid{"discipline", "must be an object"}
	}
	for name := range members {
		if !slices.ContainsFunc(store.Settings, func(s store.Setting) bool { return s.Name == name }) {
			return d, &invalid{"discipline." + name, "is not a field of this request"}
		}
	}
	for _, s := range store.Settings {
		value, want := members[s.Name], "must be a string"
		var word string
		if s.Number {
			want = "must be a whole number from 0, written in digits alone"
			if digits.Match(value) {
				word = string(value)
			}
		} else if value.Kind() == '"' {
			_ = json.Unmarshal(value, &word) // it is a string
		}
		if word == "" {
			return d, &invalid{"discipline." + s.Name, want}
		}
		if err := s.Set(&d, word); err != nil {
			return d, &invalid{"discipline." + s.Name, "is not valid: " + err.Error()}
		}
	}
	if err := d.Validate(); err != nil {
		return d, &invalid{"discipline", "is not valid: " + err.Error()}
	}
	return d, nil
}

var digits = regexp.MustCompile(`^[0-9]+$`)
