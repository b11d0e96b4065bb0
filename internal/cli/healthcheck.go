package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/contend/internal/display"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/nodeclient"
)

// defaultPort is a node's port where PORT is not set.
const defaultPort = "3000"

func newHealthcheckCommand() *cobra.Command {
	var address string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Check once whether a node is healthy",
		Long: `Healthcheck sends GET /health to one node. If the answer is 200, it prints nothing
and exits 0. Otherwise it prints the reason on stderr and exits 4. It is the health
check of a container image that contains no other program.

Without --url it checks the node on this machine: http://127.0.0.1:$PORT/health, with
port 3000 if PORT is not set. A node answers 200 if its database answers, even if
the database answers that another node holds the lock.`,
		Example: `  contend healthcheck && echo healthy
  contend healthcheck --url http://127.0.0.1:8080/app-2/health --timeout 1s
  docker exec contend-app-1-1 /contend healthcheck`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&address, "url", "", "`URL` to check instead of http://127.0.0.1:$PORT/health")
	flags.DurationVar(&timeout, "timeout", 4*time.Second, "time limit for the whole answer")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		target, err := healthURL(address, os.Getenv("PORT"))
		if err != nil {
			return err
		}
		if timeout <= 0 {
			return usagef("--timeout %v: want more than 0", timeout)
		}
		return askHealth(cmd.Context(), target, timeout)
	})
	return cmd
}

// healthURL returns the address to ask: the one given, or that of the node on
// this machine with this port.
func healthURL(given, port string) (string, error) {
	if given == "" {
		port = cmp.Or(port, defaultPort)
		if _, err := net.LookupPort("tcp", port); err != nil {
			return "", usagef("PORT=%s: %w", port, err)
		}
		return "http://" + net.JoinHostPort("127.0.0.1", port) + nodeapi.PathHealth, nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", usagef("--url %s is not a URL such as http://127.0.0.1:3000/health", display.URL(given))
	}
	return given, nil
}

// askHealth returns nil where target answers 200 within timeout.
func askHealth(ctx context.Context, target string, timeout time.Duration) error {
	answer, err := nodeclient.Get(ctx, target, timeout)
	target = display.URL(target) // for people
	var sending *url.Error
	if errors.As(err, &sending) {
		err = sending.Err // without the URL again
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return hinted(fmt.Errorf("get %s: no answer within %v", target, timeout), "raise --timeout")
	case err != nil:
		return hinted(fmt.Errorf("get %s: %w", target, err), "start a node there, or name another address with --url")
	case answer.Status == http.StatusOK:
		return nil
	}
	reason := strings.TrimSuffix(": "+answer.Reason, ": ")
	return fmt.Errorf("get %s: %d %s%s", target, answer.Status, http.StatusText(answer.Status), reason)
}
