package place

import (
	"slices"
	"strings"
	"testing"

	"example.com/contend/internal/catalogue"
	"example.com/contend/internal/ladder"
	"example.com/contend/internal/run"
)

func TestURLs(t *testing.T) {
	urls, err := URLs([]string{"http://a:1", "compose", "http://b:2", "processes"})
	if want := []string{"http://a:1", "http://b:2"}; err != nil || !slices.Equal(urls, want) {
		t.Errorf("%q, %v; want %q", urls, err, want)
	}
	for word, wrong := range map[string]string{
		"docker":         `"docker" is none of processes, compose or a URL`,
		"127.0.0.1:8080": "such as http://127.0.0.1:8080",
		"":               `"" is none`,
	} {
		if _, err := URLs([]string{"processes", word}); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: error %v, want one that says %q", word, err, wrong)
		}
	}
}

// A server that nobody named and that is not here is missing, with what to do about it.
func TestServersSayWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s, err := OpenServers(t.Context(), ServerOptions{
		Run: t.TempDir(), Rungs: []string{ladder.Rqlite + "/*"}, Say: func(what string) { t.Logf("said %q", what) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.All) != 0 || len(s.Missing) != 1 || !slices.ContainsFunc(s.Missing[0].Rungs, func(r string) bool { return strings.HasPrefix(r, ladder.Rqlite) }) ||
		!strings.Contains(s.Missing[0].Hint, "https://rqlite.io/docs/install-rqlite/") || !strings.Contains(s.Missing[0].Hint, "--rqlite") {
		t.Errorf("%+v, missing %+v; want rqlite alone missing, and how to get it", s.All, s.Missing)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
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
				case s.Mount != run.MountShared && s.Mount != run.MountLinked && s.Mount != run.MountOwnFile:
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

func TestOpenSaysWhatIsNotThere(t *testing.T) {
	if p, err := Open(t.Context(), []string{run.Processes, "http://127.0.0.1:1"}, Options{}); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1") {
		t.Errorf("%v, error %v; want one that names the URL", p, err)
	}
}
