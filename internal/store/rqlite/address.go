package rqlite

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"example.com/contend/internal/display"
)

// Scheme begins the URL of a cluster.
const Scheme = "rqlite://"

// A Level is a read's consistency (https://rqlite.io/docs/api/read-consistency/).
type Level string

const (
	// Weak reads are answered by the node that takes itself for the leader. One
	// that was deposed less than its lease ago, half a second, may answer with old
	// data. It is rqlite's default, and ours.
	Weak Level = "weak"
	// Linearizable reads are answered once a majority has said that the leader
	// still is one.
	Linearizable Level = "linearizable"
)

// An Address is where a cluster is and which of its tables are meant.
type Address struct {
	Hosts  []string // "host:port" of nodes' HTTP APIs, in the order in which they are tried
	Prefix string   // the tables' names begin with it and a "_"
	Level  Level    // of the application's reads
	// Forward lets a node that is not the leader pass the request on itself. It
	// is for clusters whose nodes advertise an address that cannot be reached
	// from here, and it costs certainty: see the package comment.
	Forward bool
}

// prefixes are what may stand in the text of a statement unquoted.
var prefixes = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)

// hostNames are names that may stand in a URL; whether one exists is for the
// resolver to say.
var hostNames = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$`)

// Parse takes "rqlite://HOST:PORT[,HOST:PORT…]?prefix=NAME", with "&level=weak"
// or "&level=linearizable" and "&forward=true" where they are wanted. A prefix
// is a letter and up to 62 letters, digits and "_". The error names what is
// wrong.
func Parse(address string) (a Address, err error) {
	defer func() {
		if err != nil {
			a, err = Address{}, fmt.Errorf("rqlite address %q: %w", display.URL(address), err)
		}
	}()
	rest, ok := strings.CutPrefix(address, Scheme)
	if !ok {
		return a, fmt.Errorf("it does not begin with %s", Scheme)
	}
	if strings.Contains(rest, "@") {
		return a, errors.New("a user and a password are not supported")
	}
	// net/url has no list of hosts with ports.
	hosts, query, _ := strings.Cut(rest, "?")
	a = Address{Level: Weak, Hosts: strings.Split(hosts, ",")}
	for _, host := range a.Hosts {
		if err := checkHost(host); err != nil {
			return a, err
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return a, errors.New("what stands behind the ? is not NAME=VALUE&NAME=VALUE")
	}
	for name, value := range values {
		if len(value) != 1 {
			return a, fmt.Errorf("%s is given %d times", name, len(value))
		}
		if err := a.set(name, value[0]); err != nil {
			return a, err
		}
	}
	if a.Prefix == "" {
		return a, fmt.Errorf("it has no prefix=NAME, which the tables' names begin with")
	}
	return a, nil
}

func (a *Address) set(name, value string) (err error) {
	switch name {
	case "prefix":
		if !prefixes.MatchString(value) || strings.HasPrefix(strings.ToLower(value), "sqlite_") {
			return fmt.Errorf("prefix %q is not a letter and at most 62 letters, digits and _, or begins with sqlite_", value)
		}
		a.Prefix = value
	case "level":
		a.Level = Level(value)
		if a.Level != Weak && a.Level != Linearizable {
			return fmt.Errorf("level %q is neither weak nor linearizable", value)
		}
	case "forward":
		if a.Forward, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("forward %q is neither true nor false", value)
		}
	default:
		return fmt.Errorf("%q is none of prefix, level, forward", display.URL(name))
	}
	return nil
}

func checkHost(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("node %q is not HOST:PORT", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("node %q: port %q is not within 1 and 65535", address, port)
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && ip.Zone() == "" || hostNames.MatchString(host) {
		return nil
	}
	return fmt.Errorf("node %q: %q is no name and no IP address", address, host)
}

// String returns the address as [Parse] takes it.
func (a Address) String() string {
	s := Scheme + strings.Join(a.Hosts, ",") + "?prefix=" + a.Prefix
	if a.Level != Weak {
		s += "&level=" + string(a.Level)
	}
	if a.Forward {
		s += "&forward=true"
	}
	return s
}
