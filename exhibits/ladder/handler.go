// Package ladder is the part that the services below it share: their handler.
package ladder

import (
	"context"
	"encoding/json"
	"net/http"
)

// ServeIncrement answers POST {"key":"visits"} with {"value":7}, the value that a
// service's Increment returns.
func ServeIncrement(w http.ResponseWriter, r *http.Request, increment func(context.Context, string) (int64, error)) {
	var request struct {
		Key string `json:"key"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&request); err != nil {
		http.Error(w, "bad request: "+err.Error(), http.StatusBadRequest)
		return
	}
	value, err := increment(r.Context(), request.Key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]int64{"value": value})
}
