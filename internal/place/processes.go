package place

import (
	"context"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/experiment"
)

// processes runs nodes as processes of this machine.
func processes(o Options) experiment.Place {
	return experiment.Place{
		Name: experiment.Processes,
		Start: func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
			spec.Binary = o.Builds[spec.Build]
			c, err := local.Start(ctx, spec)
			if err != nil {
				return nil, err // not c: a nil *local.Cluster in an interface is not nil
			}
			return c, nil
		},
		Refuse: func(s *experiment.Setup) string {
			if s.Mount != cluster.MountShared {
				return "it is about how a volume is mounted into containers: --on compose"
			}
			return unknownBuild(o, s)
		},
	}
}
