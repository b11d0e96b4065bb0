package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// nodeName is the name of node i, from 0.
func nodeName(i int) string { return "app-" + strconv.Itoa(i+1) }

// flags are what `contend node` is told wherever node i runs: its discipline
// and what an experiment wants of it.
func (s Spec) flags(i int) []string {
	d := s.Discipline
	if s.Drivers != "" {
		drivers := strings.Split(s.Drivers, ",")
		d.Driver = drivers[i%len(drivers)]
	}
	flags := []string{
		"--driver", d.Driver, "--journal", string(d.Journal), "--synchronous", string(d.Synchronous),
		"--busy-timeout", strconv.FormatInt(int64(d.BusyTimeout), 10), "--busy-policy", string(d.Busy),
		"--transaction", string(d.Transaction), "--think", strconv.FormatInt(int64(d.Think), 10),
		"--retries", strconv.Itoa(d.Retries), "--backoff", d.Backoff.String(),
		"--writer", string(d.Writer), "--pool", strconv.Itoa(d.Pool),
		"--seed", strconv.FormatUint(s.Seed, 10),
	}
	if s.Lab {
		flags = append(flags, "--lab")
	}
	return flags
}

// binary is the contend to run.
func (s Spec) binary() (string, error) {
	if s.Binary != "" {
		return s.Binary, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return self, nil
}

// fresh refuses a directory that has a database: a path that had one before
// could pair the new one with an old journal or WAL
// (https://sqlite.org/howtocorrupt.html, section 1.4).
func (s Spec) fresh() error {
	leftovers, err := filepath.Glob(filepath.Join(s.Dir, Database+"*"))
	if err != nil || len(leftovers) > 0 {
		return fmt.Errorf("%s is not fresh: %q is there", s.Dir, leftovers)
	}
	return nil
}
