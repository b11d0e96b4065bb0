package chart

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.html")

// The golden files are pages: open one in a browser to see the chart.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			page := "<!doctype html>\n<meta charset=\"utf-8\">\n<style>\nbody { background: var(--chart-paper) }\n" +
				CSS + "</style>\n" + Figure(&s.chart, presets) + "\n" + Small(&s.chart, presets) + "\n"
			path := filepath.Join("testdata", s.name+".html")
			if *update {
				if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), page); diff != "" {
				t.Errorf("%s differs; go test ./internal/chart -update rewrites it (-want +got):\n%s", path, diff)
			}
		})
	}
}
