package app_test

import (
	"cmp"
	"os"
	"os/exec"
	"testing"

	"example.com/contend/internal/app"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// What [discipline] asks for, and so nearly every test: the default driver with
// the stock busy policy, or what these variables say.
const (
	driverEnv = "CONTEND_SQLITE_TEST_DRIVER"
	busyEnv   = "CONTEND_SQLITE_TEST_BUSY"
)

var (
	underTest     = cmp.Or(os.Getenv(driverEnv), store.Modernc)
	busyUnderTest = store.BusyPolicy(cmp.Or(os.Getenv(busyEnv), string(store.Stock)))
)

// isOneOfMany reports whether somebody chose what to test.
func isOneOfMany() bool { return os.Getenv(driverEnv)+os.Getenv(busyEnv) != "" }

// TestEveryDriver runs all tests of this package once more for each further
// driver and busy policy, in a process of its own, side by side. To run one of them:
//
//	CONTEND_SQLITE_TEST_DRIVER=ncruces CONTEND_SQLITE_TEST_BUSY=random go test -count=1 -run TestHold
func TestEveryDriver(t *testing.T) {
	if isOneOfMany() {
		t.Skip("this is the process of one driver and policy already")
	}
	for _, name := range sqlite.Drivers() {
		for _, busy := range []store.BusyPolicy{store.Stock, store.Random} {
			if name == underTest && busy == busyUnderTest {
				continue
			}
			t.Run(name+"/"+string(busy), func(t *testing.T) {
				t.Parallel() // most of it waits for locks and children
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v")
				cmd.Env = append(os.Environ(), driverEnv+"="+name, busyEnv+"="+string(busy))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v:\n%s", err, out)
				}
			})
		}
	}
}

// POSIX locks and OFD locks exclude each other, in a rollback journal and in
// the WAL's shared memory. A transaction that loses updates must lose some, or
// the others prove nothing.
func TestMixedDriversOnOneFile(t *testing.T) {
	if isOneOfMany() {
		t.Skip("done in the process that started this one: it is about all drivers at once")
	}
	if len(sqlite.Drivers()) < 2 {
		t.Skip("needs two drivers: built with -tags no_ncruces and without cgo_sqlite")
	}
	for _, journal := range []store.Journal{store.Delete, store.WAL} {
		for _, style := range []store.Transaction{store.Separate, store.Immediate} {
			t.Run(string(journal)+"/"+string(style), func(t *testing.T) {
				path := file(t)
				var mixed []store.Discipline
				for range 2 {
					for _, name := range sqlite.Drivers() {
						mixed = append(mixed, discipline(func(d *store.Discipline) {
							d.Driver, d.Journal, d.Transaction, d.BusyTimeout, d.Think = name, journal, style, 10_000, 1
						}))
					}
				}
				var acknowledged int64
				for _, said := range together(t, "increment", path, mixed...) {
					acknowledged += said[0]
				}
				facts, err := app.Inspect(t.Context(), sqlite.At(path))
				must(t, err)
				lost := acknowledged - facts.Counters["k"]
				t.Logf("acknowledged %d, final %d", acknowledged, facts.Counters["k"])
				if style == store.Separate && lost <= 0 {
					t.Errorf("lost %d of %d updates, want some", lost, acknowledged)
				}
				if style == store.Immediate && (lost != 0 || acknowledged != int64(25*len(mixed)) || facts.Integrity != "ok") {
					t.Errorf("lost %d of %d updates, integrity %q; want all of %d and ok", lost, acknowledged, facts.Integrity, 25*len(mixed))
				}
			})
		}
	}
}

func first[T any](x T, _ error) T { return x }
