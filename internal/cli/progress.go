package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"example.com/contend/internal/record"
)

// A progress tells on stderr what is running, how far it is and how long it
// will still take: as one line drawn again and again on a terminal, as one
// plain line a recording elsewhere.
type progress struct {
	w       io.Writer
	quiet   bool
	started time.Time

	bars *mpb.Progress // nil where w is no terminal
	bar  *mpb.Bar

	mu   sync.Mutex // the bar is drawn by a goroutine of mpb
	now  record.Progress
	said map[int]bool // numbers of the recordings that were announced; several are made at once
}

func newProgress(w io.Writer, quiet bool) *progress {
	p := &progress{w: w, quiet: quiet, started: time.Now(), said: map[int]bool{}}
	if !quiet && isTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(100*time.Millisecond))
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
	case p.bars == nil && !p.said[now.Number]:
		p.said[now.Number] = true
		line := fmt.Sprintf("%d of %d  %s %s%s  %s", now.Number, now.Of, now.Experiment, now.Arm, on(now), p.left())
		fmt.Fprintln(p.w, strings.TrimSpace(line))
	case p.bars != nil:
		p.draw(now)
	}
}

// permille is the length of the bar: it shows time, and recordings differ in that.
const permille = 1000

func (p *progress) draw(now record.Progress) {
	if p.bar == nil {
		p.bar = p.bars.New(permille, mpb.BarStyle().Rbound("]"),
			mpb.BarWidth(24),
			mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + p.line() })),
		)
	}
	if now.Phase == "recorded" {
		p.bar.SetCurrent(int64(now.Behind * permille))
	}
}

// line is what stands beside the bar.
func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	phase := p.now.Phase
	if p.now.Total > 0 {
		phase = fmt.Sprintf("%s %d/%d", phase, p.now.Done, p.now.Total)
	}
	return fmt.Sprintf("%d/%d %s %s%s: %s  %s", p.now.Number, p.now.Of, p.now.Experiment, p.now.Arm, on(p.now), phase, p.left())
}

// on says where, if there are several places.
func on(p record.Progress) string {
	if p.Place == "" {
		return ""
	}
	return " on " + p.Place
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
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
