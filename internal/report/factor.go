package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/internal/chart"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
)

// A factor is something in which the setups of arms may differ: a projection of a
// typed setup to a word. No factor is read from a name.
type factor struct {
	name   string // "journal", for "any journal but WAL"; empty: its values are phrases
	format string // around one or several values
	main   bool   // it is named beside arms of no preset, though a preset implies it
	of     func(*run.ArmResult) string
}

// factors lists everything that a run says of an arm's setup, what a reader looks for
// first first.
var factors = slices.Concat(
	[]factor{{"", "%s", true, func(a *run.ArmResult) string { return cmp.Or(presets[preset(a.Setup.Discipline)], "custom settings") }}},
	disciplineFactors(true, "transaction", "busy_timeout_ms", "journal"),
	[]factor{
		{"", "%s", false, func(a *run.ArmResult) string { return a.Setup.Mount.Words() }},
		{"", "%s", false, engineWords},
		{"", "%s", false, func(a *run.ArmResult) string { return cmp.Or(a.Setup.Wrong(), "no fault") }},
		{"scene", "scene %s", false, sceneWords},
		{"", "%s", false, workWords},
		{"", "%s", false, func(a *run.ArmResult) string {
			return cmp.Or(loops[a.Setup.Load.Arrival], string(a.Setup.Load.Arrival))
		}},
		{"number of requests", "%s requests", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Requests) }},
		{"number of clients", "%s clients", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Clients) }},
		{"rate", "%s arrivals/s", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Rate) }},
		{"length", "%s s of load", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Load.Duration.Seconds()) }},
		{"number of nodes", "%s nodes", false, func(a *run.ArmResult) string { return fmt.Sprint(a.Setup.Nodes) }},
		{"", "%s", false, func(a *run.ArmResult) string {
			return map[bool]string{true: "writes to one node", false: "writes to every node"}[a.Setup.SingleWriter]
		}},
		{"", "%s", false, func(a *run.ArmResult) string {
			if len(a.Setup.Drivers) > 1 {
				return "drivers " + strings.Join(a.Setup.Drivers, " and ")
			}
			return "one driver"
		}},
	},
	disciplineFactors(false, "busy_policy", "synchronous", "think_ms", "retries", "backoff", "writer", "pool", "driver"),
	[]factor{{"", "%s", false, placeWords}},
)

// disciplineFactors are the settings of a discipline called names. A test wants every
// setting to be among the factors.
func disciplineFactors(main bool, names ...string) []factor {
	var all []factor
	for _, name := range names {
		s := store.Settings[slices.IndexFunc(store.Settings, func(s store.Setting) bool { return s.Name == name })]
		f := factor{s.Title, s.Title + " %s", main, func(a *run.ArmResult) string { return s.Get(a.Setup.Discipline) }}
		if name == "think_ms" {
			f.format += " ms" // busy_timeout is SQLite's word for a number of ms
		}
		all = append(all, f)
	}
	return all
}

var presets = map[string]string{"red": "red preset", "green": "green preset"}

// preset names the preset whose settings d has, "" where there is none. The driver and
// the pool do not count: experiments choose them for the engine and the number of
// clients.
func preset(d store.Discipline) string {
	for name := range presets {
		p, err := store.Preset(name)
		if p.Driver, p.Pool = d.Driver, d.Pool; err == nil && d == p {
			return name
		}
	}
	return ""
}

// presetNames returns the preset of the arms and of the trials that have the settings of one, by what
// charts call them: the arm's name, and the trial's behind it. An arm whose trials differ in their
// settings has the preset that one of them has.
func presetNames(result *run.Result) chart.Presets {
	names := chart.Presets{}
	for i := range result.Arms {
		arm := &result.Arms[i]
		for _, t := range trials(arm) {
			p := preset(t.Setup.Discipline)
			names[arm.Name] = cmp.Or(names[arm.Name], p)
			names[arm.Name+", "+t.Name] = p
		}
	}
	return names
}

func engineWords(a *run.ArmResult) string {
	var names []string
	for _, engine := range a.Engines {
		names = append(names, engine.String())
	}
	return strings.Join(names, " and ")
}

// sceneWords is the quoted name of the scene; empty where a load is sent.
func sceneWords(a *run.ArmResult) string {
	if a.Setup.Scene == nil {
		return ""
	}
	return strconv.Quote(a.Setup.Scene.Name)
}

func workWords(a *run.ArmResult) string {
	switch {
	case a.Setup.Scene != nil:
		return "scene " + sceneWords(a)
	case a.Setup.Workload != nil:
		return "workload " + strconv.Quote(a.Setup.Workload.String())
	}
	return ""
}

var loops = map[run.Arrival]string{run.Closed: "closed loop", run.Open: "open loop"}

// placeWords say where the nodes of an arm ran.
func placeWords(a *run.ArmResult) string {
	switch a.Place {
	case "", run.Processes:
		return "nodes in processes"
	case "compose":
		return "nodes in containers"
	}
	return "nodes at " + a.Place
}

// A space is the arms of an experiment as points: their values of the factors that
// tell them apart.
type space struct {
	factors []factor
	values  [][]string // by factor, in their natural order, where they have one
	points  []point    // by arm
}

// newSpace finds the factors of arms. What follows from a factor named before it is
// none: where every burst has 100 clients and every sequence 4, the arrival says it,
// and what only a preset sets, the preset says. But "custom settings" says little:
// beside arms of no preset, the main settings are factors all the same.
func newSpace(arms []run.ArmResult) space {
	s := space{points: make([]point, len(arms))}
	custom := slices.ContainsFunc(arms, func(a run.ArmResult) bool { return preset(a.Setup.Discipline) == "" })
	for _, f := range factors {
		words := f.project(arms)
		values := distinct(words)
		if len(values) < 2 {
			continue
		}
		column := make([]int, len(arms))
		for i := range words {
			column[i] = slices.Index(values, words[i])
		}
		if !(f.main && custom) && s.determines(column) {
			continue
		}
		s.factors, s.values = append(s.factors, f), append(s.values, values)
		for i := range s.points {
			s.points[i] = append(s.points[i], column[i])
		}
	}
	return s
}

// project returns the factor's value in each arm. It returns nil where an arm has
// none, and where the trials of an arm differ in it: then it is what that arm
// compares, not what tells it from other arms.
func (f *factor) project(arms []run.ArmResult) []string {
	words := make([]string, len(arms))
	for i := range arms {
		words[i] = f.of(&arms[i])
		if words[i] == "" || slices.ContainsFunc(arms[i].Trials, func(t run.TrialResult) bool {
			return f.of(&run.ArmResult{Place: arms[i].Place, Totals: t.Totals}) != words[i]
		}) {
			return nil
		}
	}
	return words
}

// distinct returns each word once: numbers by size, transactions the least careful
// first, all others in the order in which they first come.
func distinct(words []string) []string {
	rank := func(word string) float64 {
		if n, err := strconv.ParseFloat(word, 64); err == nil && !math.IsNaN(n) {
			return n
		}
		return float64(slices.Index(store.Transactions, store.Transaction(word)))
	}
	var all []string
	for _, word := range words {
		all = with(all, word)
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return all
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

// words says the condition b: "transaction immediate or exclusive, busy_timeout 5000".
func (s *space) words(b box) string {
	var all []string
	for i, allowed := range b {
		if allowed == nil {
			continue
		}
		var yes, no []string
		for v, value := range s.values[i] {
			if allowed[v] {
				yes = append(yes, value)
			} else {
				no = append(no, value)
			}
		}
		switch f := &s.factors[i]; {
		case allButOne(len(yes), len(allowed)) && f.name != "":
			all = append(all, "any "+f.name+" but "+no[0])
		case len(yes) == 1 && yes[0] == "1":
			all = append(all, strings.TrimSuffix(fmt.Sprintf(f.format, "1"), "s")) // "1 node"
		default:
			all = append(all, fmt.Sprintf(f.format, strings.Join(yes, " or ")))
		}
	}
	return strings.Join(all, ", ")
}
