package chart

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"example.com/contend/internal/run"
)

// Marks have a contrast of at least 3 to 1 with the page, text of 4.5 to 1
// (https://www.w3.org/TR/WCAG22/#contrast-minimum, #non-text-contrast).
func TestContrast(t *testing.T) {
	for name, variables := range map[string]string{"light": light, "dark": dark} {
		colors := map[string]string{}
		for _, m := range regexp.MustCompile(`--chart-(\w+): (#\w{6});`).FindAllStringSubmatch(variables, -1) {
			colors[m[1]] = m[2]
		}
		for color, least := range map[string]float64{"ink": 4.5, "muted": 4.5, "claimed": 3, "lost": 3, "refused": 3, "kept": 3, "red": 3, "green": 3,
			"1": 3, "2": 3, "3": 3, "4": 3, "5": 3, "6": 3} {
			if got := contrast(t, colors[color], colors["paper"]); got < least {
				t.Errorf("%s: --chart-%s has contrast %.2f, want %g", name, color, got, least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, color string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestStylesDiffer(t *testing.T) {
	seen := map[style]bool{}
	for _, own := range []map[string]style{presetStyles, {"lost": harmStyles[run.AboutLost], "refused": harmStyles[run.AboutRefused], "kept": harmStyles[run.AboutKept]}} {
		for name, s := range own {
			if seen[s] {
				t.Errorf("%s looks like another", name)
			}
			seen[s] = true
		}
	}
	for i := range 24 {
		if s := styleOf(i); seen[s] {
			t.Errorf("series %d looks like an earlier one", i)
		} else {
			seen[s] = true
		}
	}
}

// Nothing but a preset has a preset's mark or dash: who cannot tell the colours sees them.
func TestPresetsAreMarked(t *testing.T) {
	for name, preset := range presetStyles {
		for i := range 24 {
			if s := styleOf(i); s.dash == preset.dash || s.shape == preset.shape {
				t.Errorf("series %d has the dash or the mark of %s", i, name)
			}
		}
	}
}
