package units

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Like returns what to add to an error about a name that does not exist: "; did you mean queue?", where a known
// name is at most two letters away, or begins so; "" where none is.
func Like(typed string, known []string) string {
	const longest, farthest = 64, 2 // bytes that are compared, and letters
	best, least := "", farthest+1
	typed = strings.ToLower(typed)
	if typed == "" || len(typed) > longest {
		return ""
	}
	for _, name := range known {
		lower := strings.ToLower(name[:min(len(name), longest)])
		distance := levenshtein.ComputeDistance(typed, lower)
		if strings.HasPrefix(lower, typed) {
			distance = min(distance, farthest)
		}
		if distance < least && distance < len(typed) {
			best, least = name, distance
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
