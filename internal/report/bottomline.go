package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.com/contend/check"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
	"example.com/contend/internal/store"
	"example.com/contend/internal/units"
	"example.com/contend/internal/workload"
)

// BottomLine says what doc came to, in at most [run.MaxSentences] sentences: what was lost and with which
// setting, what was refused, what cured it and at which price, and what made no difference. It says
// nothing that the run did not measure, so a run of one experiment has fewer sentences than the whole lab.
// Of a comparison it is the advice.
func BottomLine(doc *run.Run) (said []run.Sentence) {
	if c := doc.Comparison; c != nil {
		for _, a := range c.Advice[:min(len(c.Advice), run.MaxSentences)] {
			said = append(said, run.Sentence{About: run.AboutAdvice, Text: a.Text, Link: "#ladder"})
		}
		return said
	}
	all := samples(doc)
	for _, rule := range rules {
		if s := rule(doc, all); s.Text != "" {
			said = append(said, s)
		}
	}
	return said
}

// rules make the sentences of the bottom line, the greatest harm first. Each says one thing or, where the
// run did not measure it, nothing. There are at most [run.MaxSentences].
var rules = []func(*run.Run, []sample) run.Sentence{
	lostWithSetting, lostWithMount, refusedLock, curedBoth, keptThroughFaults, sameInBothJournals, machineMatters,
}

// A sample is one trial of a run that sent requests.
type sample struct {
	*run.TrialResult
	result *run.Result
	arm    *run.ArmResult
}

func samples(doc *run.Run) (all []sample) {
	for i := range doc.Experiments {
		result := &doc.Experiments[i]
		for k := range result.Arms {
			its := trials(&result.Arms[k])
			for t := range its {
				if its[t].Ops.Reached() > 0 {
					all = append(all, sample{&its[t], result, &result.Arms[k]})
				}
			}
		}
	}
	return all
}

// which returns the samples that match.
func which(all []sample, match func(*sample) bool) []sample {
	return slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return !match(&s) })
}

// once returns the samples without those whose recordings a sample before them has: experiments share
// recordings, and what is added up counts each once.
func once(all []sample) []sample {
	seen := map[string]bool{}
	return which(all, func(s *sample) bool {
		first := len(s.Recordings) == 0
		for _, dir := range s.Recordings {
			first = first || !seen[dir]
			seen[dir] = true
		}
		return first
	})
}

// worst returns the first sample that has most of something; of equal ones, one in which the lock is not
// held on purpose, and one whose experiment has the proof. It is nil where there is none.
func worst(all []sample, of func(*sample) float64) *sample {
	if len(all) == 0 {
		return nil
	}
	most := slices.MaxFunc(all, func(a, b sample) int {
		return cmp.Or(cmp.Compare(oneIf(b.Setup.Fault != nil), oneIf(a.Setup.Fault != nil)),
			cmp.Compare(of(&a), of(&b)), cmp.Compare(oneIf(a.proven()), oneIf(b.proven())))
	})
	return &most
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// proven reports whether a finding of the arm has witnesses.
func (s *sample) proven() bool {
	return slices.ContainsFunc(s.arm.Findings, func(f run.Finding) bool { return len(f.Witness) > 0 })
}

// called is the name of the sample's arm and, where that has several, of its trial.
func (s *sample) called() string {
	if s.Name == "" {
		return called(s.arm)
	}
	return called(s.arm) + ", " + s.Name
}

// link is where the page shows the sample's experiment.
func (s *sample) link() string { return "#" + anchors{}.of(s.result.Name) }

// shared reports whether nothing but the discipline is to blame for what was lost or refused: all nodes
// have the one file as they should, none is killed, and the engine is this program's.
func (s *sample) shared() bool {
	_, hold := s.Setup.Fault.(run.Hold)
	return s.mounted() && s.Setup.Build == "" && (s.Setup.Fault == nil || hold)
}

// mounted reports whether the nodes come to the database as they should.
func (s *sample) mounted() bool {
	return slices.Contains([]run.Mount{run.MountShared, run.MountVolume, run.MountDirectory, run.MountOwnFile}, s.Setup.Mount)
}

// tells reports whether it is known what was lost of anything.
func (s *sample) tells() bool { return s.Lost != nil && s.Ops.OK > 0 }

func (s *sample) loses() bool       { return s.tells() && *s.Lost > 0 }
func (s *sample) losses() float64   { return float64(*s.Lost) }
func (s *sample) refused() int      { return s.Codes[nodeapi.CodeBusy] + s.Codes[nodeapi.CodeTimeout] }
func (s *sample) refusals() float64 { return float64(s.refused()) / float64(s.Ops.Reached()) }

// serves reports whether every request succeeded, or failed for the data alone: sold out.
func (s *sample) serves() bool {
	return s.Ops.OK+s.Codes[nodeapi.CodeConflict]+s.Codes[nodeapi.CodeNotFound] == s.Ops.Total
}

// keeps reports whether certainly nothing was lost.
func (s *sample) keeps() bool { return s.tells() && *cmp.Or(s.LostMax, s.Lost) <= 0 }

// ofAcknowledged is "96 of 100 acknowledged increments".
func (s *sample) ofAcknowledged() string {
	lost := check.Range{Min: *s.Lost, Max: max(*s.Lost, *cmp.Or(s.LostMax, s.Lost))}
	return fmt.Sprintf("%s of %s acknowledged %s", lost, units.Count(int64(s.Ops.OK)), changes(s.Setup.Workload))
}

// changes names what a workload changes.
func changes(w workload.Workload) string {
	switch w.(type) {
	case workload.Increment:
		return "increments"
	case workload.Write:
		return "writes"
	case workload.Purchase:
		return "purchases"
	}
	return "changes"
}

// ways say how the read and the write of a change are put together.
var ways = map[store.Transaction]string{
	store.Separate:  "read and write in two transactions",
	store.Deferred:  "BEGIN DEFERRED",
	store.Immediate: "BEGIN IMMEDIATE",
	store.Exclusive: "BEGIN EXCLUSIVE",
	store.Atomic:    "a single statement",
}

func way(t store.Transaction) string { return cmp.Or(ways[t], "transaction "+string(t)) }

// lostWithSetting says how much was lost at most and with which setting, and whether any other lost something.
func lostWithSetting(_ *run.Run, all []sample) run.Sentence {
	all = which(all, func(s *sample) bool { return s.shared() && s.tells() })
	losing := which(all, (*sample).loses)
	most := worst(losing, (*sample).losses)
	switch {
	case len(all) == 0:
		return run.Sentence{}
	case most == nil:
		acknowledged := 0
		for _, s := range once(all) {
			acknowledged += s.Ops.OK
		}
		return run.Sentence{About: run.AboutKept, Link: all[0].link(), Text: fmt.Sprintf("Kept: all %s.", units.Plural(acknowledged, "acknowledged change"))}
	}
	d := most.Setup.Discipline
	text := fmt.Sprintf("Lost: %s, with %s and busy_timeout %d (%s).", most.ofAcknowledged(), way(d.Transaction), d.BusyTimeout, most.called())
	others := once(which(all, func(s *sample) bool { return s.Setup.Discipline.Transaction != d.Transaction }))
	if len(others) > 0 && !slices.ContainsFunc(others, func(s sample) bool { return s.loses() }) {
		text += fmt.Sprintf(" No other kind of transaction lost any (%s).", units.Plural(len(others), "setup"))
	}
	return run.Sentence{About: run.AboutLost, Text: text, Link: most.link()}
}

// lostWithMount says what was lost where the nodes do not share the file as they should, or run another build.
func lostWithMount(_ *run.Run, all []sample) run.Sentence {
	most := worst(which(all, func(s *sample) bool { return s.loses() && (!s.mounted() || s.Setup.Build != "") }), (*sample).losses)
	if most == nil {
		return run.Sentence{}
	}
	why := most.Setup.Mount.Words()
	if most.Setup.Build != "" {
		why = engineWords(&run.ArmResult{Totals: most.Totals})
	}
	return run.Sentence{About: run.AboutLost, Link: most.link(),
		Text: fmt.Sprintf("Lost as well: %s, with %s.", most.ofAcknowledged(), why)}
}

// refusedLock says how many requests were refused at most, and how many in spite of a busy_timeout. It has the
// words of SQLite's message, which people search for.
func refusedLock(_ *run.Run, all []sample) run.Sentence {
	const message = `SQLITE_BUSY, "database is locked"`
	all = which(all, (*sample).shared)
	most := worst(which(all, func(s *sample) bool { return s.refused() > 0 }), (*sample).refusals)
	switch {
	case len(all) == 0:
		return run.Sentence{}
	case most == nil:
		requests := 0
		for _, s := range once(all) {
			requests += s.Ops.Reached()
		}
		return run.Sentence{About: run.AboutKept, Link: all[0].link(),
			Text: fmt.Sprintf("None of %s was refused with %s.", units.Plural(requests, "request"), message)}
	}
	text := fmt.Sprintf("Refused with %s: %s", message, most.refusedWith(" requests"))
	patient := worst(which(all, func(s *sample) bool { return s.refused() > 0 && s.Setup.Discipline.BusyTimeout > 0 }), (*sample).refusals)
	if most.Setup.Discipline.BusyTimeout == 0 && patient != nil {
		text += "; " + patient.refusedWith("")
	}
	return run.Sentence{About: run.AboutRefused, Text: text + ".", Link: most.link()}
}

// refusedWith is "91 of 100 with BEGIN DEFERRED and busy_timeout 5000". With busy_timeout 0 the transaction does not
// matter.
func (s *sample) refusedWith(noun string) string {
	d := s.Setup.Discipline
	with := fmt.Sprintf("busy_timeout %d", d.BusyTimeout)
	if d.BusyTimeout > 0 {
		with = way(d.Transaction) + " and " + with
	}
	if s.Setup.Fault != nil {
		with += " while " + s.Setup.Wrong()
	}
	return fmt.Sprintf("%s of %s%s with %s", units.Count(int64(s.refused())), units.Count(int64(s.Ops.Reached())), noun, with)
}

// curedBoth says with which transactions nothing was lost and nothing refused of the very load of which most
// was lost or refused, and how long its clients waited. It is silent where no other setting had that load. A
// transaction that loses anything anywhere cures nothing.
func curedBoth(_ *run.Run, all []sample) run.Sentence {
	all = which(all, (*sample).shared)
	losing := which(all, (*sample).loses)
	ill := worst(losing, (*sample).losses)
	if ill == nil {
		ill = worst(which(all, func(s *sample) bool { return s.refused() > 0 }), (*sample).refusals)
	}
	if ill == nil {
		return run.Sentence{}
	}
	harm := units.PluralOf(ill.refused(), "was refused", "were refused")
	if ill.loses() {
		harm = units.PluralOf(*ill.Lost, "was lost", "were lost")
	}
	work := ill.work()
	well := which(all, func(s *sample) bool {
		lossy := func(of sample) bool { return of.Setup.Discipline.Transaction == s.Setup.Discipline.Transaction }
		return s.keeps() && s.serves() && s.work() == work && !slices.ContainsFunc(losing, lossy)
	})
	if len(well) == 0 {
		return run.Sentence{}
	}
	var found, timeouts []string
	for _, t := range store.Transactions {
		for _, s := range well {
			if s.Setup.Discipline.Transaction == t {
				found, timeouts = with(found, way(t)), with(timeouts, fmt.Sprint(s.Setup.Discipline.BusyTimeout))
			}
		}
	}
	longest := func(s sample) float64 { return s.Latency.Max }
	low, high := slices.MinFunc(well, by(longest)), slices.MaxFunc(well, by(longest))
	waited := units.Milliseconds(longest(low))
	if longest(high) > longest(low) {
		waited += " to " + units.Milliseconds(longest(high))
	}
	requests := units.Plural(ill.Ops.Total, "request")
	if ill.Setup.Load.Arrival == run.Burst {
		requests += " at once"
	}
	return run.Sentence{About: run.AboutCure, Link: low.link(),
		Text: fmt.Sprintf("Cured by %s, with busy_timeout %s: of %s none lost, none refused. Price: the slowest took %s (%s where %s).",
			units.List(found, "or"), units.List(timeouts, "or"), requests, waited, units.Milliseconds(longest(*ill)), harm)}
}

// by orders samples by a figure.
func by(of func(sample) float64) func(a, b sample) int {
	return func(a, b sample) int { return cmp.Compare(of(a), of(b)) }
}

// work names what is asked of the nodes, whatever their discipline but for the pause in a transaction.
func (s *sample) work() string {
	return s.but(func(d *store.Discipline) { *d = store.Discipline{Think: d.Think} })
}

// but names the sample's place and setup with a discipline that change has changed.
func (s *sample) but(change func(*store.Discipline)) string {
	setup := s.Setup
	change(&setup.Discipline)
	setup.Traced, setup.Syncs = false, false // what is written down beside
	return s.arm.Place + " " + setup.Key()
}

// keptThroughFaults says how much of what was acknowledged was lost while nodes were killed or, where none was,
// while one checkpointed.
func keptThroughFaults(_ *run.Run, all []sample) run.Sentence {
	all = once(which(all, func(s *sample) bool { return s.tells() && s.mounted() && s.Setup.Build == "" }))
	faulty := which(all, func(s *sample) bool { return run.Kills(s.Setup.Fault) })
	tried := " Power loss was not tried."
	if len(faulty) == 0 {
		faulty, tried = which(all, func(s *sample) bool { _, is := s.Setup.Fault.(run.Checkpoint); return is }), ""
	}
	if len(faulty) == 0 {
		return run.Sentence{}
	}
	var lost, acknowledged int64
	whole := true
	var faults []string
	for _, s := range faulty {
		lost, acknowledged = lost+*s.Lost, acknowledged+int64(s.Ops.OK)
		whole = whole && s.Integrity == "ok"
		faults = with(faults, s.Setup.Wrong())
	}
	said := run.Sentence{About: run.AboutKept, Link: faulty[0].link(), Text: "Kept: all "}
	if lost > 0 {
		said.About, said.Text = run.AboutLost, fmt.Sprintf("Lost: %s of ", units.Count(lost))
	}
	said.Text += fmt.Sprintf("%s acknowledged %s while %s", units.Count(acknowledged), changes(faulty[0].Setup.Workload), units.List(faults, "or"))
	if whole {
		said.Text += "; integrity_check said ok"
	}
	said.Text += "." + tried
	return said
}

// sameInBothJournals says that the journal mode did not matter to what was lost, where pairs of setups show it that
// differ in nothing else and served every request. Of a crowd that is refused, chance says who meets whom.
func sameInBothJournals(_ *run.Run, all []sample) run.Sentence {
	var link string
	lost, kept := map[string]int{}, map[string]int{} // by setup without its journal
	for _, s := range once(which(all, func(s *sample) bool { return s.shared() && s.tells() && s.serves() })) {
		key := s.but(func(d *store.Discipline) { d.Journal = "" })
		if s.loses() {
			lost[key]++
			link = cmp.Or(link, s.link())
		} else {
			kept[key]++
		}
	}
	both, neither := 0, 0
	for key, n := range lost {
		switch {
		case kept[key] > 0:
			return run.Sentence{}
		case n > 1:
			both++
		}
	}
	for _, n := range kept {
		if n > 1 {
			neither++
		}
	}
	if both == 0 {
		return run.Sentence{}
	}
	return run.Sentence{About: run.AboutSame, Link: link,
		Text: fmt.Sprintf("No difference: WAL or a rollback journal. Of %s that differ in nothing else, %d lost data in both and %d in neither.",
			units.PluralOf(both+neither, "pair of setups", "pairs of setups"), both, neither)}
}

// machineMatters says what the machine may have changed.
func machineMatters(doc *run.Run, _ []sample) run.Sentence {
	return run.Sentence{About: run.AboutMachine, Text: strings.TrimSpace(busy(doc) + " " + fast(doc))}
}
