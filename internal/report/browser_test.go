package report

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"example.com/contend/internal/run"
)

var shots = flag.String("shots", "", "write what the browser shows into this directory, to be looked at")

//go:embed testdata/inspect.js
var inspect string

// A tab is a page of a browser, and everything that it complained of or asked
// the network for.
type tab struct {
	context.Context
	mu         sync.Mutex
	complaints []string
	requests   []string
}

// openTab starts a browser, or skips the test where there is none.
func openTab(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("chromium is missing, so no browser has seen the page: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{Context: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	b.do(t, call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}))
	return b
}

// call is a command of the browser's protocol whose answer says nothing.
func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprint("console: ", e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	}
}

func (b *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// unfold opens everything that is folded up.
func (b *tab) unfold(t *testing.T) {
	t.Helper()
	eval[any](t, b, `document.querySelectorAll("details").forEach((d) => { d.open = true }); null`)
}

// eval returns the value of an expression on the page.
func eval[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// inspect returns what testdata/inspect.js finds on the page as it is now.
func (b *tab) inspect(t *testing.T) []string {
	t.Helper()
	return eval[[]string](t, b, inspect)
}

// show opens the page of run from a file, and returns its address.
func (b *tab) show(t *testing.T, doc *run.Run) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(paged(t, doc)), 0o644); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: path}).String()
	b.do(t, chromedp.Navigate(address))
	return address
}

// TestPageInBrowser has a real browser lay out pages on a telephone and on a
// wide screen, light, dark and on paper, and looks for what a reader would
// stumble over; see testdata/inspect.js.
func TestPageInBrowser(t *testing.T) {
	b := openTab(t)
	addresses := map[string]bool{}
	for name, doc := range map[string]*run.Run{"lab": labRun(), "compare": compareRun()} {
		addresses[b.show(t, doc)] = true
		b.unfold(t)
		b.look(t, name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, complaint := range b.complaints {
		t.Errorf("the browser complains: %s", complaint)
	}
	for _, request := range b.requests {
		if !addresses[request] && !strings.HasPrefix(request, "data:") {
			t.Errorf("a page asks for %s", request)
		}
	}
	if len(b.requests) < len(addresses) {
		t.Error("not every page was seen to be requested: the test is deaf")
	}
}

// TestFoldedPageIsShort lays out a page as large as that of the whole lab: its first screen has the
// bottom line and the contents, and folded up it is short. A link into what is folded up unfolds it.
func TestFoldedPageIsShort(t *testing.T) {
	const screen, most = 800, 12_000 // px, at a width of 1280
	b := openTab(t)
	b.show(t, largeRun())
	b.do(t, chromedp.EmulateViewport(1280, screen), media("light"))
	const height, contents = `document.scrollingElement.scrollHeight`, `document.querySelector("nav").getBoundingClientRect().bottom`
	if got := eval[float64](t, b, contents); got > screen {
		t.Errorf("the contents end at %g px, want them within %d", got, screen)
	}
	folded := eval[float64](t, b, height)
	if folded > most {
		t.Errorf("the page is %g px high, want at most %d", folded, most)
	}
	sheets := b.printed(t)
	if sheets >= 12 {
		t.Errorf("%d printed pages, want fewer than 12", sheets)
	}
	for _, anchor := range []string{"busy-0", "busy-0-busy-over-30"} {
		opened := `(() => { const to = document.getElementById("` + anchor + `"); return to.closest("details").open && to.getClientRects().length > 0 })()`
		if eval[bool](t, b, opened) {
			t.Errorf("#%s is open before anybody goes there", anchor)
		}
		eval[any](t, b, `location.hash = "`+anchor+`"; null`)
		if !eval[bool](t, b, opened) {
			t.Errorf("#%s stays folded up", anchor)
		}
	}
	b.shoot(t, "large")
	if got := b.printed(t); got <= sheets {
		t.Errorf("unfolded it has %d printed pages, folded up %d: the evidence is not printed", got, sheets)
	}
	b.unfold(t)
	if got := eval[float64](t, b, height); got < 2*folded {
		t.Errorf("unfolded the page is %g px high, folded up %g: the height says nothing", got, folded)
	}
}

// printed returns how many sheets of A4 the page has on paper.
func (b *tab) printed(t *testing.T) int {
	t.Helper()
	b.do(t, media("print"))
	defer b.do(t, media("light"))
	pdf, err := chromedp.Run(b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil {
		t.Fatal(err)
	}
	return len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1))
}

// look inspects the page that is shown in each size and in each light.
func (b *tab) look(t *testing.T, page string) {
	for _, tt := range []struct {
		width int64 // in px; that of a sheet of A4 between its margins is 680
		look  string
	}{{400, "light"}, {400, "dark"}, {680, "print"}, {1600, "light"}, {1600, "dark"}} {
		name := fmt.Sprintf("%s-%d-%s", page, tt.width, tt.look)
		t.Run(name, func(t *testing.T) {
			b.do(t, chromedp.EmulateViewport(tt.width, 1000), media(tt.look))
			for _, complaint := range b.inspect(t) {
				t.Error(complaint)
			}
			b.shoot(t, name)
		})
	}
}

func media(look string) chromedp.Action[chromedp.Void] {
	p := emulation.SetEmulatedMediaParams{Media: "print"}
	if look != "print" {
		p = emulation.SetEmulatedMediaParams{Media: "screen", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look}}}
	}
	return call(emulation.SetEmulatedMedia, p)
}

func (b *tab) shoot(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	picture, err := chromedp.Run(b, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBrowserSeesMistakes breaks the page on purpose: each breach is reported.
func TestBrowserSeesMistakes(t *testing.T) {
	b := openTab(t)
	b.show(t, labRun())
	b.do(t, chromedp.EmulateViewport(400, 1000), media("light"))
	for _, tt := range []struct{ name, harm, want string }{
		{"too wide", `document.querySelector("h1").style.width = "900px"`, "scrolls sideways"},
		{"chart without marks", `document.querySelectorAll(".chart-narrow")[0].querySelectorAll(".curve, .dot").forEach(e => e.remove())`, "no marks"},
		{"label outside", `document.querySelector(".chart-narrow text").setAttribute("x", "900")`, "outside"},
		{"labels collide", `{ const t = document.querySelector(".chart-narrow .tick"); t.after(t.cloneNode(true)) }`, "overlaps"},
		{"pale text", `document.querySelector(".source").style.color = "#ddd"`, "contrast"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.do(t, chromedp.Reload())
			b.unfold(t)
			eval[any](t, b, tt.harm+"; null")
			found := b.inspect(t)
			if !strings.Contains(strings.Join(found, "\n"), tt.want) {
				t.Errorf("found %q, want %q among it", found, tt.want)
			}
		})
	}
}
