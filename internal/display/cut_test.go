package display

import "testing"

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{{"", 3, ""}, {"abc", 3, "abc"}, {"abcdef", 5, "ab…"}, {"aébcdef", 5, "a…"}} {
		if got := Cut(c.text, c.most); got != c.want || len(got) > c.most {
			t.Errorf("Cut(%q, %d) is %q, want %q", c.text, c.most, got, c.want)
		}
	}
}
