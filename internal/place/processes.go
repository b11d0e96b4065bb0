package place

import (
	"context"

	"example.com/contend/internal/cluster"
	"example.com/contend/internal/cluster/local"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
)

// processes runs nodes as processes of this machine.
func processes(o Options) record.Place {
	return record.Place{
		Name: run.Processes,
		Start: func(ctx context.Context, spec cluster.Spec) (cluster.Cluster, error) {
			spec.Binary = o.Builds[spec.Build]
			c, err := local.Start(ctx, spec)
			if err != nil {
				return nil, err // not c: a nil *local.Cluster in an interface is not nil
			}
			return c, nil
		},
		Refuse: func(s *run.Setup) string {
			if s.Mount != run.MountShared {
				return "it is about how a volume is mounted into containers: --on compose"
			}
			return unknownBuild(o, s)
		},
	}
}
