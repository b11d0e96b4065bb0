// Package place knows where experiments can be run: as processes of this
// machine, in containers, and on nodes that somebody else started. It makes a
// word of the command line into an [record.Place], and says of each arm that
// cannot be run there why not.
package place

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
)

// Compose is the name of the place where nodes are containers.
const Compose = "compose"

// Options are what the places can be told.
type Options struct {
	// Builds are the programs to run as nodes, by the name that a setup has for
	// them; this program needs no entry.
	Builds map[string]string
	// Image is the image of the nodes in containers; empty: one is made of this
	// program, and removed in the end.
	Image string
	// Nginx is the image of the balancer before them; empty: nginx:alpine.
	Nginx string
	// Alone leaves out the processes beside the containers.
	Alone bool
}

// Places are where a run is to take place.
type Places struct {
	All   []record.Place
	close []func() error
}

// Open makes the places that words name: "processes", "compose" (which has
// processes beside it, to compare with, unless told otherwise), or URLs. It
// finds out whether they can be used: that there is a Docker engine, that nodes
// answer. What it opened is to be closed.
func Open(ctx context.Context, words []string, o Options) (p *Places, err error) {
	kinds, urls, err := sort(words, o.Alone)
	if err != nil {
		return nil, err
	}
	p = &Places{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	for _, kind := range kinds {
		switch kind {
		case run.Processes:
			p.All = append(p.All, processes(o))
		case Compose:
			err = p.openCompose(ctx, o)
		default:
			err = p.openGiven(ctx, urls)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// Check returns an error that names the first word which is no place.
func Check(words []string) error {
	_, _, err := sort(words, false)
	return err
}

// Close gives back what the places hold, the last opened first.
func (p *Places) Close() error {
	var errs []error
	for _, end := range slices.Backward(p.close) {
		errs = append(errs, end())
	}
	p.close = nil
	return errors.Join(errs...)
}

// given stands for all URLs together, which are one place.
const given = "given"

// sort tells the words apart and puts them in the order of the report.
func sort(words []string, alone bool) (kinds, urls []string, err error) {
	named := map[string]bool{}
	for _, word := range words {
		switch {
		case word == run.Processes, word == Compose:
			named[word] = true
		case strings.Contains(word, "://"):
			named[given] = true
			urls = append(urls, word)
		default:
			return nil, nil, fmt.Errorf("%q is none of processes, compose or a URL such as http://127.0.0.1:8080", word)
		}
	}
	if named[Compose] && !alone {
		named[run.Processes] = true
	}
	for _, kind := range []string{run.Processes, Compose, given} {
		if named[kind] {
			kinds = append(kinds, kind)
		}
	}
	return kinds, urls, nil
}

// unknownBuild says why a setup that wants another build of the node cannot be
// run; "" where it can.
func unknownBuild(o Options, s *run.Setup) string {
	if s.Build == "" || o.Builds[s.Build] != "" {
		return ""
	}
	return fmt.Sprintf("it needs a node built with an old engine: `make %s` builds it, --%s names it", s.Build, s.Build)
}
