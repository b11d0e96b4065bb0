package lint

import (
	"os"
	"path/filepath"
	"testing"
)

func caseTexts(t testing.TB) (all []string) {
	names, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// A thousand manifests in one call, as of a large chart. Run it with -cpu 1.
func BenchmarkManifests(b *testing.B) {
	texts := caseTexts(b)
	var sources []Source
	size := 0
	for i := range 1000 {
		text := texts[i%len(texts)]
		sources = append(sources, Source{filepath.Join("dir", string(rune('a'+i%26)), string(rune('a'+i/26)), "x.yaml"), []byte(text)})
		size += len(text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		Files(sources, none)
	}
	b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "manifests/s")
}
