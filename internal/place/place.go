// Package place knows where experiments can be run: as processes of this
// machine, in containers, and on nodes that somebody else started. It makes a
// word of the command line into an [record.Place], and says of each arm that
// cannot be run there why not.
package place

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/contend/deploy"
	"example.com/contend/internal/clean"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/compose"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/cluster/remote"
	"example.com/contend/internal/display"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
	"example.com/contend/internal/units"
	"example.com/contend/internal/workload"
)

// Compose is the name of the place where nodes are containers.
const Compose = "compose"

// Options say more about the places.
type Options struct {
	// Builds are the programs to run as nodes, by the name that a setup has for
	// them; this program needs no entry.
	Builds map[string]string
	// Image is the image of the nodes in containers; empty: one is made of this
	// program, and removed when the places are closed.
	Image string
	// Nginx is the image of the balancer before them; empty: nginx:alpine.
	Nginx string
	// Alone leaves out the processes beside the containers.
	Alone bool

	// Say reports progress to people who wait; nil reports nothing.
	Say func(string)
}

// Places are where a run is to take place.
type Places struct {
	All []record.Place
	closers
}

// closers give back what was opened, the last first.
type closers []func() error

// Close gives back what is held.
func (c *closers) Close() error {
	var errs []error
	for _, end := range slices.Backward(*c) {
		errs = append(errs, end())
	}
	*c = nil
	return errors.Join(errs...)
}

// Open makes the places that words name: "processes", "compose" (which has
// processes beside it, to compare with, unless o says otherwise), or URLs, which
// together are one place. It finds out whether they can be used: that there is a
// Docker engine, that nodes answer. The caller closes the places.
func Open(ctx context.Context, words []string, o Options) (*Places, error) {
	urls, err := URLs(words)
	if err != nil {
		return nil, err
	}
	p := &Places{}
	inContainers := slices.Contains(words, Compose)
	if slices.Contains(words, run.Processes) || inContainers && !o.Alone {
		p.All = append(p.All, processes(o))
	}
	if inContainers {
		err = p.openCompose(ctx, o)
		for i := range p.All {
			p.All[i].Usage = nil // the engine's programs and the nodes are not our children: what is ours is not known
		}
	}
	if err == nil && len(urls) > 0 {
		err = p.openRemote(ctx, urls)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// URLs returns the words that are URLs of nodes. The error names the first word that
// is no place.
func URLs(words []string) (urls []string, err error) {
	for _, word := range words {
		switch {
		case word == run.Processes, word == Compose:
		case strings.Contains(word, "://"):
			urls = append(urls, word)
		default:
			return nil, fmt.Errorf("%q is none of processes, compose or a URL such as http://127.0.0.1:8080%s", display.URL(word), units.Like(word, []string{run.Processes, Compose}))
		}
	}
	return urls, nil
}

// unknownBuild says why a setup that wants another build of the node cannot be
// run; "" where it can.
func unknownBuild(o Options, s *run.Setup) string {
	if s.Build == "" || o.Builds[s.Build] != "" {
		return ""
	}
	return fmt.Sprintf("needs a contend with an old SQLite: build it with `make %s`, name it with --%s", s.Build, s.Build)
}

// started returns c as a cluster, and nil where there is an error: a nil pointer in
// an interface is not nil.
func started[C cluster.Cluster](c C, err error) (cluster.Cluster, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// processes runs nodes as processes of this machine.
func processes(o Options) record.Place {
	return record.Place{
		Name: run.Processes,
		Start: func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
			spec.Binary = o.Builds[spec.Build]
			return started(local.Start(ctx, spec))
		},
		Refuse: func(s *run.Setup) string {
			if s.Mount != run.MountShared && s.Mount != run.MountLinked && s.Mount != run.MountOwnFile {
				return "needs Docker: --on compose"
			}
			return unknownBuild(o, s)
		},
		Usage: proc.MachineUsage, SyncTime: proc.SyncTime,
	}
}

// openCompose finds Docker and makes sure that there is an image for every build of
// the node: one is made of its program, unless o names it. A guard sees to it that
// nothing is left of the images and of what is made of them.
func (p *Places) openCompose(ctx context.Context, o Options) error {
	d, err := docker.Find(ctx)
	if err != nil {
		return err
	}
	say := o.Say
	if say == nil {
		say = func(string) {}
	}
	if err := p.guard(ctx, "", clean.Where{Docker: true}, say); err != nil {
		return err
	}
	on := compose.Containers{Docker: d, Images: map[string]string{}, Nginx: cmp.Or(o.Nginx, deploy.NginxImage)}
	if err := d.Ensure(ctx, on.Nginx); err != nil {
		return err
	}
	programs := map[string]string{}
	maps.Copy(programs, o.Builds)
	if o.Image != "" {
		on.Images[""] = o.Image
		err = d.Ensure(ctx, o.Image)
	} else {
		programs[""], err = os.Executable()
	}
	if err != nil {
		return err
	}
	for build, program := range programs {
		if program == "" {
			continue
		}
		if on.Images[build], err = d.Image(ctx, program, owner.Self()); err != nil {
			return err
		}
	}
	p.All = append(p.All, record.Place{
		Name: Compose,
		Start: func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
			return started(compose.Start(ctx, spec, on))
		},
		Refuse: func(s *run.Setup) string {
			if s.Mount == run.MountLinked {
				return "it is about processes on one host: see mounts"
			}
			if s.Mount == run.MountOwnFile {
				return "containers share the directory of the database, and here each node has a file of its own"
			}
			return unknownBuild(o, s)
		},
		Overhead: 3 * time.Second, // to bring containers up and down; measured
	})
	return nil
}

// giveBackPatience is how long nodes that were borrowed may take to have their
// own database again.
const giveBackPatience = 30 * time.Second

// openRemote finds the nodes behind urls.
func (p *Places) openRemote(ctx context.Context, urls []string) error {
	nodes, err := remote.Discover(ctx, urls)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), giveBackPatience)
		defer cancel()
		return nodes.Close(ctx)
	})
	p.All = append(p.All, record.Place{
		Name: nodes.URL(), Start: nodes.Start, Single: true,
		Refuse: func(s *run.Setup) string {
			if s.Fault != nil && run.Kills(s.Fault) {
				return "nodes would be killed, and contend kills no node that it did not start"
			}
			if _, holds := s.Fault.(run.Hold); holds && s.Traced {
				return "needs traces of the nodes' attempts, which contend can read only from nodes that it starts"
			}
			if why := nodes.Refuse(record.Spec(s, "", 0)); why != "" {
				return why
			}
			if _, counted := workload.Counters(s.Workload); !nodes.Lab && !counted {
				return "needs /lab/facts to read the database: start the nodes with --lab"
			}
			return ""
		},
	})
	return nil
}
