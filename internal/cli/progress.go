package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"example.com/contend/internal/record"
)

// A progress shows on stderr what is running, how far it is and how long it will
// still take: on a terminal as one line that it redraws, elsewhere as one plain
// line a recording or, where there are many, every now and then.
type progress struct {
	w       io.Writer
	quiet   bool
	started time.Time

	bars *mpb.Progress // nil where w is no terminal
	bar  *mpb.Bar

	mu   sync.Mutex // the bar is drawn by a goroutine of mpb
	now  record.Progress
	last time.Time    // when a plain line was written
	said map[int]bool // numbers of the recordings that were shown; several are made at once
}

func newProgress(w io.Writer, quiet bool) *progress {
	p := &progress{w: w, quiet: quiet, started: time.Now(), said: map[int]bool{}}
	if !quiet && isTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(file(w)), mpb.WithRefreshRate(100*time.Millisecond))
	}
	return p
}

// observe takes what the engine is doing.
func (p *progress) observe(now record.Progress) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	p.now = now
	p.mu.Unlock()
	switch {
	case p.bars == nil && !p.said[now.Number] && (now.Of < many || time.Since(p.last) >= pause):
		p.last = time.Now()
		p.said[now.Number] = true
		fmt.Fprintln(p.w, strings.TrimSpace(fmt.Sprintf("%d of %d  %s  %s", now.Number, now.Of, subject(now), p.left())))
	case p.bars != nil && p.bar == nil:
		p.bar = p.bars.New(permille, mpb.BarStyle().Rbound("]"),
			mpb.BarWidth(24),
			mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + p.line() })),
		)
	}
	if p.bar != nil && now.Phase == "recorded" {
		p.bar.SetCurrent(int64(now.Behind * permille))
	}
}

// In a log, so many recordings are too many to have a line each; then lines are so far apart.
const (
	many  = 100
	pause = 30 * time.Second
)

// permille is the length of the bar: it shows time, and recordings differ in that.
const permille = 1000

// line is what stands beside the bar.
func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	phase := p.now.Phase
	if p.now.Total > 0 {
		phase = fmt.Sprintf("%s %d/%d", phase, p.now.Done, p.now.Total)
	}
	return fmt.Sprintf("%d/%d %s: %s  %s", p.now.Number, p.now.Of, subject(p.now), phase, p.left())
}

// subject names the arm that is recorded and, if there are several places, its place.
func subject(p record.Progress) string {
	if p.Place == "" {
		return p.Experiment + " " + p.Arm
	}
	return p.Experiment + " " + p.Arm + " on " + p.Place
}

// left estimates the time left: from how long the recordings are expected to
// take and, once some of it has passed, from how much slower they are here.
func (p *progress) left() string {
	expected := p.now.Takes.Seconds()
	behind := p.now.Behind * expected
	slower := 1.0
	if behind > 2 {
		slower = time.Since(p.started).Seconds() / behind
	}
	left := time.Duration((expected - behind) * slower * float64(time.Second))
	return fmt.Sprintf("about %s left", max(left.Round(time.Second), time.Second))
}

// close ends the drawing and waits for it.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Abort(true)
	}
	if p.bars != nil {
		p.bars.Wait()
	}
}

func isTerminal(w io.Writer) bool {
	f := file(w)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// colorFlag adds --color, whose value [useColor] takes.
func colorFlag(flags *pflag.FlagSet, mode *string) {
	flags.StringVar(mode, "color", "auto", "auto, always or never; auto obeys FORCE_COLOR and NO_COLOR")
}

// useColor reports whether to write to w in colour: one stream may be a terminal
// and the other a file.
func useColor(mode string, w io.Writer) (bool, error) { return wantColor(mode, isTerminal(w)) }

// wantColor decides: the flag first, then FORCE_COLOR (https://force-color.org),
// NO_COLOR (https://no-color.org), TERM=dumb, and last whether it is a terminal.
// An empty variable counts as unset. FORCE_COLOR=0 and FORCE_COLOR=false mean no,
// as in many programs.
func wantColor(mode string, terminal bool) (bool, error) {
	switch mode {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
	default:
		return false, usagef("--color %q is none of auto, always, never", mode)
	}
	if force := os.Getenv("FORCE_COLOR"); force != "" {
		return force != "0" && force != "false", nil
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal, nil
}
