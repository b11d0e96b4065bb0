package deploy

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	// nodeName is a host name, a service's and the first part of a path in one.
	nodeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	// threeBytes is the first part of an address, or a variable that holds one.
	threeBytes = regexp.MustCompile(`^([0-9]{1,3}\.){3}$|^\$\{.*\}$`)
	// address is IP:PORT; either may be a variable.
	address = regexp.MustCompile(`^[0-9.]+:([0-9]+|\$\{.*\})$|^\$\{.*\}$`)
)

// taken are names that the files use for something else.
var taken = []string{"nginx", "postgres", "nodes", "api", "health", "nginx-health", "metrics", "lab", "localhost"}

// check finds what would give a file that is wrong, or one that means something else.
func (s Stack) check() error {
	switch {
	case len(s.Nodes) < 1 || len(s.Nodes) > maxNodes:
		return fmt.Errorf("nodes: there are %d, not 1 to %d", len(s.Nodes), maxNodes)
	case !threeBytes.MatchString(s.Subnet):
		return fmt.Errorf("subnet %q: want three bytes with a dot after each, as 198.18.7. is in 198.18.7.0/24", s.Subnet)
	case !address.MatchString(s.Listen):
		return fmt.Errorf("listen %q is not an IP address and a port, as in 127.0.0.1:8080", s.Listen)
	case s.Healthcheck < 0 || s.Healthcheck%time.Second != 0:
		return fmt.Errorf("healthcheck %v is not whole seconds", s.Healthcheck)
	}
	var names []string
	for _, n := range s.Nodes {
		if slices.Contains(names, n.Name) {
			return fmt.Errorf("node %s: there are two of that name", n.Name)
		}
		names = append(names, n.Name)
		if err := n.check(); err != nil {
			return fmt.Errorf("node %q: %w", n.Name, err)
		}
	}
	return nil
}

func (n Node) check() error {
	switch {
	case !nodeName.MatchString(n.Name):
		return errors.New("the name is not 1 to 63 small letters, digits and dashes, a letter first")
	case slices.Contains(taken, n.Name):
		return errors.New("the name is taken: choose another, such as app-1")
	case n.Port < 1 || n.Port > 65535:
		return fmt.Errorf("port %d is not within 1 and 65535", n.Port)
	case !path.IsAbs(n.DBPath):
		return fmt.Errorf("database path %q does not begin with /", n.DBPath)
	}
	for _, v := range n.Volumes {
		source, target, ok := strings.Cut(v, ":")
		if !ok || source == "" || !path.IsAbs(target) {
			return fmt.Errorf("volume %q is not SOURCE:/PATH", v)
		}
	}
	return nil
}
