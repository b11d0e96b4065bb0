package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"example.com/contend/internal/api"
)

// healthClient asks over a new connection each time: an old one would tell of
// a node that is gone by now.
var healthClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}

// health asks the node or balancer at url whether it is healthy, and with which
// version of SQLite or which other engine; "" where it does not say.
func health(ctx context.Context, url string) (engine string, healthy bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+api.PathHealth, nil)
	if err != nil {
		return "", false
	}
	resp, err := healthClient.Do(req)
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	var answer api.HealthResponse
	if json.NewDecoder(resp.Body).Decode(&answer) == nil {
		engine = cmp.Or(answer.SQLite, answer.Engine)
	}
	return engine, resp.StatusCode == http.StatusOK
}
