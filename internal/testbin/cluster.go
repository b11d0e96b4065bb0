package testbin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/contend/internal/api"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/store"
)

// Spec says to start three nodes that are red but for immediate transactions and
// a busy_timeout of 5 s, of the contend at binary. The test fails where it leaves a goroutine.
func Spec(t testing.TB, binary string) cluster.Spec {
	t.Helper()
	goleak.VerifyNone(t)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	d := store.Red()
	d.Transaction, d.BusyTimeout, d.Think, d.Pool = store.Immediate, 5000, 0, 4
	return cluster.Spec{Nodes: 3, Discipline: d, Dir: t.TempDir(), Binary: binary}
}

// Increment sends one increment to url and returns the status and the name of the
// node that answered.
func Increment(t testing.TB, url string) (status int, container string) {
	t.Helper()
	resp, err := http.Post(url+api.PathIncrement, "application/json", strings.NewReader(`{"key":"k"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Container string }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return resp.StatusCode, answer.Container
}
