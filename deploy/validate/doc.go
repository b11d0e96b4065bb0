// Package validate says what is wrong with what contend would deploy: the
// Kubernetes manifests in deploy/kubernetes and the Compose file.
//
// It asks the libraries that the real tools are made of: kustomize builds the
// manifests, the Kubernetes API types decode them strictly, the Pod Security
// admission judges the pods, and the Compose library loads the Compose file.
// What those let pass and a cluster would only show when it runs (a selector
// that matches nothing, a claim that nobody made, a second writer) is checked
// here. It needs no cluster and no network.
//
// It is a module of its own so that contend does not depend on any of them.
package validate

import "fmt"

// A Problem is one thing that is wrong.
type Problem struct {
	Where string // "Deployment/contend", a file, or a Compose service
	What  string // in words
}

func (p Problem) String() string { return p.Where + ": " + p.What }

// problems collects what is wrong at one place.
type problems struct {
	where string
	found []Problem
}

func (p *problems) add(format string, args ...any) {
	p.found = append(p.found, Problem{Where: p.where, What: fmt.Sprintf(format, args...)})
}

// unless adds a problem where ok is false.
func (p *problems) unless(ok bool, format string, args ...any) {
	if !ok {
		p.add(format, args...)
	}
}
