package cli

import (
	"context"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"example.com/contend/internal/balance"
)

// balanceOptions are the flags of `contend balance` that do not go into its Config.
type balanceOptions struct {
	listen      string
	allowRemote bool
	nodes       []string // NAME=HOST:PORT
	readyFD     int
}

func newBalanceCommand(s streams) *cobra.Command {
	var o balanceOptions
	var cfg balance.Config
	cmd := &cobra.Command{
		Use:   "balance --node NAME=HOST:PORT…",
		Short: "Load-balance requests over nodes",
		Long: `Balance sends requests under /api/ to the nodes in turn, and requests under
/app-1/ only to the node named app-1. Its own /health lists the nodes.

Balance sends a request once. It tries another node only if it has sent nothing of
the request. 503 NO_NODE: no node received the request. 502 NODE_LOST and 504
NODE_TIMEOUT: balance sent the request to a node, and its effect is unknown. Balance
skips a node that refuses a connection for --eject-for; it does not skip a node
whose database is busy.

With --single-writer, every method under /api/ except GET and HEAD goes to one node,
the first --node. If the writer cannot be reached, the next reachable node becomes
the writer and remains so. The log and /health name the writer.

On SIGTERM or Ctrl-C, balance stops accepting connections, finishes the requests in
flight and exits 0.`,
		Example: `  contend balance --node app-1=127.0.0.1:3001 --node app-2=127.0.0.1:3002
  contend balance --node app-1=127.0.0.1:3001 --node app-2=127.0.0.1:3002 --single-writer
  curl -s -d '{"key":"counter"}' http://127.0.0.1:8080/api/increment
  curl -s http://127.0.0.1:8080/app-2/metrics
  curl -s http://127.0.0.1:8080/health`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 picks a free port")
	flags.BoolVar(&o.allowRemote, "allow-remote", false, "allow a --listen address that other machines can reach")
	flags.StringArrayVar(&o.nodes, "node", nil, "a node, as `NAME=HOST:PORT` (repeatable)")
	flags.DurationVar(&cfg.CheckInterval, "check-interval", balance.DefaultCheckInterval, "interval between health checks of a node")
	flags.DurationVar(&cfg.EjectFor, "eject-for", balance.DefaultEjectFor, "how long to skip a node that refused a connection")
	flags.DurationVar(&cfg.Timeout, "timeout", balance.DefaultTimeout, "time limit for the answer of a node")
	flags.BoolVar(&cfg.SingleWriter, "single-writer", false, "send writes under /api/ to one node, and reads to all nodes")
	flags.IntVar(&o.readyFD, "ready-fd", 0, "write the address to this inherited descriptor once it is listened on")
	_ = flags.MarkHidden("ready-fd")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		return serveBalance(cmd.Context(), s, o, cfg)
	})
	return cmd
}

func serveBalance(ctx context.Context, s streams, o balanceOptions, cfg balance.Config) error {
	var err error
	if cfg.Nodes, err = parseNodes(o.nodes); err != nil {
		return err
	}
	cfg.Logger = slog.New(slog.NewJSONHandler(s.err, nil))
	b, err := balance.New(cfg)
	if err != nil {
		return usagef("%w", err)
	}
	ln, err := listen(o.listen, o.allowRemote)
	if err != nil {
		return err
	}
	// From here on the kernel accepts connections, and Serve finds them waiting.
	if err := announce(o.readyFD, ln.Addr()); err != nil {
		ln.Close()
		return err
	}
	return b.Serve(ctx, ln)
}

// parseNodes reads the values of --node.
func parseNodes(values []string) ([]balance.Node, error) {
	if len(values) == 0 {
		return nil, usagef("no node given: add --node NAME=HOST:PORT for each node")
	}
	nodes := make([]balance.Node, len(values))
	for i, v := range values {
		name, addr, ok := strings.Cut(v, "=")
		if !ok {
			return nil, usagef("--node %q is not NAME=HOST:PORT", v)
		}
		nodes[i] = balance.Node{Name: name, Addr: addr}
	}
	return nodes, nil
}
