package cli

import (
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"example.com/contend/internal/balance"
	"example.com/contend/internal/memory"
)

func newBalanceCommand(s streams) *cobra.Command {
	var cfg balance.Config
	var nodes []string // NAME=HOST:PORT
	cmd := &cobra.Command{
		Use:   "balance --node NAME=HOST:PORT…",
		Short: "Load-balance requests over nodes",
		Long: `Balance sends requests under /api/ to the nodes in turn, and requests under
/app-1/ only to the node named app-1. Its own /health lists the nodes, and /status
counts requests by node and outcome: a page for a browser, JSON with ?format=json.

Balance sends a request once. It tries another node only if it has sent nothing of
the request. 503 NO_NODE: no node received the request. 503 BALANCER_FULL: neither
did one, because balance has 2,048 clients or 64 MiB of large bodies already. 502
NODE_LOST and 504 NODE_TIMEOUT: balance sent the request to a node, and its effect is
unknown. Balance skips a node that refuses a connection for --eject-for; it does not
skip a node whose database is busy.

With --single-writer, every method under /api/ except GET and HEAD goes to one node,
the first --node. If the writer cannot be reached, the next reachable node becomes
the writer and remains so. The log and /health name the writer.

Web pages must not reach a balancer under a name of their own: on a loopback address
it refuses every Host but localhost, IP addresses and --allow-host with 421. With
--allow-remote it takes every Host, unless --allow-host is given. It passes the Host on,
so give the nodes behind it the same --allow-host.

On SIGTERM or Ctrl-C, balance stops accepting connections, finishes the requests in
flight and exits 0.`,
		Example: `  contend balance --node app-1=127.0.0.1:3001 --node app-2=127.0.0.1:3002
  contend balance --node app-1=127.0.0.1:3001 --node app-2=127.0.0.1:3002 --single-writer
  contend balance --node app-1=127.0.0.1:3001 --allow-host lab.example
  curl -s -d '{"key":"counter"}' http://127.0.0.1:8080/api/increment
  curl -s http://127.0.0.1:8080/app-2/metrics
  curl -s http://127.0.0.1:8080/health`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	at := listenFlags(flags, "127.0.0.1:8080")
	flags.StringArrayVar(&nodes, "node", nil, "a node, as `NAME=HOST:PORT` (repeatable)")
	flags.DurationVar(&cfg.CheckInterval, "check-interval", balance.DefaultCheckInterval, "interval between health checks of a node")
	flags.DurationVar(&cfg.EjectFor, "eject-for", balance.DefaultEjectFor, "how long to skip a node that refused a connection")
	flags.DurationVar(&cfg.Timeout, "timeout", balance.DefaultTimeout, "time limit for the answer of a node")
	flags.BoolVar(&cfg.SingleWriter, "single-writer", false, "send writes under /api/ to one node, and reads to all nodes")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		if len(nodes) == 0 {
			return usagef("no node given: add --node NAME=HOST:PORT for each node")
		}
		for _, node := range nodes {
			name, addr, ok := strings.Cut(node, "=")
			if !ok {
				return usagef("--node %q is not NAME=HOST:PORT", node)
			}
			cfg.Nodes = append(cfg.Nodes, balance.Node{Name: name, Addr: addr})
		}
		cfg.Logger = slog.New(slog.NewJSONHandler(s.err, nil))
		cfg.AllowHosts = at.allowHosts
		b, err := balance.New(cfg)
		if err != nil {
			return usagef("%w", err)
		}
		ln, err := at.listen()
		if err != nil {
			return err
		}
		// From here on the kernel accepts connections, and Serve finds them waiting.
		if err := at.announce(ln); err != nil {
			ln.Close()
			return err
		}
		defer memory.Bound()()
		return b.Serve(cmd.Context(), ln)
	})
	return cmd
}
