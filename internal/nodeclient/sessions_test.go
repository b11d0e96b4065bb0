package nodeclient

import (
	"encoding/json"
	"testing"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
)

func TestUnderstand(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		outcome history.Outcome
		wrong   bool
	}{
		"done":                         {200, `{"success":true,"open":true}`, history.OK, false},
		"refused":                      {503, `{"success":false,"code":"SQLITE_BUSY","extended":"SQLITE_BUSY_SNAPSHOT"}`, history.Failed, false},
		"out of place":                 {409, `{"code":"SQLITE_ERROR"}`, history.Failed, false},
		"an error that proves nothing": {500, `{"code":"SQLITE_IOERR"}`, history.Unknown, false},
		"not done, and no reason":      {200, `{"success":false}`, 0, true},
		"a bad request":                {400, `{"code":"INVALID_ARGUMENT"}`, 0, true},
		"no such node":                 {503, `{"code":"NO_NODE"}`, 0, true},
		"a node that went away":        {502, `{"code":"NODE_LOST"}`, 0, true},
		"somebody else's page":         {503, `<html>`, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := understand(c.status, []byte(c.body))
			if r.Outcome != c.outcome || (err != nil) != c.wrong {
				t.Errorf("got %s, %v", r.Outcome, err)
			}
		})
	}
}

// Nothing is OK but a whole success, and nothing Failed but where the status
// says that it had no effect.
func FuzzUnderstand(f *testing.F) {
	f.Add(200, []byte(`{"success":true,"value":7}`))
	f.Add(503, []byte(`{"code":"SQLITE_BUSY","open":true}`))
	f.Add(500, []byte(`{"code":"SQLITE_IOERR"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r, err := understand(status, body)
		switch {
		case err != nil && r.Outcome != history.Unknown,
			r.Outcome == history.OK && (status != 200 || !json.Valid(body) || !r.Success),
			r.Outcome == history.Failed && !nodeapi.Certain(status):
			t.Fatalf("%d %q: %+v, %v", status, body, r, err)
		}
	})
}
