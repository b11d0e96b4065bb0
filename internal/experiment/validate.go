package experiment

import (
	"errors"
	"fmt"
)

// Validate returns an error that names what is wrong with x. The catalogue's
// test calls it on every experiment.
func (x *Experiment) Validate() error {
	if x.Name == "" || x.Question == "" || len(x.Claims) == 0 || len(x.Arms) == 0 {
		return fmt.Errorf("experiment %q: want a name, a question, claims and arms", x.Name)
	}
	asked := map[string]bool{}
	names := map[string]bool{}
	for i := range x.Arms {
		arm := &x.Arms[i]
		if err := arm.validate(); err != nil {
			return fmt.Errorf("arm %q: %w", arm.Name, err)
		}
		if names[arm.Name] {
			return fmt.Errorf("arm %q: listed twice", arm.Name)
		}
		names[arm.Name] = true
		for id := range arm.Expect {
			asked[id] = true
		}
	}
	return x.validateClaims(asked)
}

func (x *Experiment) validateClaims(asked map[string]bool) error {
	seen := map[string]bool{}
	for _, claim := range x.Claims {
		if claim.ID == "" || claim.Text == "" || claim.Source == "" || claim.Check == nil || seen[claim.ID] {
			return fmt.Errorf("claim %q: want an ID of its own, a text, a source and a check", claim.ID)
		}
		if !asked[claim.ID] {
			return fmt.Errorf("claim %q: asked in no arm", claim.ID)
		}
		seen[claim.ID] = true
	}
	for id := range asked {
		if !seen[id] {
			return fmt.Errorf("claim %q: an arm expects something of it, and it does not exist", id)
		}
	}
	return nil
}

func (a *Arm) validate() error {
	if a.Name == "" || len(a.Trials) == 0 || len(a.Expect) == 0 || a.Repeats < 0 {
		return errors.New("want a name, trials, expectations and no repeats below 0")
	}
	names := map[string]bool{}
	for i := range a.Trials {
		trial := &a.Trials[i]
		if names[trial.Name] || trial.Name == "" && len(a.Trials) > 1 {
			return fmt.Errorf("trial %q: want a name of its own", trial.Name)
		}
		names[trial.Name] = true
		if err := trial.Setup.Validate(); err != nil {
			return err
		}
	}
	return nil
}
