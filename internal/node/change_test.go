package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// asks posts body to the lab's path at a node and wants status back.
func asks(t *testing.T, url, path, body string, status int) reply {
	t.Helper()
	got := send(t, "POST", url+path, body)
	if got.status != status {
		t.Fatalf("POST %s %s: %d %s, want %d", path, body, got.status, got.body, status)
	}
	return got
}

func counterIs(t *testing.T, url string, want int) {
	t.Helper()
	if got := send(t, "GET", url+"/api/counter?key=k", ""); got.body != fmt.Sprintf(`{"key":"k","value":%d}`+"\n", want) {
		t.Errorf("the counter is %d %s, want %d", got.status, got.body, want)
	}
}

// openingBody is the body of POST /lab/open.
func openingBody(t *testing.T, database string, d store.Discipline) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"database": database, "discipline": d})
	must(t, err)
	return string(body)
}

func TestOpenAndCloseTellWhichFieldIsWrong(t *testing.T) {
	s := serve(t, quick(nil), nil)
	asks(t, s.url, nodeapi.PathClose, `{}`, 200)
	good := openingBody(t, "lab-1.db", quick(nil))
	with := func(before, after string) string {
		if !strings.Contains(good, before) {
			t.Fatalf("no %s in %s", before, good)
		}
		return strings.Replace(good, before, after, 1)
	}
	for name, c := range map[string]struct{ path, body, field string }{
		"close: unknown field":     {nodeapi.PathClose, `{"force":true}`, "force"},
		"close: not a flag":        {nodeapi.PathClose, `{"remove":1}`, "remove"},
		"close: not JSON":          {nodeapi.PathClose, ``, "body"},
		"open: not JSON":           {nodeapi.PathOpen, ``, "body"},
		"open: unknown field":      {nodeapi.PathOpen, `{"path":"lab-1.db"}`, "path"},
		"open: another's name":     {nodeapi.PathOpen, `{"database":"shared.db"}`, "database"},
		"open: no ending":          {nodeapi.PathOpen, `{"database":"lab-1"}`, "database"},
		"open: nothing between":    {nodeapi.PathOpen, `{"database":"lab-.db"}`, "database"},
		"open: a directory":        {nodeapi.PathOpen, `{"database":"lab-1/../shared.db"}`, "database"},
		"open: a directory above":  {nodeapi.PathOpen, `{"database":"../lab-1.db"}`, "database"},
		"open: an absolute path":   {nodeapi.PathOpen, `{"database":"/tmp/lab-1.db"}`, "database"},
		"open: a parameter":        {nodeapi.PathOpen, `{"database":"lab-1.db?mode=ro.db"}`, "database"},
		"open: a line after it":    {nodeapi.PathOpen, `{"database":"lab-1.db\n"}`, "database"},
		"open: another case":       {nodeapi.PathOpen, `{"database":"LAB-1.db"}`, "database"},
		"open: a long name":        {nodeapi.PathOpen, `{"database":"lab-` + strings.Repeat("x", 128) + `.db"}`, "database"},
		"open: a number":           {nodeapi.PathOpen, `{"database":1}`, "database"},
		"no object":                {nodeapi.PathOpen, `{"discipline":"green"}`, "discipline"},
		"null":                     {nodeapi.PathOpen, `{"discipline":null}`, "discipline"},
		"an array":                 {nodeapi.PathOpen, `{"discipline":[]}`, "discipline"},
		"an empty object":          {nodeapi.PathOpen, `{"discipline":{}}`, "discipline.driver"},
		"a setting is missing":     {nodeapi.PathOpen, with(`,"pool":4`, ``), "discipline.pool"},
		"a setting nobody knows":   {nodeapi.PathOpen, with(`"pool":4`, `"pool":4,"cache":1`), "discipline.cache"},
		"a setting twice":          {nodeapi.PathOpen, with(`"pool":4`, `"pool":4,"pool":4`), "discipline.pool"},
		"a setting in other case":  {nodeapi.PathOpen, with(`"pool"`, `"Pool"`), "discipline.Pool"},
		"a number as text":         {nodeapi.PathOpen, with(`"pool":4`, `"pool":"4"`), "discipline.pool"},
		"an object as a setting":   {nodeapi.PathOpen, with(`"pool":4`, `"pool":{}`), "discipline.pool"},
		"no such journal":          {nodeapi.PathOpen, with(`"WAL"`, `"MEMORY"`), "discipline"},
		"no such transaction":      {nodeapi.PathOpen, with(`"immediate"`, `"serial"`), "discipline"},
		"no such driver":           {nodeapi.PathOpen, with(`"modernc"`, `"oracle"`), "discipline"},
		"out of range":             {nodeapi.PathOpen, with(`"pool":4`, `"pool":1025`), "discipline"},
		"negative":                 {nodeapi.PathOpen, with(`"think_ms":0`, `"think_ms":-1`), "discipline.think_ms"},
		"a backoff that is none":   {nodeapi.PathOpen, with(`"none"`, `"1s"`), "discipline.backoff"},
		"a field behind it":        {nodeapi.PathOpen, strings.TrimSuffix(good, "}") + `,"x":1}`, "x"},
		"a discipline given twice": {nodeapi.PathOpen, strings.TrimSuffix(good, "}") + `,"discipline":{}}`, "discipline"},
	} {
		t.Run(name, func(t *testing.T) {
			e := asks(t, s.url, c.path, c.body, 400).failure(t)
			if e.Code != nodeapi.CodeInvalidArgument || e.Field != c.field || !strings.HasPrefix(e.Error, c.field+" ") {
				t.Errorf("got %+v, want a word about %s", e, c.field)
			}
		})
	}
	entries, err := os.ReadDir(filepath.Dir(s.path))
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("%v lie in the directory, want the node's own database alone", entries)
	}
	asks(t, s.url, nodeapi.PathOpen, good, 200)
}

// The own database must not be taken for the lab's, however it is called.
func TestTheNodesOwnDatabaseIsNeverRemoved(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.cfg.DBPath = filepath.Join(filepath.Dir(n.cfg.DBPath), "lab-own.db") })
	for _, name := range []string{"lab-own.db", "lab-Own.db"} {
		if e := asks(t, s.url, nodeapi.PathOpen, `{"database":"`+name+`"}`, 400).failure(t); e.Field != "database" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if got := asks(t, s.url, nodeapi.PathClose, `{"remove":true}`, 200); !strings.Contains(got.body, `"removed":false`) {
		t.Errorf("close said %s", got.body)
	}
	if _, err := os.Stat(s.path); err != nil {
		t.Error(err)
	}
}

func TestClosedNode(t *testing.T) {
	s := serve(t, quick(nil), nil)
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
	asks(t, s.url, nodeapi.PathSession, `{"session":"a","do":"begin-immediate"}`, 200)
	asks(t, s.url, nodeapi.PathSession, `{"session":"a","do":"set-counter","name":"k","value":77}`, 200)
	for range 2 { // the second time there is nothing to do
		got := asks(t, s.url, nodeapi.PathClose, `{}`, 200)
		if want := fmt.Sprintf(`{"success":true,"container":"app-1","dbPath":%q,"removed":false}`+"\n", s.path); got.body != want {
			t.Errorf("close said %s, want %s", got.body, want)
		}
	}
	for path, body := range map[string]string{
		nodeapi.PathIncrement: `{"key":"k"}`, nodeapi.PathWrite: `{"data":"a row"}`, nodeapi.PathCounter + "?key=k": "", nodeapi.PathTotal: "",
		nodeapi.PathPurchase: `{"item":"cup","quantity":1}`, nodeapi.PathTransfer: `{"from":"ann","to":"bob","amount":1}`,
		nodeapi.PathHold: `{"ms":1}`, nodeapi.PathCrash: `{"after_ms":0}`, nodeapi.PathReset: `{"clear":true}`,
		nodeapi.PathSession: `{"session":"b","do":"open"}`, nodeapi.PathSettings: "", nodeapi.PathFacts: "", nodeapi.PathMetrics: "",
	} {
		method := "GET"
		if body != "" {
			method = "POST"
		}
		got := send(t, method, s.url+path, body)
		if e := got.failure(t); got.status != 503 || !nodeapi.Certain(got.status) || e.Code != nodeapi.CodeClosed || e.Container != "app-1" {
			t.Errorf("%s: %d %s, want 503 CLOSED", path, got.status, got.body)
		}
		if attempts := got.header.Get(nodeapi.HeaderAttempts); strings.HasPrefix(path, "/api/") && attempts != "0" {
			t.Errorf("%s: %s attempts", path, attempts)
		}
	}
	got := send(t, "GET", s.url+nodeapi.PathHealth, "")
	want := fmt.Sprintf(`{"status":"unhealthy","container":"app-1","dbPath":%q,"sqlite":%q,"lab":true,"error":"closed by the lab"}`, s.path, sqlite.Version())
	if got.status != 503 || strings.TrimSpace(got.body) != want {
		t.Errorf("health is %d %s, want %s", got.status, got.body, want)
	}
	if got := send(t, "GET", s.url+"/metrics?format=prometheus", ""); got.status != 200 || !strings.Contains(got.body, `contend_requests_total{path="/api/increment",status="503"} 1`) {
		t.Errorf("the counters are %d %s", got.status, got.body)
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(s.path)) // nobody has it open
	must(t, err)
	if facts.Counters["k"] != 1 || facts.Records != 0 {
		t.Errorf("the database holds %+v, want what was acknowledged alone", facts)
	}
	asks(t, s.url, nodeapi.PathOpen, `{}`, 200)
	counterIs(t, s.url, 1)
}

// A closed node can be stopped, and so can one on a database of the lab.
func TestStopWhereverTheLabLeftIt(t *testing.T) {
	for name, steps := range map[string][2]string{
		"closed":              {},
		"on another database": {nodeapi.PathOpen, `{"database":"lab-1.db"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, quick(nil), nil)
			asks(t, s.url, nodeapi.PathClose, `{}`, 200)
			if steps[0] != "" {
				asks(t, s.url, steps[0], steps[1], 200)
				asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
			}
			must(t, s.stop())
			if !strings.Contains(s.log.String(), `"msg":"database closed"`) {
				t.Errorf("the log is\n%s", s.log)
			}
		})
	}
}

// What was begun before the close is finished and acknowledged; what comes
// after it is refused; and the close waits.
func TestCloseFinishesWhatHasBegun(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.Pool, d.BusyTimeout = 1, 60_000 }), nil)
	release := hold(t, s) // one request waits for the lock, the other for the only connection
	var wg sync.WaitGroup
	begun := make(chan reply, 2)
	for range 2 {
		wg.Go(func() {
			r, _ := try("POST", s.url+nodeapi.PathIncrement, `{"key":"k"}`)
			begun <- r
		})
	}
	awaitInFlight(t, s, 2)
	closed := make(chan reply, 2)
	for range 2 {
		wg.Go(func() {
			r, _ := try("POST", s.url+nodeapi.PathClose, `{}`)
			closed <- r
		})
	}
	for send(t, "GET", s.url+nodeapi.PathHealth, "").status == 200 {
		time.Sleep(time.Millisecond)
	}
	if e := asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 503).failure(t); e.Code != nodeapi.CodeClosed {
		t.Errorf("what came after the close got %+v", e)
	}
	select {
	case r := <-closed:
		t.Errorf("closed with two requests in flight: %d %s", r.status, r.body)
	default:
	}
	release()
	wg.Wait()
	for range 2 {
		if r := <-begun; r.status != 200 {
			t.Errorf("a request in flight got %d %s", r.status, r.body)
		}
		if r := <-closed; r.status != 200 {
			t.Errorf("a close got %d %s", r.status, r.body)
		}
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(s.path))
	must(t, err)
	if facts.Counters["k"] != 2 {
		t.Errorf("the counter is %d, want the two acknowledged", facts.Counters["k"])
	}
}

// A session that waits for its turn is told which of the two ends has come.
func TestSessionThatWaitsIsToldOfTheClose(t *testing.T) {
	s := serve(t, quick(func(d *store.Discipline) { d.BusyTimeout = 60_000 }), nil)
	release := hold(t, s)
	asks(t, s.url, nodeapi.PathSession, `{"session":"a","do":"open"}`, 200)
	replies := make(chan reply, 2)
	for i := range 2 { // one waits for the lock, the other for its turn
		go func() {
			r, _ := try("POST", s.url+nodeapi.PathSession, `{"session":"a","do":"begin-immediate"}`)
			replies <- r
		}()
		awaitInFlight(t, s, i+1)
	}
	closed := make(chan reply, 1)
	go func() {
		r, _ := try("POST", s.url+nodeapi.PathClose, `{}`)
		closed <- r
	}()
	if r := <-replies; r.status != 503 || r.failure(t).Code != nodeapi.CodeClosed {
		t.Errorf("the one that waited got %d %s", r.status, r.body)
	}
	release()
	if r := <-replies; r.status != 200 {
		t.Errorf("the one before it got %d %s", r.status, r.body)
	}
	if r := <-closed; r.status != 200 {
		t.Errorf("close got %d %s", r.status, r.body)
	}
}

func TestOpenALabDatabaseAndGoBack(t *testing.T) {
	s := serve(t, quick(nil), nil)
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
	other := quick(func(d *store.Discipline) {
		d.Journal, d.Synchronous, d.BusyTimeout, d.Transaction = store.Delete, store.Extra, 4321, store.Atomic
		d.Retries, d.Backoff = 2, store.Backoff{Base: time.Millisecond, Max: time.Second, Jitter: true}
	})
	body := openingBody(t, "lab-7f3a.db", other)
	if e := asks(t, s.url, nodeapi.PathOpen, body, 409).failure(t); e.Code != nodeapi.CodeConflict || !strings.Contains(e.Error, s.path+" is open") {
		t.Errorf("while open: %+v", e)
	}
	asks(t, s.url, nodeapi.PathClose, `{}`, 200)
	var opened OpenResponse
	must(t, json.Unmarshal([]byte(asks(t, s.url, nodeapi.PathOpen, body, 200).body), &opened))
	path := filepath.Join(filepath.Dir(s.path), "lab-7f3a.db")
	if opened.DBPath != path || opened.Discipline != other || opened.Container != "app-1" {
		t.Errorf("open said %+v", opened)
	}
	asks(t, s.url, nodeapi.PathOpen, body, 409)
	counterIs(t, s.url, 0)
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)

	var settings SettingsResponse
	must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathSettings, "").body), &settings))
	if settings.DBPath != path || settings.Discipline != other || settings.Pragmas["journal_mode"] != "delete" || settings.Pragmas["busy_timeout"] != "4321" || settings.Pragmas["synchronous"] != "3" {
		t.Errorf("settings are %+v", settings)
	}
	var m MetricsResponse
	must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathMetrics, "").body), &m))
	if m.Discipline != other || m.Database.TotalCounters != 1 {
		t.Errorf("metrics are %+v", m)
	}
	page := send(t, "GET", s.url+"/metrics?format=prometheus", "").body
	if strings.Count(page, "contend_build_info{") != 1 || !strings.Contains(page, `journal="DELETE"`) || !strings.Contains(page, `transaction="atomic"`) {
		t.Errorf("the page is\n%s", page)
	}
	if log := s.log.String(); !strings.Contains(log, `"msg":"database opened for the lab","container":"app-1","db":"`+path) || !strings.Contains(log, `"busy_timeout_ms":4321`) {
		t.Errorf("the log is\n%s", log)
	}

	for range 2 { // the second time there is nothing to do
		asks(t, s.url, nodeapi.PathOpen, `{"database":""}`, 200)
		counterIs(t, s.url, 1)
	}
	if got := send(t, "GET", s.url+nodeapi.PathHealth, ""); got.status != 200 || !strings.Contains(got.body, s.path) {
		t.Errorf("health is %d %s", got.status, got.body)
	}
	if log := s.log.String(); !strings.Contains(log, `"level":"WARN","msg":"the lab's database was left where it is","container":"app-1","db":"`+path) {
		t.Errorf("the log is\n%s", log)
	}
	facts, err := app.Inspect(t.Context(), sqlite.At(path))
	must(t, err)
	if facts.Counters["k"] != 1 || facts.Journal != store.Delete {
		t.Errorf("the lab's database holds %+v", facts)
	}
}

func TestRemove(t *testing.T) {
	for _, journal := range store.Journals {
		t.Run(string(journal), func(t *testing.T) {
			s := serve(t, quick(nil), nil)
			asks(t, s.url, nodeapi.PathClose, `{"remove":true}`, 200) // what is not the lab's stays
			asks(t, s.url, nodeapi.PathOpen, openingBody(t, "lab-1.db", quick(func(d *store.Discipline) { d.Journal = journal })), 200)
			asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
			asks(t, s.url, nodeapi.PathClose, `{}`, 200)
			for range 2 { // closed before, removed before
				if got := asks(t, s.url, nodeapi.PathClose, `{"remove":true}`, 200); !strings.Contains(got.body, `"removed":true`) {
					t.Errorf("close said %s", got.body)
				}
			}
			left, err := filepath.Glob(filepath.Join(filepath.Dir(s.path), "*"))
			must(t, err)
			if len(left) != 1 || left[0] != s.path {
				t.Errorf("%v are left, want the node's own database", left)
			}
			asks(t, s.url, nodeapi.PathOpen, `{}`, 200)
		})
	}
}

func TestOpenThatFailsLeavesTheNodeClosed(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.cfg.Open = opener(app.Options{Patience: 50 * time.Millisecond}) })
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
	asks(t, s.url, nodeapi.PathClose, `{}`, 200)
	other, err := app.Open(t.Context(), sqlite.At(s.path), quick(nil), app.Options{})
	must(t, err)
	defer other.Close()
	body := openingBody(t, "", quick(func(d *store.Discipline) { d.Journal = store.Delete }))
	e := asks(t, s.url, nodeapi.PathOpen, body, 500).failure(t)
	if e.Code != nodeapi.CodeCannotOpen || !strings.Contains(e.Error, "journal_mode: asked for DELETE, got WAL") {
		t.Errorf("got %+v", e)
	}
	if e := asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 503).failure(t); e.Code != nodeapi.CodeClosed {
		t.Errorf("afterwards %+v", e)
	}
	must(t, other.Close())
	asks(t, s.url, nodeapi.PathOpen, body, 200)
	counterIs(t, s.url, 1)
}

func TestNodeThatCannotOpen(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.cfg.Open = nil })
	asks(t, s.url, nodeapi.PathOpen, `{}`, 404)
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
}

// The server's limit on how long an answer may take was made for the node's own
// discipline; another may need longer.
func TestSlowAnswerUnderAnotherDiscipline(t *testing.T) {
	s := serve(t, quick(nil), func(n *Node) { n.readTimeout, n.longest = 50*time.Millisecond, 0 })
	asks(t, s.url, nodeapi.PathClose, `{}`, 200)
	asks(t, s.url, nodeapi.PathOpen, openingBody(t, "lab-1.db", quick(func(d *store.Discipline) { d.Think = 200 })), 200)
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
}

func TestFacts(t *testing.T) {
	s := serve(t, quick(nil), nil)
	asks(t, s.url, nodeapi.PathIncrement, `{"key":"k"}`, 200)
	asks(t, s.url, nodeapi.PathWrite, `{"data":"a row"}`, 200)
	release := hold(t, s) // in WAL mode a writer bars no reader
	var facts store.Facts
	must(t, json.Unmarshal([]byte(send(t, "GET", s.url+nodeapi.PathFacts, "").body), &facts))
	if facts.Counters["k"] != 1 || facts.Records != 1 || len(facts.Rows) != 1 || facts.Rows[0].Content != "a row" ||
		facts.Integrity != "ok" || facts.Journal != store.WAL || facts.Engine != "SQLite "+sqlite.Version() {
		t.Errorf("facts are %+v", facts)
	}
	release()
	got := send(t, "GET", s.url+nodeapi.PathFacts+"?rows=false", "")
	if got.status != 200 || strings.Contains(got.body, "a row") || !strings.Contains(got.body, `"records":1`) {
		t.Errorf("without rows: %d %s", got.status, got.body)
	}
	for query, field := range map[string]string{"?rows=no": "rows", "?rows=": "rows", "?key=k": "key"} {
		got := send(t, "GET", s.url+nodeapi.PathFacts+query, "")
		if got.status != 400 || got.failure(t).Field != field {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

// What is accepted means the same to encoding/json, which knows the fields from
// the type alone; and no name leads out of the directory.
func FuzzDecodeOpening(f *testing.F) {
	green, err := json.Marshal(map[string]any{"database": "lab-1.db", "discipline": store.Green()})
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		string(green), `{}`, `{"database":""}`, `{"database":"lab-../x.db"}`, `{"discipline":{}}`, `{"discipline":{"pool":{}}}`,
		strings.Replace(string(green), `"retries":3`, `"retries":3,"retries":4`, 1), strings.Replace(string(green), "WAL", "PERSIST", 1),
	} {
		f.Add([]byte(body))
	}
	own := store.Red()
	n := New(Config{DBPath: "/data/shared.db", Discipline: own}, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := n.decodeOpening(body)
		if err != nil {
			return
		}
		want := struct {
			Database   string            `json:"database"`
			Discipline *store.Discipline `json:"discipline"`
		}{}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q was accepted, but is %v", body, err)
		}
		if back := want.Database == "" && want.Discipline == nil; got.back != back || got.name != want.Database {
			t.Fatalf("%q is %+v", body, got)
		}
		if want.Discipline == nil {
			want.Discipline = &own
		}
		if got.discipline != *want.Discipline || got.discipline.Validate() != nil {
			t.Fatalf("%q is %+v, want %+v", body, got.discipline, *want.Discipline)
		}
		if path := pathOf(n.cfg, got.name); filepath.Dir(path) != "/data" {
			t.Fatalf("%q leads to %s", body, path)
		}
	})
}
