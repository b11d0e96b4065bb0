package place

import (
	"slices"
	"strings"
	"testing"

	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/run"
)

func TestSort(t *testing.T) {
	for _, tt := range []struct {
		words       []string
		alone       bool
		kinds, urls []string
		wrong       string
	}{
		{words: []string{"processes"}, kinds: []string{"processes"}},
		{words: []string{"compose"}, kinds: []string{"processes", "compose"}},
		{words: []string{"compose"}, alone: true, kinds: []string{"compose"}},
		{words: []string{"compose", "processes"}, alone: true, kinds: []string{"processes", "compose"}},
		{
			words: []string{"http://a:1", "compose", "http://b:2"}, alone: true,
			kinds: []string{"compose", given}, urls: []string{"http://a:1", "http://b:2"},
		},
		{words: []string{"docker"}, wrong: `"docker" is none of processes, compose or a URL`},
		{words: []string{"127.0.0.1:8080"}, wrong: "such as http://127.0.0.1:8080"},
		{words: []string{""}, wrong: `"" is none`},
	} {
		kinds, urls, err := sort(tt.words, tt.alone)
		if tt.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%q: error %v, want one that says %q", tt.words, err, tt.wrong)
			}
			continue
		}
		if err != nil || !slices.Equal(kinds, tt.kinds) || !slices.Equal(urls, tt.urls) {
			t.Errorf("%q: %q and %q, %v; want %q and %q", tt.words, kinds, urls, err, tt.kinds, tt.urls)
		}
	}
}

// Processes can run everything of the catalogue but what is about mounts and
// what needs another build, and that too once it is there.
func TestProcessesRunAllButMountsAndOtherBuilds(t *testing.T) {
	for _, old := range []string{"", "/bin/true"} {
		here := processes(Options{Builds: map[string]string{catalogue.OldEngine: old}})
		for _, x := range catalogue.All(catalogue.Options{}) {
			for _, arm := range x.Arms {
				s := &arm.Trials[0].Setup
				want := ""
				switch {
				case s.Mount != run.MountShared:
					want = "--on compose"
				case s.Build != "" && old == "":
					want = "build it with `make old-engine`, name it with --old-engine"
				}
				why := here.Refuse(s)
				if want == "" && why != "" || want != "" && !strings.Contains(why, want) {
					t.Errorf("%s %s with old engine %q: refused because %q, want %q", x.Name, arm.Name, old, why, want)
				}
			}
		}
	}
}

// A place that cannot be opened leaves nothing open.
func TestOpenSaysWhatIsNotThere(t *testing.T) {
	p, err := Open(t.Context(), []string{run.Processes, "http://127.0.0.1:1"}, Options{})
	if err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1") || len(p.close) > 0 {
		t.Errorf("error %v with %d things left open; want one that names the URL, and none", err, len(p.close))
	}
}
