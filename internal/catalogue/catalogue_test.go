package catalogue

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"example.com/contend/internal/experiment"
)

func TestEveryExperimentIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range All() {
		if err := x.Validate(); err != nil {
			t.Errorf("%s: %v", x.Name, err)
		}
		if seen[x.Name] {
			t.Errorf("%s: listed twice", x.Name)
		}
		seen[x.Name] = true
	}
}

// A claim that no arm could contradict would be no evidence: each is expected
// to hold somewhere and to be refuted somewhere.
func TestEveryClaimIsExpectedToGoBothWays(t *testing.T) {
	for _, x := range All() {
		for _, claim := range x.Claims {
			ways := map[experiment.Expectation]int{}
			for _, arm := range x.Arms {
				ways[arm.Expect[claim.ID]]++
			}
			if ways[experiment.ExpectHolds] == 0 || ways[experiment.ExpectRefuted] == 0 {
				t.Errorf("%s/%s: expected %v", x.Name, claim.ID, ways)
			}
		}
	}
}

// A source is a line that says what the claim says that it says.
func TestEverySourceSaysSo(t *testing.T) {
	for _, x := range All() {
		for _, claim := range x.Claims {
			file, number, _ := strings.Cut(claim.Source, ":")
			text, err := os.ReadFile("../../docs/" + file)
			if err != nil {
				t.Errorf("%s/%s: %v", x.Name, claim.ID, err)
				continue
			}
			lines := strings.Split(string(text), "\n")
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 || n > len(lines) {
				t.Errorf("%s/%s: %s is no line", x.Name, claim.ID, claim.Source)
				continue
			}
			// The words stand at the line, or in the comment above the assertion.
			near := strings.Join(lines[max(0, n-4):n], " ")
			if !strings.Contains(near, claim.TextJA) {
				t.Errorf("%s/%s: %q does not stand at %s, but %q", x.Name, claim.ID, claim.TextJA, claim.Source, near)
			}
		}
	}
}

func TestNamed(t *testing.T) {
	all, err := Named(nil)
	if err != nil || len(all) != len(All()) {
		t.Errorf("no name: %d experiments, %v; want all", len(all), err)
	}
	twice, err := Named([]string{"busy", "busy"})
	if err != nil || len(twice) != 1 {
		t.Errorf("one name twice: %d experiments, %v; want 1", len(twice), err)
	}
	if _, err := Named([]string{"buzy"}); err == nil || !strings.Contains(err.Error(), "buzy") || !strings.Contains(err.Error(), "busy") {
		t.Errorf("unknown name: %v; want an error with it and those that exist", err)
	}
}

// The two experiments ask about the same events: an arm of one is an arm of the other.
func TestIncrementArmsShareTheirRecordings(t *testing.T) {
	a, b := busy(), lostUpdate()
	if len(a.Arms) != 44 || len(b.Arms) != 44 {
		t.Fatalf("%d and %d arms, want 44 each", len(a.Arms), len(b.Arms))
	}
	for i := range a.Arms {
		if a.Arms[i].Setup != b.Arms[i].Setup {
			t.Errorf("%s: setups differ", a.Arms[i].Name)
		}
	}
}
