package lint

import "net/url"

// SARIF returns a report as a SARIF 2.1.0 document
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), as code scanning
// of GitHub reads it. Version is contend's.
func SARIF(r *Report, version string) any {
	type text struct {
		Text string `json:"text"`
	}
	type artifact struct {
		URI string `json:"uri"`
	}
	type region struct {
		StartLine int `json:"startLine"`
	}
	type physical struct {
		Artifact artifact `json:"artifactLocation"`
		Region   region   `json:"region"`
	}
	type location struct {
		Physical physical `json:"physicalLocation"`
	}
	type result struct {
		RuleID    string     `json:"ruleId"`
		Level     string     `json:"level"`
		Message   text       `json:"message"`
		Locations []location `json:"locations"`
	}
	type rule struct {
		ID    string `json:"id"`
		Short text   `json:"shortDescription"`
		Full  text   `json:"fullDescription"`
		Help  text   `json:"help"`
	}
	at := func(p Place) []location {
		return []location{{physical{artifact{(&url.URL{Path: p.File}).String()}, region{max(1, p.Line)}}}}
	}
	rules, results, missed := []rule{}, []result{}, []any{}
	for _, x := range Rules {
		rules = append(rules, rule{x.ID, text{x.Headline}, text{x.Why}, text{x.Why + " The experiment " + x.Proof.Experiment + " shows " + x.Proof.Shows + "."}})
	}
	for _, f := range r.Findings {
		level := f.Severity.String()
		if f.Severity == Notice {
			level = "note"
		}
		results = append(results, result{f.Rule, level, text{f.At + ": " + f.Message}, at(f.Place)})
	}
	complete := true
	for _, u := range r.Unread {
		complete = complete && u.Included
		missed = append(missed, map[string]any{"level": "warning", "message": text{u.Why}, "locations": at(u.Place)})
	}
	return map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{map[string]any{
			"tool":        map[string]any{"driver": map[string]any{"name": "contend", "version": version, "rules": rules}},
			"invocations": []any{map[string]any{"executionSuccessful": complete, "toolExecutionNotifications": missed}},
			"results":     results,
		}},
	}
}
