package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"example.com/contend/internal/http1"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/sqlite"
)

// disciplineFlags adds --preset and one flag for each setting of a discipline.
// The function it returns reads them after parsing: the preset, with the
// settings that were given in place of its own. None shows a default in the help:
// that is the preset's.
func disciplineFlags(fs *pflag.FlagSet) func() (store.Discipline, error) {
	preset := fs.String("preset", "green", "base settings: red (no WAL, busy_timeout 0, no transaction) or green\n(WAL, busy_timeout 5000, BEGIN EXCLUSIVE, 3 retries)")
	for _, s := range store.Settings {
		if s.Number {
			fs.Int(s.Flag, 0, s.Usage)
		} else {
			fs.String(s.Flag, "", s.Usage)
		}
	}
	value := func(flag string) string { return fs.Lookup(flag).Value.String() }
	return func() (store.Discipline, error) {
		d, err := store.Preset(*preset)
		if err != nil {
			return d, fmt.Errorf("--preset: %w", err)
		}
		if fs.Changed("driver") { // it decides which of the preset's settings there are
			d = d.With(value("driver"))
		}
		for _, s := range store.Settings {
			if !fs.Changed(s.Flag) {
				continue
			}
			if err := s.Set(&d, s.Fold(value(s.Flag))); err != nil {
				return d, fmt.Errorf("--%s: %w", s.Flag, err)
			}
		}
		return d, d.Validate()
	}
}

// checkDriver returns an error where no node could be started with a driver of SQLite's.
func checkDriver(name string) error {
	_, err := sqlite.VersionOf(name)
	if errors.Is(err, sqlite.ErrNotBuiltIn) {
		return hinted(err, builtIn())
	}
	return err
}

// builtIn says which drivers there are.
func builtIn() string {
	return "use one of the drivers that are built in: " + strings.Join(sqlite.Drivers(), ", ")
}

// A listener is where a verb that serves listens.
type listener struct {
	addr        string
	allowRemote bool
	allowHosts  []string
	readyFD     int // 0: nobody waits for the address
}

// listenFlags adds the flags of a listener, whose address is addr by default.
func listenFlags(fs *pflag.FlagSet, addr string) *listener {
	l := &listener{}
	l.addFlags(fs, "address to listen on; port 0 picks a free port", addr)
	fs.IntVar(&l.readyFD, "ready-fd", 0, "write the address to this inherited descriptor once it is listened on")
	_ = fs.MarkHidden("ready-fd")
	return l
}

// addFlags adds the flags that people give a listener, whose address is addr by default.
func (l *listener) addFlags(fs *pflag.FlagSet, usage, addr string) {
	fs.StringVar(&l.addr, "listen", addr, usage)
	fs.BoolVar(&l.allowRemote, "allow-remote", false, "allow a --listen address that other machines can reach")
	fs.StringArrayVar(&l.allowHosts, "allow-host", nil, "answer requests whose Host field is `NAME` too, beside localhost and\nIP addresses (repeatable; * is every name)")
}

// listen opens the address. Unless allowRemote is set, one that other machines
// could reach is a mistake on the command line.
func (l *listener) listen() (net.Listener, error) {
	for _, name := range l.allowHosts {
		if err := http1.CheckName(name); err != nil {
			return nil, usagef("--allow-host %w", err)
		}
	}
	resolved, err := net.ResolveTCPAddr("tcp", l.addr)
	if err != nil {
		return nil, usagef("--listen %s: %w", l.addr, err)
	}
	if !l.allowRemote && !resolved.IP.IsLoopback() {
		return nil, &exitError{
			code: exitUsage,
			hint: "listen on 127.0.0.1, or add --allow-remote: then anyone who can connect can write",
			err:  fmt.Errorf("--listen %s: other machines could reach this address", l.addr),
		}
	}
	// What was judged is what is listened on: a name could mean another address by now.
	ln, err := net.ListenTCP("tcp", resolved)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // the rest of it says the address again
		}
		return nil, hinted(fmt.Errorf("listen on %s: %w", l.addr, err), "port 0 picks a free port")
	}
	return ln, nil
}

// announce writes the address of ln and a line feed to the inherited descriptor and
// closes it, so that the process that started this one knows where it listens. It
// does nothing where there is no descriptor.
func (l *listener) announce(ln net.Listener) error {
	if l.readyFD == 0 {
		return nil
	}
	if l.readyFD <= 2 {
		return usagef("--ready-fd %d is not an inherited descriptor above 2", l.readyFD)
	}
	f := os.NewFile(uintptr(l.readyFD), "ready-fd")
	if _, err := fmt.Fprintln(f, ln.Addr()); err != nil {
		f.Close()
		return fmt.Errorf("announce the address: %w", err)
	}
	return f.Close()
}
