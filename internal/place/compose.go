package place

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/contend/deploy"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/compose"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
)

// composeOverhead is about how long it takes to bring containers up and down
// around a recording; measured.
const composeOverhead = 3 * time.Second

// openCompose finds Docker and makes sure that there is an image for every
// build of the node.
func (p *Places) openCompose(ctx context.Context, o Options) error {
	d, err := docker.Find(ctx)
	if err != nil {
		return err
	}
	on := compose.Containers{
		Docker: d, Image: o.Image, Images: map[string]string{},
		Nginx: cmp.Or(o.Nginx, deploy.Default().Nginx),
	}
	if err := d.Ensure(ctx, on.Nginx); err != nil {
		return err
	}
	if o.Image == "" {
		if on.Image, err = p.imageOfThis(ctx, d); err != nil {
			return err
		}
	} else if err := d.Ensure(ctx, o.Image); err != nil {
		return err
	}
	for build, program := range o.Builds {
		if program == "" {
			continue
		}
		if on.Images[build], err = p.image(ctx, d, program); err != nil {
			return err
		}
	}
	p.All = append(p.All, record.Place{
		Name: Compose,
		Start: func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
			c, err := compose.Start(ctx, spec, on)
			if err != nil {
				return nil, err // not c: a nil *compose.Cluster in an interface is not nil
			}
			return c, nil
		},
		Refuse:   func(s *run.Setup) string { return unknownBuild(o, s) },
		Overhead: composeOverhead,
	})
	return nil
}

func (p *Places) imageOfThis(ctx context.Context, d *docker.Docker) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return p.image(ctx, d, self)
}

// image makes an image of program, which is removed when the places are closed,
// unless it had been there before.
func (p *Places) image(ctx context.Context, d *docker.Docker, program string) (string, error) {
	tag, built, err := d.Image(ctx, program)
	if err != nil {
		return "", err
	}
	if built {
		p.close = append(p.close, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := d.RemoveImage(ctx, tag); err != nil {
				return errors.Join(fmt.Errorf("remove image %s", tag), err)
			}
			return nil
		})
	}
	return tag, nil
}
