package units

import (
	"strings"
	"testing"
)

func TestLike(t *testing.T) {
	known := []string{"red", "busy-timeout", "queue", "postgres/queue", "single-writer"}
	for typed, want := range map[string]string{
		"quue": "queue", "QUEUE": "queue", "busytimeout": "busy-timeout", "single": "single-writer", "postgres/quee": "postgres/queue",
		"xyz": "", "": "", "zz": "", strings.Repeat("queue", 20): "",
	} {
		if want != "" {
			want = "; did you mean " + want + "?"
		}
		if got := Like(typed, known); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
