package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
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
			pictures := parse(t, Figure(s.chart))
			if len(pictures) != 2 {
				t.Fatalf("%d pictures, want a wide and a narrow one", len(pictures))
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
	point := []Point{{X: 1, Y: 1, Text: bad}, {X: 2, Y: 2}}
	spans := []Span{{From: 1, To: 2, Label: bad}}
	for _, c := range []Chart{
		Lines{Title: bad, Note: bad, X: Axis{Title: bad, Scale: Ordinal, Names: []string{bad, bad}}, Y: Axis{Title: bad},
			Series: []Series{{Name: bad, Points: point}}, Spans: spans},
		Distribution{Title: bad, Note: bad, X: bad, Y: bad, Curves: []Curve{{bad, []Step{{1, .5}, {2, 1}}}}, Spans: spans},
		Bars{Title: bad, Note: bad, Value: Axis{Title: bad}, Groups: []Group{{bad, []Bar{{Name: bad, Value: 1, Label: bad, Text: bad}}}}},
		Lanes{Title: bad, Note: bad, Lanes: []Lane{{bad, []Attempt{{Ended: 3, Text: bad}}, spans}}, Spans: spans},
	} {
		got := Figure(c)
		parse(t, got)
		for _, never := range []string{"<script", `& "`, "\x00", "\xff"} {
			if strings.Contains(got, never) {
				t.Errorf("%T: %q is not escaped", c, never)
			}
		}
	}
}

// fuzzed returns one chart of each kind and scale made of a few numbers.
func fuzzed(a, b, c float64, scale Scale, unit Unit) []Chart {
	axis := Axis{Title: "t", Scale: scale, Unit: unit, Names: []string{"n"}}
	points := []Point{{X: a, Y: b, Low: c, High: a}, {X: b, Y: c}, {X: c, Y: a, Low: a, High: b}}
	spans := []Span{{From: a, To: b, Label: "s"}, {From: c, Label: "line"}}
	return []Chart{
		Lines{Title: "t", X: axis, Y: axis, Series: []Series{{Name: "x", Points: points}, {Name: "one", Points: points[:1]}, {Name: "none"}}, Spans: spans},
		Lines{Title: "t", X: axis, Y: axis, Series: []Series{{Name: "equal", Steps: true, Points: []Point{points[0], points[0]}}}},
		Distribution{Title: "t", Curves: []Curve{{"x", []Step{{a, b}, {b, c}, {c, 1}}}, {"none", nil}}, Spans: spans},
		Bars{Title: "t", Value: axis, Groups: []Group{{"g", []Bar{{Name: "x", Value: a, Low: b, High: c}, {Value: b}}}, {}}},
		Lanes{Title: "t", Lanes: []Lane{{"n", []Attempt{{Began: a, Locked: b, Ended: c, Held: true}, {Began: b, Ended: c, Refused: true}}, spans}, {}}, Spans: spans},
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
		for _, chart := range fuzzed(a, b, c, Scale(choice%3), Unit(choice/3%3)) {
			got := Figure(chart)
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
	for _, c := range []Chart{Lines{}, Distribution{}, Bars{}, Lanes{}} {
		parse(t, Figure(c))
	}
}

func TestSameDataSameBytes(t *testing.T) {
	again := samples()
	for i, s := range samples() {
		if Figure(s.chart) != Figure(again[i].chart) {
			t.Errorf("%s differs from itself", s.name)
		}
	}
}
