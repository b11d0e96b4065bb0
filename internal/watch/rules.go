package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/units"
)

// A Finding is something that goes wrong, with the worst case as its evidence.
type Finding struct {
	Rule     string   `json:"rule"`     // see the table in docs/watch.md
	Process  Process  `json:"process"`  // whose doing it is, or whom it befalls; of the worst case
	Times    int      `json:"times"`    // how often it happened to processes with that command and container
	Sentence string   `json:"sentence"` // what happened
	Evidence []string `json:"evidence"`
	Cure     string   `json:"cure"`
	Command  string   `json:"command,omitempty"` // that helps at once
	Page     string   `json:"page"`              // that explains it
}

// A rule recognizes a finding in a hold or in a wait. Where several rules know it, the first counts.
type rule struct {
	name string
	hold func(h *Hold, slow time.Duration) bool
	wait func(w *Wait, slow time.Duration) bool
	says func(h *Hold, w *Wait) string
	cure string
	page string
}

// longRead is how many times longer than a slow hold a read transaction must last before it is blamed for a large WAL.
const longRead = 10

// passedOver is how often a waiter must be passed over to be called starved.
const passedOver = 10

var rules = []rule{
	{
		name: "dropped-lock",
		hold: func(h *Hold, _ time.Duration) bool { return h.Dropped },
		says: func(h *Hold, _ *Wait) string {
			return fmt.Sprintf("%s closed a descriptor of the database file, by which the kernel released its lock %s, and went on. Another process may now write at the same time: the database can be damaged.", h.Process, h.Lock)
		},
		cure: "A process that uses a database through SQLite must not open, copy or checksum its file by other means, nor contain SQLite twice. POSIX locks belong to the process, and any close() of the file drops them all.",
		page: "https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_",
	},
	{
		name: "stopped-process",
		hold: func(h *Hold, _ time.Duration) bool { return h.kind.Kind == Stopped },
		says: func(h *Hold, _ *Wait) string {
			return fmt.Sprintf("%s is stopped (SIGSTOP, Ctrl-Z or a debugger) and holds %s.", h.Process, h.Lock)
		},
		cure: "Let the process go on, or end it: the kernel then releases its locks, and the next process that opens the database rolls back what it had not committed.",
		page: "https://sqlite.org/lockingv3.html",
	},
	{
		name: "idle-holder",
		hold: func(h *Hold, _ time.Duration) bool { return h.Lock.Writes() && h.kind.Kind.idle() },
		says: func(h *Hold, _ *Wait) string {
			return fmt.Sprintf("%s held %s for %s, and did not work on the database meanwhile: %s.", h.Process, h.Lock, since(h.MS), h.kind)
		},
		cure: "Do what takes time (calls, sleeps, prompts) before BEGIN or after COMMIT. In a transaction, only statements.",
		page: "https://sqlite.org/lang_transaction.html",
	},
	{
		name: "pinned-wal",
		hold: func(h *Hold, slow time.Duration) bool {
			return h.Lock.Reads() && h.WAL != nil && h.WAL.To > h.WAL.From && h.MS >= longRead*slow.Seconds()*1000
		},
		says: func(h *Hold, _ *Wait) string {
			return fmt.Sprintf("A read transaction of %s lasted %s. Meanwhile no checkpoint could reset the WAL, and it grew from %s to %s bytes.",
				h.Process, since(h.MS), units.Count(h.WAL.From), units.Count(h.WAL.To))
		},
		cure: "End the read transaction: COMMIT it, and reset or finalize each SELECT (close its cursor).",
		page: "https://sqlite.org/wal.html#avoiding_excessively_large_wal_files",
	},
	{
		name: "blocked-checkpoint",
		wait: func(w *Wait, slow time.Duration) bool {
			return w.Checkpoint && w.HeldMS >= slow.Seconds()*1000
		},
		says: func(_ *Hold, w *Wait) string {
			return fmt.Sprintf("A checkpoint of %s could not finish: %s had been reading for %s.", w.Process, w.behind(), since(w.HeldMS))
		},
		cure: "End long read transactions, and checkpoint when no reader is there (PRAGMA wal_checkpoint(TRUNCATE) with a busy_timeout).",
		page: "https://sqlite.org/wal.html#avoiding_excessively_large_wal_files",
	},
	{
		name: "deferred-upgrade",
		wait: func(w *Wait, _ time.Duration) bool { return w.Upgrade },
		says: func(_ *Hold, w *Wait) string {
			return fmt.Sprintf("%s had begun to read, wanted to write (%s), and was refused at once, because %s held the lock.", w.Process, w.Lock, w.behind())
		},
		cure: "Begin transactions that write with BEGIN IMMEDIATE. A busy_timeout cannot help here: SQLite does not wait in a transaction that has read.",
		page: "https://sqlite.org/lang_transaction.html#deferred_immediate_and_exclusive_transactions",
	},
	{
		name: "no-busy-timeout",
		wait: func(w *Wait, _ time.Duration) bool { return w.Outcome == GaveUp && w.Refusals == 1 && !w.Checkpoint },
		says: func(_ *Hold, w *Wait) string {
			return fmt.Sprintf("%s was refused %s once, because %s held the lock, and did not try again.", w.Process, w.Lock, w.behind())
		},
		cure: "Set a busy_timeout on every connection: PRAGMA busy_timeout = 5000. SQLite's default is 0.",
		page: "https://sqlite.org/c3ref/busy_timeout.html",
	},
	{
		name: "timed-out",
		wait: func(w *Wait, slow time.Duration) bool {
			return w.Outcome == GaveUp && w.MS >= slow.Seconds()*1000 && !w.Checkpoint
		},
		says: func(_ *Hold, w *Wait) string {
			return fmt.Sprintf("%s tried to get %s for %s and gave up, because %s held the lock.", w.Process, w.Lock, since(w.MS), w.behind())
		},
		cure: "Make the holder's transactions shorter, or the busy_timeout longer than the longest of them.",
		page: "https://sqlite.org/rescode.html#busy",
	},
	{
		name: "starved",
		wait: func(w *Wait, _ time.Duration) bool {
			return w.Passed >= passedOver && w.MS >= 1000
		},
		says: func(_ *Hold, w *Wait) string {
			return fmt.Sprintf("%s waited %s for %s, and %s got the lock first that had come later.", w.Process, since(w.MS), w.Lock, units.PluralOf(w.Passed, "transaction", "transactions"))
		},
		cure: "SQLite's waiters poll, and poll more rarely the longer they wait. Write from one process, or try again after a short random time instead of the busy_timeout.",
		page: "https://sqlite.org/c3ref/busy_handler.html",
	},
}

// behind names those who held the lock.
func (w *Wait) behind() string {
	const most = 2
	var names []string
	for _, b := range w.Behind[:min(len(w.Behind), most)] {
		names = append(names, b.Process.String())
	}
	if more := len(w.Behind) - most; more > 0 {
		names = append(names, units.PluralOf(more, "other", "others"))
	}
	return units.List(names, "and")
}

// A diagnosis gathers findings, one for each rule and program.
type diagnosis struct {
	slow  time.Duration
	found map[subject]*Finding
	worst map[subject]float64 // in ms
}

type subject struct {
	rule               int
	command, container string
}

// maxFindings bounds the findings that are kept. Programs of so many names have one cause.
const maxFindings = 1000

func newDiagnosis(slow time.Duration) *diagnosis {
	return &diagnosis{slow, map[subject]*Finding{}, map[subject]float64{}}
}

func (d *diagnosis) hold(h *Hold) {
	d.judge(h.Process, h.MS, h, nil, func(r *rule) bool { return r.hold != nil && r.hold(h, d.slow) })
}

func (d *diagnosis) wait(w *Wait) {
	d.judge(w.Process, w.MS, nil, w, func(r *rule) bool { return r.wait != nil && r.wait(w, d.slow) })
}

func (d *diagnosis) judge(p Process, ms float64, h *Hold, w *Wait, is func(*rule) bool) {
	at := slices.IndexFunc(rules, func(r rule) bool { return is(&r) })
	if at < 0 {
		return
	}
	key := subject{at, p.Command, p.Container}
	f := d.found[key]
	if f == nil {
		if len(d.found) == maxFindings {
			return
		}
		f = &Finding{Rule: rules[at].name, Cure: rules[at].cure, Page: rules[at].page}
		d.found[key], d.worst[key] = f, -1
	}
	f.Times++
	if ms <= d.worst[key] {
		return
	}
	d.worst[key], f.Process, f.Sentence = ms, p, rules[at].says(h, w)
	if h != nil {
		f.Evidence = h.evidence()
	} else {
		f.Evidence = w.evidence()
	}
	if rules[at].name == "stopped-process" {
		f.Command = fmt.Sprintf("kill -CONT %d", p.PID)
	}
}

// findings returns what was found, in the order of the rules, the most frequent of each first.
func (d *diagnosis) findings() []Finding {
	all := []Finding{}
	for i := range rules {
		var some []Finding
		for key, f := range d.found {
			if key.rule == i {
				some = append(some, *f)
			}
		}
		slices.SortFunc(some, func(a, b Finding) int {
			if a.Times != b.Times {
				return b.Times - a.Times
			}
			return strings.Compare(a.Process.Command, b.Process.Command)
		})
		all = append(all, some...)
	}
	return all
}

const clock = "15:04:05.000"

// at writes when something began, for people.
func at(t time.Time) string { return t.UTC().Format(clock) }

func (h *Hold) evidence() []string {
	all := []string{h.Sentence()}
	var doing []string
	for _, s := range h.Doing[:min(len(h.Doing), 4)] {
		doing = append(doing, fmt.Sprintf("%s of the time %s", units.Percent(s.Share), s.What))
	}
	if len(doing) > 1 {
		all = append(all, "it was seen "+units.List(doing, "and"))
	}
	if h.SQL != nil {
		all = append(all, "its transaction: "+h.SQL.String())
	}
	return all
}

// Sentence tells the hold in one line, without its process.
func (h *Hold) Sentence() string {
	verb, least := "held", ""
	if !h.Ended {
		verb = "has held"
	}
	if h.AtLeast {
		least = "at least "
	}
	text := fmt.Sprintf("%s %s for %s%s since %s", verb, h.Lock, least, since(h.MS), at(h.Began))
	if len(h.Doing) > 0 {
		text += ": " + h.Doing[0].What
		if h.Doing[0].Share < 1 {
			text += fmt.Sprintf(" (%s of the time)", units.Percent(h.Doing[0].Share))
		}
	}
	return text
}

func (w *Wait) evidence() []string {
	all := []string{w.Sentence()}
	if w.Statement != "" {
		all = append(all, "it was refused in "+w.Statement)
	}
	for _, b := range w.Behind[:min(len(w.Behind), 4)] {
		all = append(all, fmt.Sprintf("%s was behind %s", units.Plural(b.Refusals, "refusal"), b.Process))
	}
	return all
}

// Sentence tells the wait in one line, without its process.
func (w *Wait) Sentence() string {
	text := fmt.Sprintf("waited %s for %s since %s, %s, %s", since(w.MS), w.Lock, at(w.Began), units.Plural(w.Refusals, "refusal"), w.Outcome)
	if w.Refusals == 1 && w.Outcome == GaveUp {
		text = fmt.Sprintf("was refused %s once at %s", w.Lock, at(w.Began))
	}
	if len(w.Behind) > 0 {
		text += ", behind " + w.behind()
	}
	return text
}
