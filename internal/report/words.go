package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/internal/run"
)

// spreadWords is "3.1 (2.9–3.4)", the median and how far repeats lie from it.
func spreadWords(f *run.Measured) string {
	switch {
	case f.Count == 0:
		return ""
	case f.Min == f.Max:
		return short(f.Median)
	default:
		return fmt.Sprintf("%s (%s–%s)", short(f.Median), short(f.Min), short(f.Max))
	}
}

// short writes a number to three digits, and never fewer than its whole part has.
func short(v float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil || v >= 1000 || v <= -1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// ms writes milliseconds with as many digits as mean something.
func ms(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// repeats says how many recordings a row counts, where it counts several.
func repeats(result *run.Result) string {
	var counts []int
	for i := range result.Arms {
		for _, t := range trials(&result.Arms[i]) {
			counts = append(counts, len(t.Recordings))
		}
	}
	if len(counts) == 0 || slices.Max(counts) < 2 {
		return ""
	}
	least, most := slices.Min(counts), slices.Max(counts)
	times := fmt.Sprintf("%d", most)
	if least < most {
		times = fmt.Sprintf("%d to %d", least, most)
	}
	said := "Each row counts " + times + " repeats together"
	if len(figureHeads(result)) > 0 {
		said += "; other figures are the median of the repeats (smallest–largest)"
	}
	return said + "."
}

// hidden says where the verdicts are that the sheet has no columns for.
func hidden(all []judged) string {
	if len(all) <= mostVerdicts {
		return ""
	}
	return "The verdicts on " + plural(len(all), "claim") + " stand by themselves, each with its condition."
}

// joined puts sentences together, leaving out the empty ones.
func joined(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// list is "a", "a or b", "a, b or c".
func list(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// capital is a word as it begins a sentence.
func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
