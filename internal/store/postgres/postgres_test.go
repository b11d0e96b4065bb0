package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/app"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
)

func TestEveryStyleDoesEverything(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			t.Parallel()
			link := fresh(t)
			db := open(t, link, discipline(style), app.Options{})
			must(t, db.Reset(t.Context(), func(tx *app.Tx) error {
				return errors.Join(tx.SetStock("tea", 5), tx.SetBalance("a", 10), tx.SetBalance("b", 0))
			}))
			must(t, db.Update(t.Context(), everything))
			mine := errors.New("mine")
			err := db.Update(t.Context(), func(tx *app.Tx) error { _, err := tx.Counter("none"); return errors.Join(err, mine) })
			if !errors.Is(err, mine) {
				t.Errorf("error is %v, want the application's own", err)
			}
			facts, err := app.Inspect(t.Context(), postgres.At(link))
			must(t, err)
			want := store.Facts{
				Counters: map[string]int64{"k": 7}, Stock: map[string]int64{"tea": 1},
				Balances: map[string]int64{"a": 6, "b": 4},
				Records:  1, Rows: []store.Row{{ID: 1, Content: strings.Repeat("é", 32)}}, Payments: 1, Engine: db.Engine(),
			}
			if diff := cmp.Diff(want, facts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// everything calls every method of a Tx at least once.
func everything(tx *app.Tx) error {
	n, err := tx.Counter("k")
	if err != nil || n != 0 {
		return errors.Join(err, errors.New("counter of a new key"))
	}
	errs := []error{tx.SetCounter("k", 5)}
	sum, err := tx.AddCounter("k", 2)
	errs = append(errs, err, same("sum", sum, 7))
	id, err := tx.Insert(strings.Repeat("é", 100))
	errs = append(errs, err, same("id", id, 1))
	left, err := tx.TakeStock("tea", 3)
	errs = append(errs, err, same("left", left, 2))
	stock, err := tx.Stock("tea")
	errs = append(errs, err, same("stock", stock, 2), tx.SetStock("tea", 1))
	errs = append(errs, tx.Move("a", "b", 4), tx.RecordPayment("a", "b", 4))
	balance, err := tx.Balance("a")
	errs = append(errs, err, same("balance", balance, 6), tx.SetBalance("b", 4))
	total, accounts, err := tx.Total()
	errs = append(errs, err, same("total", total, 10), same("accounts", accounts, 2))
	for _, want := range []struct{ got, err error }{
		{second(tx.TakeStock("tea", 9)), store.ErrShort}, {second(tx.TakeStock("none", 1)), store.ErrNoSuch},
		{second(tx.Stock("none")), store.ErrNoSuch}, {second(tx.Balance("none")), store.ErrNoSuch},
		{tx.Move("a", "b", 99), store.ErrShort}, {tx.Move("a", "none", 1), store.ErrNoSuch}, {tx.Move("none", "a", 1), store.ErrNoSuch},
	} {
		if !errors.Is(want.got, want.err) {
			errs = append(errs, errors.Join(want.got, errors.New("want "+want.err.Error())))
		}
	}
	return errors.Join(errs...)
}

func second(_ int64, err error) error { return err }

func same(what string, got, want int64) error {
	if got != want {
		return errors.New(what + " is wrong")
	}
	return nil
}

func TestRollBack(t *testing.T) {
	for _, style := range []store.Transaction{store.ReadCommitted, store.ForUpdate, store.Serializable} {
		db := open(t, fresh(t), discipline(style), app.Options{})
		mine := errors.New("mine")
		err := db.Update(t.Context(), func(tx *app.Tx) error { return errors.Join(tx.SetCounter("k", 9), mine) })
		if n := counter(t, db); n != 0 || !errors.Is(err, mine) {
			t.Errorf("%s: counter is %d after %v", style, n, err)
		}
	}
}

// A transaction's View sees one moment; without one, each read has its own.
func TestViewIsOneSnapshot(t *testing.T) {
	for _, style := range styles {
		db := open(t, fresh(t), discipline(style), app.Options{})
		must(t, db.View(t.Context(), func(tx *app.Tx) error {
			before, err := tx.Counter("k")
			must(t, err)
			must(t, increment(db, style))
			after, err := tx.Counter("k")
			must(t, err)
			if alone := style == store.Separate || style == store.Atomic; (after != before) != alone {
				t.Errorf("%s: read %d, then %d", style, before, after)
			}
			return nil
		}))
		err := db.View(t.Context(), func(tx *app.Tx) error { return tx.SetCounter("k", 100) })
		if n := counter(t, db); err == nil || n != 1 {
			t.Errorf("%s: a write inside View: %v, counter %d", style, err, n)
		}
	}
}

// An error of PostgreSQL's inside a transaction is the attempt's, whatever the
// application makes of it, and leaves the connection fit.
func TestOverlookedErrorCommitsNothing(t *testing.T) {
	d := discipline(store.ReadCommitted)
	d.Pool = 1
	db := open(t, fresh(t), d, app.Options{})
	e := storeError(t, db.Update(t.Context(), func(tx *app.Tx) error {
		must(t, tx.SetCounter("k", 3))
		_, _ = tx.Insert("a\x00b")
		return nil
	}))
	if e.Code != "CHARACTER_NOT_IN_REPERTOIRE" || e.Refused || e.Unsure {
		t.Errorf("got %+v", e)
	}
	if n := counter(t, db); n != 0 {
		t.Errorf("counter is %d, want 0", n)
	}
}

// Alone, what has been written stands, and the error must not hide it.
func TestHalfDoneIsUnsure(t *testing.T) {
	db := open(t, fresh(t), discipline(store.Separate), app.Options{})
	e := storeError(t, db.Update(t.Context(), func(tx *app.Tx) error {
		must(t, tx.SetCounter("k", 3))
		_, err := tx.Insert("a\x00b")
		return err
	}))
	if e.Refused || !e.Unsure {
		t.Errorf("got %+v, want unsure", e)
	}
}

func TestPanicCostsNoConnection(t *testing.T) {
	d := discipline(store.ForUpdate)
	d.Pool = 1
	db := open(t, fresh(t), d, app.Options{})
	func() {
		defer func() { _ = recover() }()
		_ = db.Update(t.Context(), func(tx *app.Tx) error {
			_ = tx.SetCounter("k", 9)
			panic("mine")
		})
	}()
	eventually(t, "another attempt", func() bool { return increment(db, store.ForUpdate) == nil })
	if n := counter(t, db); n != 1 {
		t.Errorf("counter is %d, want 1", n)
	}
}

func TestSettingsAreReadBack(t *testing.T) {
	for synchronous, commit := range map[store.Synchronous]string{store.Full: "on", store.Off: "off"} {
		d := discipline(store.Atomic)
		d.Synchronous, d.BusyTimeout = synchronous, 1234
		got, err := open(t, fresh(t), d, app.Options{}).Settings(t.Context())
		must(t, err)
		for name, want := range map[string]string{
			"synchronous_commit": commit, "lock_timeout": "1234", "default_transaction_isolation": "read committed",
			"fsync": "on", "pool": "2", "max_connections": "300",
		} {
			if got[name] != want {
				t.Errorf("%s is %q, want %q", name, got[name], want)
			}
		}
		if got["server_version"] == "" {
			t.Error("no server_version")
		}
	}
}

// Four nodes must find room, so a pool can be smaller than what was asked for.
func TestPoolLeavesRoomForOthers(t *testing.T) {
	d := discipline(store.Atomic)
	d.Pool = 200
	got, err := open(t, fresh(t), d, app.Options{}).Settings(t.Context())
	must(t, err)
	if got["pool"] != "71" { // (300 - 10) / 4, less one for the probe
		t.Errorf("the pool has %s connections, want 71", got["pool"])
	}
}

func TestProbe(t *testing.T) {
	db := open(t, fresh(t), discipline(store.Atomic), app.Options{})
	must(t, db.Check(t.Context()))
	must(t, increment(db, store.Atomic))
	stats, err := db.Stats(t.Context())
	must(t, err)
	if stats != (store.Stats{Counters: 1}) {
		t.Errorf("stats are %+v", stats)
	}
}

func TestLab(t *testing.T) {
	db := open(t, fresh(t), discipline(store.ForUpdate), app.Options{})
	must(t, db.Reset(t.Context(), func(tx *app.Tx) error { return tx.SetCounter("k", 41) }))
	must(t, increment(db, store.ForUpdate))
	must(t, db.Update(t.Context(), func(tx *app.Tx) error { _, err := tx.Insert("x"); return err }))
	for _, withRows := range []bool{true, false} {
		facts, err := db.Facts(t.Context(), withRows)
		must(t, err)
		if facts.Counters["k"] != 42 || facts.Records != 1 || (len(facts.Rows) == 1) != withRows || facts.Engine != db.Engine() {
			t.Errorf("facts are %+v", facts)
		}
	}
	must(t, db.Clear(t.Context()))
	if facts, err := db.Facts(t.Context(), true); err != nil || len(facts.Counters) != 0 || facts.Records != 0 {
		t.Errorf("after clear: %+v, %v", facts, err)
	}
	err := db.Reset(t.Context(), func(tx *app.Tx) error { return errors.Join(tx.SetCounter("k", 1), store.ErrNoSuch) })
	if n := counter(t, db); !errors.Is(err, store.ErrNoSuch) || n != 0 {
		t.Errorf("a reset that failed: %v, counter %d", err, n)
	}
}

func TestTrace(t *testing.T) {
	var seen []locktrace.Attempt
	d := discipline(store.ForUpdate)
	d.BusyTimeout = 20
	db := open(t, fresh(t), d, app.Options{Trace: func(a locktrace.Attempt) { seen = append(seen, a) }})
	must(t, increment(db, store.ForUpdate))
	must(t, db.Update(t.Context(), func(tx *app.Tx) error { // seen after the one within it
		_, err := tx.Counter("k")
		_ = increment(db, store.ForUpdate)
		return err
	}))
	counter(t, db)
	if len(seen) != 4 {
		t.Fatalf("seen %d attempts, want 4", len(seen))
	}
	done, refused, read := seen[0], seen[1], seen[3]
	if done.Kind != locktrace.Write || done.Code != "" || done.Began > done.Locked || done.Locked == 0 || done.Locked > done.Ended {
		t.Errorf("an increment is %+v", done)
	}
	if refused.Locked != 0 || refused.Code != "55P03" {
		t.Errorf("a refused one is %+v", refused)
	}
	if read.Kind != locktrace.ReadOnly || read.Locked != 0 {
		t.Errorf("a read is %+v", read)
	}
}

func TestClose(t *testing.T) {
	db, err := app.Open(t.Context(), postgres.At(fresh(t)), discipline(store.ForUpdate), app.Options{})
	must(t, err)
	inside, closed := make(chan struct{}), make(chan error)
	attempt := make(chan error)
	go func() {
		attempt <- db.Update(context.Background(), func(tx *app.Tx) error {
			close(inside)
			time.Sleep(50 * time.Millisecond)
			return tx.SetCounter("k", 1)
		})
	}()
	<-inside
	go func() { closed <- db.Close() }()
	must(t, <-attempt)
	must(t, <-closed)
	must(t, db.Close())
	for name, err := range map[string]error{
		"update": increment(db, store.ForUpdate), "check": db.Check(t.Context()), "clear": db.Clear(t.Context()),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after close: %v", name, err)
		}
	}
}

// The wait for a connection ends with its context, and nothing was begun.
func TestNoConnectionIsFree(t *testing.T) {
	d := discipline(store.Atomic)
	d.Pool = 1
	db := open(t, fresh(t), d, app.Options{})
	must(t, db.Update(t.Context(), func(*app.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := db.View(ctx, func(*app.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		return nil
	}))
}

func TestOpenErrorsSayWhatIsWrong(t *testing.T) {
	good, err := url.Parse(fresh(t))
	must(t, err)
	with := func(change func(*url.URL, url.Values)) string {
		u, query := *good, good.Query()
		change(&u, query)
		u.RawQuery = query.Encode()
		return u.String()
	}
	sqlite := store.Green()
	for name, c := range map[string]struct {
		url  string
		d    store.Discipline
		want string
	}{
		"unreachable": {with(func(u *url.URL, _ url.Values) { u.Host = "127.0.0.1:1" }), discipline(store.Atomic), "connection refused"},
		"password":    {with(func(u *url.URL, _ url.Values) { u.User = url.UserPassword("contend", "wr0ng") }), discipline(store.Atomic), "28P01"},
		"no schema":   {with(func(_ *url.URL, q url.Values) { q.Del("search_path") }), discipline(store.Atomic), "names no schema"},
		"two schemas": {with(func(_ *url.URL, q url.Values) { q.Set("search_path", "a,b") }), discipline(store.Atomic), "search_path"},
		"lost schema": {with(func(_ *url.URL, q url.Values) { q.Set("search_path", "nowhere") }), discipline(store.Atomic), "3F000"},
		"no database": {with(func(u *url.URL, _ url.Values) { u.Path = "/nowhere" }), discipline(store.Atomic), "3D000"},
		"a file":      {"/tmp/shared.db", discipline(store.Atomic), "postgres://"},
		"its port":    {"postgres://u:s3cret@host:99999999/db", discipline(store.Atomic), "postgres://"},
		"driver":      {good.String(), sqlite, "driver modernc"},
		"style":       {good.String(), discipline(store.Exclusive), "transaction"},
	} {
		_, err := app.Open(t.Context(), postgres.At(c.url), c.d, app.Options{Patience: 5 * time.Second})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want something with %q", name, err, c.want)
			continue
		}
		password, _ := good.User.Password()
		for _, secret := range []string{password, "wr0ng", "s3cret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows the password: %v", name, err)
			}
		}
	}
}
