package doctor

import "cmp"

// A Severity is how much a finding matters. The zero Severity is that of what could not be
// decided, so that a rule which forgets to say is never taken for "healthy".
type Severity int

// The severities, in the order in which findings are listed: the worst comes last.
const (
	Unknown   Severity = iota // doctor cannot tell whether this does harm
	Note                      // worth knowing, and no fault
	Attention                 // it refuses requests or wastes the disk, or will lose data when something else happens
	Danger                    // data is being lost, or will be with no further cause
)

var severities = [...]string{"cannot tell", "note", "attention", "danger"}

// String returns the word that reports and documents have for s.
func (s Severity) String() string { return severities[s] }

// MarshalText is String, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Finding is one thing that doctor has found out about a database. Its texts are for people:
// whole sentences with a full stop, except Command, which a shell takes as it stands.
type Finding struct {
	Rule        string   `json:"rule"`        // the rule's name, in lower case with hyphens: "wal-deleted"
	Severity    Severity `json:"severity"`    // "cannot tell", "note", "attention" or "danger"
	Subject     string   `json:"subject"`     // the file or process that it is about
	Sentence    string   `json:"sentence"`    // what was found: the answer, in one sentence
	Evidence    []string `json:"evidence"`    // what was seen, a fact each
	Consequence string   `json:"consequence"` // what will happen if nothing is done
	Remedy      string   `json:"remedy"`      // what to do
	Command     string   `json:"command"`     // the exact commands, a line each; empty where there are none
	Source      string   `json:"source"`      // the page of sqlite.org, or the manual, that says so
	Proof       string   `json:"proof"`       // the command of contend that shows the harm on this machine; empty where there is none
}

// rank orders verdicts by severity: danger before attention before cannot tell before what
// is fine. A database with a note is as healthy as one without.
func (s Severity) rank() int { return [...]int{Unknown: 1, Note: 0, Attention: 2, Danger: 3}[s] }

// worse orders findings for a report, the worst first.
func worse(a, b Finding) int { return cmp.Compare(b.Severity.rank(), a.Severity.rank()) }

// Verdict is the answer that the findings add up to: "healthy", "attention", "danger" or
// "cannot tell".
func Verdict(findings []Finding) string {
	worst := Note
	for _, f := range findings {
		if f.Severity.rank() > worst.rank() {
			worst = f.Severity
		}
	}
	if worst == Note {
		return "healthy"
	}
	return worst.String()
}
