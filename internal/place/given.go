package place

import (
	"context"
	"time"

	"example.com/contend/internal/cluster/remote"
	"example.com/contend/internal/record"
	"example.com/contend/internal/run"
	"example.com/contend/internal/workload"
)

// giveBackPatience is how long nodes that were borrowed may take to have their
// own database again.
const giveBackPatience = 30 * time.Second

// openGiven finds the nodes behind urls.
func (p *Places) openGiven(ctx context.Context, urls []string) error {
	nodes, err := remote.Discover(ctx, urls)
	if err != nil {
		return err
	}
	p.close = append(p.close, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), giveBackPatience)
		defer cancel()
		return nodes.Close(ctx)
	})
	p.All = append(p.All, record.Place{
		Name:   nodes.URL(),
		Start:  nodes.Start,
		Refuse: func(s *run.Setup) string { return refuse(nodes, s) },
		Single: true,
	})
	return nil
}

// refuse says why s cannot be recorded on nodes that somebody else started.
func refuse(nodes *remote.Nodes, s *run.Setup) string {
	if s.Fault != nil && run.Kills(s.Fault) {
		return "nodes are killed in it, and these were started by somebody else"
	}
	if _, holds := s.Fault.(run.Hold); holds && s.Traced {
		return "it is decided by what nodes write down of their attempts, and these keep that to themselves"
	}
	if why := nodes.Refuse(record.Spec(s, "", 0)); why != "" {
		return why
	}
	if _, counted := workload.Counters(s.Workload); !nodes.Lab && !counted {
		return "what clients change in it can be read back only through /lab/facts: start the nodes with --lab"
	}
	return ""
}
