package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"example.com/contend/internal/run"
)

// A written text is one <text> of a picture, with the room it takes.
type written struct {
	text string
	box
}

// A parsed picture is what a test asks of one <svg>.
type parsed struct {
	width, height float64
	texts         []written
}

// parse reads a figure as XML and fails where it is none.
func parse(t *testing.T, figure string) []parsed {
	t.Helper()
	var pictures []parsed
	var current *written
	var anchor string
	d := xml.NewDecoder(strings.NewReader(figure))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return pictures
		}
		if err != nil {
			t.Fatalf("parse figure: %v\n%s", err, figure)
		}
		switch token := token.(type) {
		case xml.StartElement:
			a := map[string]string{}
			for _, at := range token.Attr {
				a[at.Name.Local] = at.Value
			}
			switch token.Name.Local {
			case "svg":
				sides := strings.Fields(a["viewBox"])
				pictures = append(pictures, parsed{width: atof(t, sides[2]), height: atof(t, sides[3])})
			case "text":
				current, anchor = &written{box: box{left: atof(t, a["x"]), bottom: atof(t, a["y"])}}, a["text-anchor"]
			}
		case xml.CharData:
			if current != nil {
				current.text += string(token)
			}
		case xml.EndElement:
			if token.Name.Local == "text" {
				last := &pictures[len(pictures)-1]
				last.texts, current = append(last.texts, current.placed(anchor)), nil
			}
		}
	}
}

func atof(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		t.Fatalf("coordinate %q", s)
	}
	return v
}

// placed turns anchor and baseline into the box of the letters.
func (w written) placed(anchor string) written {
	width := textWidth(w.text) / fontSlack
	w.left -= map[string]float64{"start": 0, "middle": width / 2, "end": width}[anchor]
	w.right = w.left + width
	w.top, w.bottom = w.bottom-9, w.bottom+2
	return w
}

// No text lies over another, and none leaves its picture.
func TestTextsHaveRoom(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			pictures := parse(t, Figure(&s.chart, presets)+Small(&s.chart, presets))
			if len(pictures) != 3 {
				t.Fatalf("%d pictures, want a wide, a narrow and a small one", len(pictures))
			}
			for _, p := range pictures {
				for i, w := range p.texts {
					if w.left < -1 || w.right > p.width+1 || w.top < 0 || w.bottom > p.height {
						t.Errorf("%g wide: %q leaves the picture: %+v", p.width, w.text, w.box)
					}
					for _, other := range p.texts[:i] {
						if w.meets(other.box) {
							t.Errorf("%g wide: %q lies over %q", p.width, w.text, other.text)
						}
					}
				}
			}
		})
	}
}

func TestTextIsEscaped(t *testing.T) {
	const bad = "<script>alert(1)</script> & \"quoted\" '\x00\xff"
	series := []run.Series{{Name: bad, Points: []run.Point{{X: 1, Y: 1, Label: bad, Shown: bad, Tip: bad}, {X: 2, Y: 2}}}}
	marks := []run.Mark{{From: 1, To: 2, Label: bad}}
	axis := run.Axis{Label: bad, Unit: bad}
	for _, kind := range kinds {
		c := run.Chart{Kind: kind, Title: bad, Place: bad, Note: bad, X: axis, Y: axis, Series: series, Marks: marks,
			Lanes: []run.Lane{{Node: bad, Attempts: []run.LaneAttempt{{Kind: bad, Ended: 3, Code: bad}}, Faults: marks}}}
		got := "<div>" + Figure(&c, Presets{bad: bad}) + Small(&c, Presets{bad: "red"}) + "</div>"
		parse(t, got)
		for _, never := range []string{"<script", `& "`, "\x00", "\xff"} {
			if strings.Contains(got, never) {
				t.Errorf("%s: %q is not escaped", kind, never)
			}
		}
	}
}

var kinds = []string{run.ChartLines, run.ChartTime, run.ChartWaits, run.ChartBars, run.ChartStacks, run.ChartLanes}

// fuzzed returns one chart of each kind and scale made of a few numbers.
func fuzzed(a, b, c float64, k kind, u unit) []drawing {
	axis := axis{"t", k, u}
	points := []run.Point{{X: a, Y: b, Low: c, High: a}, {X: b, Y: c}, {X: c, Y: a, Low: a, High: b}}
	marks := []run.Mark{{From: a, To: b, Label: "s"}, {From: c, Label: "line"}}
	series := []run.Series{{Name: "x", Points: points}, {Name: "one", Points: points[:1]}, {Name: "equal", Points: []run.Point{points[0], points[0]}}, {Name: "none"}}
	all := &run.Chart{Series: series, Marks: marks, Lanes: []run.Lane{
		{Node: "n", Attempts: []run.LaneAttempt{{Began: a, Locked: &b, Ended: c}, {Began: b, Ended: c, Code: "SQLITE_BUSY"}}, Faults: marks}, {}}}
	return []drawing{
		lines{all, axis, axis, nil}, lines{&run.Chart{Series: series[2:3]}, axis, axis, nil}, distribution{all, nil}, lanes{all},
		bars{axis, []group{{"g", []bar{{"x", run.AboutLost, points[0]}, {"", "", points[1]}}}, {}}, nil}, stacks{all, nil},
	}
}

// Whatever the numbers, every chart is XML with finite coordinates.
func FuzzNumbers(f *testing.F) {
	odd := []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, 1e15, 1e-9, 0.999999}
	for i, a := range odd {
		for j, b := range odd {
			f.Add(a, b, odd[(i+j)%len(odd)], byte(i+j))
		}
	}
	f.Fuzz(func(t *testing.T, a, b, c float64, choice byte) {
		for _, chart := range fuzzed(a, b, c, kind(choice%3), unit(choice/3%3)) {
			got := figure("chart", "t", "", chart, wide, narrow, small)
			parse(t, got)
			for _, never := range []string{"NaN", "Inf"} {
				if strings.Contains(got, never) {
					t.Fatalf("%T of %v, %v, %v contains %s:\n%s", chart, a, b, c, never, got)
				}
			}
		}
	})
}

func TestNothingToDraw(t *testing.T) {
	for _, kind := range kinds {
		parse(t, Figure(&run.Chart{Kind: kind}, nil)+Small(&run.Chart{Kind: kind}, nil))
	}
	if got := Figure(&run.Chart{Kind: "of a newer contend"}, nil); got != "" {
		t.Errorf("a kind that is not known: %s", got)
	}
}

func TestSameDataSameBytes(t *testing.T) {
	again := samples()
	for i, s := range samples() {
		if Figure(&s.chart, nil) != Figure(&again[i].chart, nil) {
			t.Errorf("%s differs from itself", s.name)
		}
	}
}

// Groups of one bar each say the same name again and again.
func TestBarsOfOneNameAreOneGroup(t *testing.T) {
	series := func(name string, labels ...string) run.Series {
		s := run.Series{Name: name}
		for i, label := range labels {
			s.Points = append(s.Points, run.Point{X: float64(i), Y: float64(i + 1), Label: label})
		}
		return s
	}
	for _, tt := range []struct {
		name string
		all  []run.Series
		want string
	}{
		{"one name", []run.Series{series("10 clients", "red", "queue")}, "[: red 1 queue 2]"},
		{"two names", []run.Series{series("a", "red"), series("b", "red")}, "[red: a 1 b 1]"},
		{"one group", []run.Series{series("a", "red")}, "[red: a 1]"},
		{"a group without a name", []run.Series{series("a", "red", "")}, "[red: a 1][: a 2]"},
		{"nothing", nil, ""},
	} {
		got := ""
		for _, g := range groups(tt.all) {
			got += "[" + g.name + ":"
			for _, b := range g.bars {
				got += fmt.Sprintf(" %s %g", b.name, b.Y)
			}
			got += "]"
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A small picture says the harm and not what was kept beside it.
func TestStacksInWords(t *testing.T) {
	c := outcomes()
	for i, want := range []struct{ wide, small string }{
		{"2 kept, 9 lost, 89 refused", "9 lost, 89 refused"}, {"2 kept, 98 lost", "98 lost"}, {"3 kept, 97 refused", "97 refused"},
		{"100 kept", "100 kept"}, {"100 kept", "100 kept"}, {"100 unknown", "100 unknown"},
	} {
		row := stacks{&c, nil}.rows()[i]
		if got := row.words(wide); got != want.wide {
			t.Errorf("%s: %q, want %q", row.name, got, want.wide)
		}
		if got := row.words(small); got != want.small {
			t.Errorf("%s, small: %q, want %q", row.name, got, want.small)
		}
	}
}
