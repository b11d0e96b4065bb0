package catalogue

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/experiment"
	"example.com/contend/internal/run"
)

// sizes are the ways in which the catalogue can be asked for.
var sizes = map[string]Options{
	"whole":  {},
	"quick":  {Quick: true},
	"levels": {Levels: []int{7, 70}},
}

func TestEveryExperimentIsWhole(t *testing.T) {
	for size, o := range sizes {
		seen := map[string]bool{}
		for _, x := range All(o) {
			if err := x.Validate(); err != nil {
				t.Errorf("%s, %s: %v", size, x.Name, err)
			}
			if seen[x.Name] {
				t.Errorf("%s: listed twice", x.Name)
			}
			seen[x.Name] = true
			if x.Takes == 0 {
				t.Errorf("%s, %s: does not say how long it takes", size, x.Name)
			}
		}
	}
}

// A quick run asks every claim that the whole one asks, but for those that it cannot reach.
func TestQuickAsksEveryClaim(t *testing.T) {
	unreached := map[string]bool{"lock-wait/max-over-5s": true} // the lock is held for 2.5 s
	quick := All(Options{Quick: true})
	for i, x := range All(Options{}) {
		for _, claim := range x.Claims {
			asked := slices.ContainsFunc(quick[i].Claims, func(c experiment.Claim) bool { return c.ID == claim.ID })
			if name := x.Name + "/" + claim.ID; asked == unreached[name] {
				t.Errorf("%s: asked in a quick run: %t", name, asked)
			}
		}
	}
}

// howMany are the numbers of requests in a sentence.
var howMany = regexp.MustCompile(`\b(\d+) (?:simultaneous|increments|writes)`)

// A sentence names no other number of requests than was sent: a claim's, in each of its arms, and a question's.
func TestSentencesHaveTheNumbersOfTheRun(t *testing.T) {
	for size, o := range sizes {
		found := 0
		for _, x := range All(o) {
			sent := func(claim string) map[string]bool { // in the arms that ask it, in all where it is empty
				numbers := map[string]bool{}
				for _, arm := range x.Arms {
					if _, asked := arm.Expect[claim]; asked || claim == "" {
						for _, trial := range arm.Trials {
							numbers[strconv.Itoa(trial.Setup.Load.Requests)] = true
						}
					}
				}
				return numbers
			}
			check := func(name, text string, sent map[string]bool) {
				for _, m := range howMany.FindAllStringSubmatch(text, -1) {
					found++
					if !sent[m[1]] {
						t.Errorf("%s, %s: %q, and %v were sent", size, name, text, sent)
					}
				}
			}
			check(x.Name, x.Question, sent(""))
			for _, claim := range x.Claims {
				check(x.Name+"/"+claim.ID, claim.Text, sent(claim.ID))
			}
		}
		if found < 10 {
			t.Errorf("%s: %d numbers of requests were found, want more", size, found)
		}
	}
}

// mostEither is how many expectations may be either. 132 of 603 once were.
const mostEither = 59

// An expectation of either cannot be surprised, so few are, and a claim of which nothing is
// expected anywhere could not fail.
func TestFewExpectationsAreEither(t *testing.T) {
	either, all := 0, 0
	for _, x := range All(Options{}) {
		for _, claim := range x.Claims {
			decided := false
			for _, arm := range x.Arms {
				if expected, asked := arm.Expect[claim.ID]; asked {
					all++
					if expected == run.Either {
						either++
					} else {
						decided = true
					}
				}
			}
			if !decided {
				t.Errorf("%s/%s: expected to go either way in every arm", x.Name, claim.ID)
			}
		}
	}
	if either > mostEither {
		t.Errorf("%d of %d expectations are either, want at most %d", either, all, mostEither)
	}
}

// The increments have arms for both sides: a claim on them that no arm could
// contradict, or none bear out, would be no evidence.
func TestEveryClaimOnIncrementsIsExpectedToGoBothWays(t *testing.T) {
	for _, x := range []experiment.Experiment{busy(Options{}), lostUpdate(Options{})} {
		for _, claim := range x.Claims {
			ways := map[run.Expectation]int{}
			for _, arm := range x.Arms {
				ways[arm.Expect[claim.ID]]++
			}
			if ways[run.ExpectHolds] == 0 || ways[run.ExpectRefuted] == 0 {
				t.Errorf("%s/%s: expected %v", x.Name, claim.ID, ways)
			}
		}
	}
}

// A source is a line that says what the claim says that it says, or a page of
// sqlite.org.
func TestEverySourceSaysSo(t *testing.T) {
	for _, x := range All(Options{}) {
		for _, claim := range x.Claims {
			if strings.HasPrefix(claim.Source, "https://sqlite.org/") {
				if claim.TextJA != "" {
					t.Errorf("%s/%s: quotes Japanese from %s", x.Name, claim.ID, claim.Source)
				}
				continue
			}
			if why := quotes(claim); why != "" {
				t.Errorf("%s/%s: %s", x.Name, claim.ID, why)
			}
		}
	}
}

// quotes says what is wrong with the quotation of claim; empty where nothing is.
func quotes(claim experiment.Claim) string {
	file, number, _ := strings.Cut(claim.Source, ":")
	text, err := os.ReadFile("../../docs/" + file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(text), "\n")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(lines) {
		return claim.Source + " is no line"
	}
	// The words stand at the line, or in the comment above the assertion.
	near := strings.Join(lines[max(0, n-4):n], " ")
	if claim.TextJA == "" || !strings.Contains(near, claim.TextJA) {
		return fmt.Sprintf("%q does not stand at %s, but %q", claim.TextJA, claim.Source, near)
	}
	return ""
}

func TestNamed(t *testing.T) {
	all, err := Named(nil, Options{})
	if err != nil || len(all) != len(All(Options{})) {
		t.Errorf("no name: %d experiments, %v; want all", len(all), err)
	}
	twice, err := Named([]string{"busy", "busy"}, Options{})
	if err != nil || len(twice) != 1 {
		t.Errorf("one name twice: %d experiments, %v; want 1", len(twice), err)
	}
	if _, err := Named([]string{"buzy"}, Options{}); err == nil || !strings.Contains(err.Error(), "buzy") || !strings.Contains(err.Error(), "busy") {
		t.Errorf("unknown name: %v; want an error with it and those that exist", err)
	}
}

// The two experiments ask about the same events: an arm of one is an arm of the other.
func TestIncrementArmsShareTheirRecordings(t *testing.T) {
	a, b := busy(Options{}), lostUpdate(Options{})
	if len(a.Arms) != 46 || len(b.Arms) < 46 {
		t.Fatalf("%d and %d arms, want 46 and the scenes behind them", len(a.Arms), len(b.Arms))
	}
	for i := range a.Arms {
		if a.Arms[i].Trials[0].Setup.Key() != b.Arms[i].Trials[0].Setup.Key() {
			t.Errorf("%s: setups differ", a.Arms[i].Name)
		}
	}
}

// Every setup is read back from its JSON as it was, so that a stored run can be judged.
func TestSetupsAreReadBack(t *testing.T) {
	for _, o := range []Options{{}, {Quick: true}} {
		for _, x := range All(o) {
			for _, arm := range x.Arms {
				for _, trial := range arm.Trials {
					text, err := json.Marshal(trial.Setup)
					if err != nil {
						t.Fatalf("%s %s: %v", x.Name, arm.Name, err)
					}
					var back run.Setup
					if err := json.Unmarshal(text, &back); err != nil || back.Key() != trial.Setup.Key() || !cmp.Equal(back, trial.Setup) {
						t.Errorf("%s %s %s: %v, %s", x.Name, arm.Name, trial.Name, err, cmp.Diff(trial.Setup, back))
					}
				}
			}
		}
	}
}
