package report

import (
	"fmt"
	"slices"
	"strings"

	"example.com/contend/internal/run"
)

// A havoc is what went wrong on purpose in one trial.
type havoc struct {
	Of     string
	Words  string // all of it in one sentence
	Faults []run.FaultResult
}

func havocs(result *run.Result) []havoc {
	var all []havoc
	for i := range result.Arms {
		arm := &result.Arms[i]
		for _, t := range trials(arm) {
			if len(t.Faults) > 0 {
				all = append(all, havoc{trialName(arm, &t), faultWords(t.Faults), t.Faults})
			}
		}
	}
	return all
}

// faultWords sums up faults: "16 crashes; a hot journal after 5 of 5; integrity ok 5 times".
func faultWords(faults []run.FaultResult) string {
	count := map[string]int{}
	var kinds, broken []string
	hot, held := 0, 0.0
	for _, f := range faults {
		if !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
		count[f.Kind]++
		switch f.Kind {
		case faultHold:
			held += f.To - f.From
		case faultLook:
			if f.Hot {
				hot++
			}
			if f.Integrity != "ok" && !slices.Contains(broken, f.Integrity) {
				broken = append(broken, f.Integrity)
			}
		}
	}
	var words []string
	for _, kind := range kinds {
		n := count[kind]
		switch kind {
		case faultHold:
			words = append(words, fmt.Sprintf("the write lock held %s, %s ms in all", times(n), ms(held)))
		case faultCrash:
			words = append(words, crashes(n))
		case faultCheckpoint:
			words = append(words, "checkpoint after checkpoint, "+times(n))
		case faultLook:
			words = append(words, fmt.Sprintf("hot journal after %d of %d", hot, n), integrity(faults, n, broken))
		default:
			words = append(words, kind+" "+times(n))
		}
	}
	return strings.Join(words, "; ")
}

// The values of [run.FaultResult.Kind].
const (
	faultHold  = "hold"
	faultCrash = "crash"
	faultLook  = "look"

	faultCheckpoint = "checkpointing"
)

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func crashes(n int) string {
	if n == 1 {
		return "1 crash"
	}
	return fmt.Sprintf("%d crashes", n)
}

// integrity says how often integrity_check found nothing, and what it found else.
func integrity(faults []run.FaultResult, looks int, complaints []string) string {
	fine := 0
	for _, f := range faults {
		if f.Kind == faultLook && f.Integrity == "ok" {
			fine++
		}
	}
	if fine == looks {
		return "integrity ok " + times(fine)
	}
	return fmt.Sprintf("integrity ok in %d of %d, else: %s", fine, looks, strings.Join(complaints, "; "))
}
