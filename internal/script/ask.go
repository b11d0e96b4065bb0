package script

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"

	"example.com/contend/history"
	"example.com/contend/internal/api"
)

// A reply is what the database made of a request, for it or against it.
type reply struct {
	api.SessionResponse
	outcome history.Outcome
}

// ask sends request to node and returns the reply, or an error where the
// request never came to the database. It calls left, which may be nil, when
// the request has left.
func (p *player) ask(ctx context.Context, node string, request api.SessionRequest, left func()) (reply, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return reply{}, err
	}
	if left != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { left() },
		})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/"+node+api.PathSession, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read answer: %w", err)
	}
	return understand(resp.StatusCode, text)
}

// understand tells an answer of the database, which names one of its result
// codes where it is no success, from one that was given before it was asked.
func understand(status int, text []byte) (reply, error) {
	var r reply
	if err := json.Unmarshal(text, &r.SessionResponse); err != nil {
		return r, fmt.Errorf("answer %d is not JSON: %w", status, err)
	}
	switch {
	case status == http.StatusOK && r.Success:
		r.outcome = history.OK
	case status == http.StatusOK || !strings.HasPrefix(r.Code, "SQLITE_"):
		return r, fmt.Errorf("answer %d: %s: %s", status, r.Code, r.Error)
	case api.Certain(status):
		r.outcome = history.Failed
	}
	return r, nil
}
