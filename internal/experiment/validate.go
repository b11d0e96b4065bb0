package experiment

import (
	"errors"
	"fmt"
)

// Validate returns an error that names what is wrong with x. The tests of the catalogue
// and of the ladder call it on every experiment.
func (x *Experiment) Validate() error {
	if x.Name == "" || x.Question == "" || len(x.Claims) == 0 || len(x.Arms) == 0 {
		return fmt.Errorf("experiment %q: want a name, a question, claims and arms", x.Name)
	}
	expected, names, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
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
			expected[id] = true
		}
	}
	for _, claim := range x.Claims {
		if claim.ID == "" || claim.Text == "" || claim.Source == "" || claim.Check == nil || ids[claim.ID] {
			return fmt.Errorf("claim %q: want an ID of its own, a text, a source and a check", claim.ID)
		}
		if !expected[claim.ID] {
			return fmt.Errorf("claim %q: no arm expects anything of it", claim.ID)
		}
		ids[claim.ID] = true
	}
	for id := range expected {
		if !ids[id] {
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
