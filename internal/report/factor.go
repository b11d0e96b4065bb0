package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A setting is something that arms may differ in, and how to say it.
type setting struct {
	name   string // "journal", for "any journal but WAL"
	prep   string // what it follows: "with", "in", "at"; after "where" stands a sentence
	format string // for its values
	main   bool   // said of arms without a preset even where that they have none would say it
	of     func(*run.ArmResult) string
}

// settings lists everything that a run says of an arm's setup, what a reader
// looks for first first.
var settings = []setting{
	{"preset", "with", "%s", true, func(a *run.ArmResult) string { return presetWords(a.Name) }},
	{"transaction", "with", "transaction %s", true, func(a *run.ArmResult) string { return string(a.Setup.Discipline.Transaction) }},
	{"busy_timeout", "with", "busy_timeout %s", true, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Discipline.BusyTimeout) }},
	{"journal", "in", "%s", true, func(a *run.ArmResult) string { return string(a.Setup.Discipline.Journal) }},
	{"mount", "where", "%s", false, func(a *run.ArmResult) string { return mountWords(a.Setup.Mount) }},
	{"engine", "with", "%s", false, func(a *run.ArmResult) string { return engineWords(a.Engines) }},
	{"busy policy", "with", "busy policy %s", false, func(a *run.ArmResult) string { return string(a.Setup.Discipline.Busy) }},
	{"fault", "where", "%s", false, func(a *run.ArmResult) string { return cmp.Or(a.Setup.Wrong(), "nothing goes wrong") }},
	{"scene", "in", "the scene %s", false, func(a *run.ArmResult) string { return sceneName(a) }},
	{"workload", "where", "the workload is %s", false, func(a *run.ArmResult) string { return a.Setup.Asked() }},
	{"arrival", "in", "%s", false, func(a *run.ArmResult) string { return arrivalWords(a.Setup.Load.Arrival) }},
	{"number of requests", "with", "%s requests", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Requests) }},
	{"number of clients", "with", "%s clients", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Clients) }},
	{"rate", "at", "%s arrivals a second", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Rate) }},
	{"length", "in", "%s s of load", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Duration.Seconds()) }},
	{"number of nodes", "on", "%s nodes", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Nodes) }},
	{"synchronous", "with", "synchronous %s", false, func(a *run.ArmResult) string { return string(a.Setup.Discipline.Synchronous) }},
	{"think time", "with", "%s ms of thinking", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Discipline.Think) }},
	{"number of retries", "with", "retries %s", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Discipline.Retries) }},
	{"backoff", "with", "backoff %s", false, func(a *run.ArmResult) string { return a.Setup.Discipline.Backoff.String() }},
	{"writer", "with", "writer %s", false, func(a *run.ArmResult) string { return string(a.Setup.Discipline.Writer) }},
	{"pool", "with", "pool %s", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Discipline.Pool) }},
	{"driver", "with", "driver %s", false, func(a *run.ArmResult) string { return a.Setup.Discipline.Driver }},
	{"place", "where", "%s", false, func(a *run.ArmResult) string { return placeWords(a.Place) }},
}

// preset returns the preset that an arm's name says it is: "red/burst" is red.
// The name decides, not today's settings of that preset: a stored run keeps the
// words that it was run with.
func preset(arm string) string {
	first, _, _ := strings.Cut(arm, "/")
	if _, err := store.Preset(first); err != nil {
		return ""
	}
	return first
}

func presetWords(arm string) string {
	if name := preset(arm); name != "" {
		return "the " + name + " preset"
	}
	return "no preset"
}

// engineWords name what nodes ran on.
func engineWords(engines []run.Engine) string {
	names := make([]string, len(engines))
	for i, engine := range engines {
		names[i] = engine.String()
	}
	return once(names, "and")
}

func arrivalWords(a run.Arrival) string {
	switch a {
	case run.Burst:
		return "a burst"
	case run.Closed:
		return "a closed loop"
	case run.Open:
		return "an open loop"
	default:
		return string(a)
	}
}

// sceneName is the name of the scene that is played; empty where a load is sent.
func sceneName(a *run.ArmResult) string {
	if a.Setup.Scene == nil {
		return ""
	}
	return strconv.Quote(a.Setup.Scene.Name)
}

// A factor is a setting that differs among the arms of an experiment.
type factor struct {
	setting
	values []string // in their natural order, where they have one
}

// A space is an experiment's arms as points: by arm, by factor.
type space struct {
	factors []factor
	points  []point
}

// newSpace finds the factors of arms. A setting that follows from one named
// before it is no factor: where every burst has 100 clients and every sequence
// 4, the arrival has said it; and what only a preset sets, the preset's name
// says. But "no preset" says little: beside arms that have none, the main
// settings stand for themselves.
func newSpace(arms []run.ArmResult) space {
	s := space{points: make([]point, len(arms))}
	somePlain := slices.ContainsFunc(arms, func(a run.ArmResult) bool { return preset(a.Name) == "" })
	for _, candidate := range settings {
		said, ok := candidate.said(arms)
		if !ok {
			continue
		}
		f := factor{setting: candidate, values: distinct(said)}
		column := make([]int, len(arms))
		for i := range said {
			column[i] = slices.Index(f.values, said[i])
		}
		if len(f.values) < 2 || !(f.main && somePlain) && s.determines(column) {
			continue
		}
		s.add(f, column)
	}
	return s
}

// said returns what the setting is in each arm. It returns false where some arm
// has no such setting, and where the trials of some arm differ in it: then it is
// what that arm compares, not what tells it from other arms.
func (s *setting) said(arms []run.ArmResult) ([]string, bool) {
	words := make([]string, len(arms))
	for i := range arms {
		words[i] = s.of(&arms[i])
		if words[i] == "" {
			return nil, false
		}
		for j := range arms[i].Trials {
			trial := run.ArmResult{Name: arms[i].Name, Place: arms[i].Place, Totals: arms[i].Trials[j].Totals}
			if s.of(&trial) != words[i] {
				return nil, false
			}
		}
	}
	return words, true
}

// distinct returns the different words: numbers by size, transactions the least
// careful first, all others in the order in which they first come.
func distinct(words []string) []string {
	var all []string
	for _, word := range words {
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

func rank(word string) float64 {
	if n, err := strconv.ParseFloat(word, 64); err == nil && !math.IsNaN(n) {
		return n
	}
	return float64(slices.Index(store.Transactions, store.Transaction(word)))
}

func (s *space) sizes() []int {
	var sizes []int
	for i := range s.factors {
		sizes = append(sizes, len(s.factors[i].values))
	}
	return sizes
}

func (s *space) add(f factor, column []int) {
	s.factors = append(s.factors, f)
	for i := range s.points {
		s.points[i] = append(s.points[i], column[i])
	}
}

// determines reports whether column follows from a single factor of s.
func (s *space) determines(column []int) bool {
	for f := range s.factors {
		values := map[int]int{}
		follows := true
		for i, p := range s.points {
			if v, seen := values[p[f]]; seen && v != column[i] {
				follows = false
			}
			values[p[f]] = column[i]
		}
		if follows {
			return true
		}
	}
	return false
}

// words says the condition b: "with busy_timeout 5000 and transaction immediate
// or exclusive, in WAL". Settings with one value come before those with several,
// so that no "and" follows an "or".
func (s *space) words(b box) string {
	var with, where []string
	severalWith := false
	for _, several := range []bool{false, true} {
		for f, allowed := range b {
			switch {
			case allowed == nil || (count(allowed) > 1) != several:
			case s.factors[f].prep == "with":
				with = append(with, s.factors[f].words(allowed))
				severalWith = several
			default:
				where = append(where, s.factors[f].prep+" "+s.factors[f].words(allowed))
			}
		}
	}
	said := strings.Join(where, ", ")
	switch {
	case len(with) == 0:
		return said
	case len(where) == 0:
		return "with " + strings.Join(with, " and ")
	case severalWith:
		return "with " + strings.Join(with, " and ") + ", " + said
	default:
		return "with " + strings.Join(with, " and ") + " " + said
	}
}

// words says which values are allowed, or which one is not where that is shorter.
func (f *factor) words(allowed []bool) string {
	var yes, no []string
	for v, value := range f.values {
		if allowed[v] {
			yes = append(yes, value)
		} else {
			no = append(no, value)
		}
	}
	if allButOne(len(yes), len(f.values)) && f.prep != "where" {
		return "any " + f.name + " but " + no[0]
	}
	if f.prep == "where" || f.name == "engine" {
		return fmt.Sprintf(f.format, once(yes, "or"))
	}
	if len(yes) == 1 && yes[0] == "1" {
		return strings.TrimSuffix(fmt.Sprintf(f.format, "1"), "s") // "1 node"
	}
	return fmt.Sprintf(f.format, list(yes, "or"))
}

// once joins words by last, and says only once what all begin with.
func once(all []string, last string) string {
	if len(all) == 0 {
		return ""
	}
	begin := all[0]
	for _, s := range all {
		for !strings.HasPrefix(s, begin) {
			begin = begin[:len(begin)-1]
		}
	}
	begin = begin[:strings.LastIndex(begin, " ")+1]
	ends := make([]string, len(all))
	for i, s := range all {
		ends[i] = strings.TrimPrefix(s, begin)
	}
	return begin + list(ends, last)
}
