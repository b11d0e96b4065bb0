package check

import "example.com/contend/history"

// A Witness is the fewest ops that prove an anomaly, for a person to look at.
type Witness struct {
	Anomaly string       `json:"anomaly"` // by its name in the literature: "P4 lost update"
	Reason  string       `json:"reason"`  // one sentence: what cannot be
	Ops     []history.Op `json:"ops"`     // in the order in which they returned; a line of history.jsonl each
}
