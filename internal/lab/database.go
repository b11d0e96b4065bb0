package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// Facts asks a node what its database holds now. Others may be using it.
func Facts(ctx context.Context, node string) (facts store.Facts, err error) {
	err = get(ctx, node+api.PathFacts, &facts)
	return facts, err
}

// Close has a node finish what it has begun, refuse what comes with
// [api.CodeClosed], and close its database. With remove it also removes the
// files of the database that was open last, if the lab made it; of several nodes
// on one database, close all before any removes it. Closing twice does no harm.
func Close(ctx context.Context, node string, remove bool) error {
	ask := map[string]any{}
	if remove {
		ask["remove"] = true
	}
	answer, err := post(ctx, node+api.PathClose, ask)
	if err != nil {
		return err
	}
	return finish(answer)
}

// Open has a node, closed before, open database under d: the name of a file like
// "lab-1.db" beside the node's own, made where it is missing, or "" for the
// node's own. A nil d is the node's own discipline. With "" and nil the node gets
// back to what it was started with, closed or not.
func Open(ctx context.Context, node, database string, d *store.Discipline) error {
	ask := map[string]any{}
	if database != "" {
		ask["database"] = database
	}
	if d != nil {
		ask["discipline"] = d
	}
	answer, err := post(ctx, node+api.PathOpen, ask)
	if err != nil {
		return err
	}
	return finish(answer)
}

// About is what a node says of itself.
type About struct {
	Name       string           // "app-1"
	DBPath     string           // where its database is, as the node sees it
	SQLite     string           // version of its SQLite library: "3.54.1"; "" where it does not say
	Lab        bool             // the paths under /lab/ are open
	Discipline store.Discipline // of the database that is open
}

// ErrClosed is returned by [Ask] for a node whose database the lab has closed.
// Open gets it back.
var ErrClosed = errors.New("its database is " + api.ClosedByLab)

// Ask asks a node what it is. Of a node that is not healthy it returns what it
// says of itself beside the error, all but the discipline.
func Ask(ctx context.Context, node string) (About, error) {
	health, err := health(ctx, node+api.PathHealth)
	about := About{Name: health.Container, DBPath: health.DBPath, SQLite: health.SQLite, Lab: health.Lab}
	if err != nil {
		return about, err
	}
	var metrics struct {
		Discipline *store.Discipline `json:"discipline"`
	}
	if err := get(ctx, node+api.PathMetrics, &metrics); err != nil {
		return about, err
	}
	if metrics.Discipline == nil {
		return about, fmt.Errorf("%s: not a node's answer: it tells of no discipline", api.PathMetrics)
	}
	about.Discipline = *metrics.Discipline
	return about, nil
}

// health asks a node how it is. A balancer and much else has a /health too, but
// only a node says its name there.
func health(ctx context.Context, url string) (h api.HealthResponse, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return h, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return h, err
	}
	data, err := body(answer)
	errRead := json.Unmarshal(data, &h)
	switch {
	case errRead == nil && h.Container != "" && h.Error == api.ClosedByLab:
		return h, ErrClosed
	case err != nil:
		return h, err
	case errRead != nil:
		return h, fmt.Errorf("%s: not a node's answer: %w", api.PathHealth, errRead)
	case h.Container == "":
		return h, fmt.Errorf("%s: not a node's answer: it tells no name", api.PathHealth)
	}
	return h, nil
}
