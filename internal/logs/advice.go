package logs

import (
	"fmt"
	"slices"
	"time"

	"example.com/contend/internal/units"
)

// An Advice is what a pattern of failures speaks for.
type Advice struct {
	About    string `json:"about"`    // the pattern, in a word that stays the same
	Says     string `json:"says"`     // what it speaks for, and what to do
	Evidence string `json:"evidence"` // what was counted
	Command  string `json:"command"`  // goes further
}

// byCode is what a code alone speaks for, in order of how sure it is. A code that says a thing of its own goes here.
var byCode = []struct {
	about   string
	codes   []code
	told    string // the codes by name
	says    string
	command string
}{
	{"snapshot", []code{517}, "SQLITE_BUSY_SNAPSHOT",
		"A transaction read, another connection wrote, and then the transaction wanted to write: SQLite refuses that at once, and no busy_timeout helps. " +
			"Begin transactions that will write with BEGIN IMMEDIATE.", "contend run snapshot"},
	{"corrupt", []code{11, 267, 523, 779, 26}, "SQLITE_CORRUPT or SQLITE_NOTADB",
		"The file is damaged, or it is no database. Stop all that write to it and keep copies of the file, its -wal and its -shm before anything opens it again. " +
			"Then look for what two processes did not share: the -wal, the locks, or the file itself.", "contend run mounts --on compose"},
	{"moved", []code{1032}, "SQLITE_READONLY_DBMOVED",
		"Somebody replaced or moved the database while it was open: a restore, a copy over it, or a mount of the single file. Mount the directory, and stop the program before you restore.",
		"contend run mounts --on compose"},
	{"shared-memory", []code{4618, 4874, 5130, 5386, 15}, "SQLITE_IOERR_SHM… or SQLITE_PROTOCOL",
		"WAL needs memory that all processes share, beside the database, and locks that work. Network file systems and some volumes have neither: " +
			"put the file on a local disk of one host, or use a rollback journal.", "contend run mounts --on compose"},
	{"recovery", []code{261}, "SQLITE_BUSY_RECOVERY",
		"Another connection was recovering the WAL: a process had been killed, or the last one had not closed the database.", "contend run crash"},
	{"same-process", []code{6, 262}, "SQLITE_LOCKED",
		"SQLITE_LOCKED comes from within one process, or from a shared cache: another statement of the same connection is still open. No other process causes it, and no busy_timeout helps. " +
			"Finish reads before you change a table, and do not use a shared cache.", "contend run busy"},
}

// overTime look for patterns of refusals over time and containers, and are less sure; the zero Advice says that it is not
// there. A new pattern goes here.
var overTime = []func(*Summary) Advice{regular, afterBegin, oneContainer}

func advise(s *Summary) []Advice {
	all := []Advice{}
	for _, c := range byCode {
		if n := s.of(c.codes...); n > 0 {
			isError := func(c code) bool { return !c.refusal() }
			counted := units.Plural(n, "failure") // of either kind
			switch {
			case !slices.ContainsFunc(c.codes, isError):
				counted = fmt.Sprintf("%s of %s", units.Count(n), units.Plural(s.Refusals, "refusal"))
			case !slices.ContainsFunc(c.codes, code.refusal):
				counted = units.Plural(n, "error")
			}
			all = append(all, Advice{c.about, c.says, counted + ": " + c.told + ".", c.command})
		}
	}
	for _, look := range overTime {
		if a := look(s); a.Says != "" {
			all = append(all, a)
		}
	}
	return all
}

// of returns how many failures have one of the codes.
func (s *Summary) of(codes ...code) (n int64) {
	for _, c := range s.Codes {
		if slices.Contains(codes, codeOf[c.Code]) && c.Code != Other {
			n += c.Failures
		}
	}
	return n
}

// few is below how many refusals a pattern over time or containers says nothing.
const few = 5

// regular looks for a minute of the day, or of the hour, at which refusals come again and again.
func regular(s *Summary) (a Advice) {
	dated, _ := s.DatedBuckets()
	if s.BucketSeconds > 60 {
		return a
	}
	for _, p := range []struct {
		minutes, width int64 // of the period; of the burst within it
		every, format  string
	}{
		{day / 60, 10, "day", "15:04 UTC"},
		{hour / 60, 3, "hour", "minute 04"},
	} {
		begin, share, times := burst(dated, p.minutes, p.width)
		if share < 0.8 || times < 3 {
			continue
		}
		when := time.Unix(begin*60, 0).UTC().Format(p.format)
		return Advice{"regular", fmt.Sprintf("Refusals come every %s about %s: something regular holds the lock then, such as a backup, a cleaning job or a checkpoint. "+
			"Let it hold the lock for shorter (the online backup in steps, VACUUM INTO, small batches), or let writers wait longer.", p.every, when),
			fmt.Sprintf("%s of the refusals with a date fall into %d minutes of the %s, in %d different ones.", units.Percent(share), p.width, p.every, times), "contend run lock-wait"}
	}
	return a
}

// burst finds the width minutes of a period of so many minutes that have the most
// refusals. It returns when they begin, the share of all, and in how many periods they have some.
func burst(buckets []Bucket, period, width int64) (begin int64, share float64, times int) {
	minutes := make([]int64, period)
	total := int64(0)
	for _, b := range buckets {
		minutes[floor(b.Time.Unix(), 60)%period] += b.Refusals
		total += b.Refusals
	}
	if total < few {
		return 0, 0, 0
	}
	most := int64(0)
	for i := range period {
		sum := int64(0)
		for j := range width {
			sum += minutes[(i+j)%period]
		}
		if minutes[i] > 0 && sum > most {
			most, begin = sum, i
		}
	}
	periods := map[int64]bool{}
	for _, b := range buckets {
		if m := floor(b.Time.Unix(), 60); (m-begin+period)%period < width {
			periods[(m-begin)/period] = true
		}
	}
	return begin, float64(most) / float64(total), len(periods)
}

// afterBegin looks for a container that began late, and only then refusals came.
func afterBegin(s *Summary) (a Advice) {
	var first time.Time
	for _, c := range s.Containers {
		first, _ = span(first, time.Time{}, c.Began, time.Time{})
	}
	before := s.First.Sub(first)
	if s.First.IsZero() || s.Refusals < few || len(s.Containers) < 2 || s.Untimed+s.Undated > 0 || before < 10*time.Minute {
		return a
	}
	var late *ContainerCount
	for i, c := range s.Containers {
		if since := s.First.Sub(c.Began); !c.Began.IsZero() && since >= 0 && since <= before/10 && (late == nil || c.Began.After(late.Began)) {
			late = &s.Containers[i]
		}
	}
	if late == nil {
		return a
	}
	return Advice{"began", fmt.Sprintf("Refusals begin with %s: two that were not made to share the file do so since then, or it holds the lock for too long. "+
		"If it replaces another container, let the old one end first.", late.Container),
		fmt.Sprintf("%s wrote its first line at %s, the first refusal came %s later; for %s before it there was none.",
			late.Container, late.Began.Format(time.RFC3339), s.First.Sub(late.Began).Round(time.Second), late.Began.Sub(first).Round(time.Minute)), "contend run busy"}
}

// oneContainer looks for one that is refused where others write as well.
func oneContainer(s *Summary) (a Advice) {
	refused := 0
	var only ContainerCount
	others, lines := 0, int64(0)
	for _, c := range s.Containers {
		if c.Refusals > 0 {
			refused++
			only = c
		} else if c.Lines >= few {
			others++
			lines += c.Lines
		}
	}
	if refused != 1 || others == 0 || s.Refusals < few || lines < s.Refusals {
		return a
	}
	return Advice{"one-container", fmt.Sprintf("Only %s is refused: another process holds the lock for longer than %s waits. Compare its busy_timeout with the others', and look for their long transactions.",
		only.Container, only.Container),
		fmt.Sprintf("All %s are its own; %s with %s had none.", units.Plural(s.Refusals, "refusal"), units.Plural(others, "other container"), units.Plural(lines, "line")), "contend run lock-wait"}
}
