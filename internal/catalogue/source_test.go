package catalogue

import (
	"flag"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/internal/run"
)

var update = flag.Bool("update", false, "write the table of docs/source.md")

// sourceLines are the lines of the source. Line 1 is at index 0.
func sourceLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/07_container_shared_filedb.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// exempt says why a line states nothing, "" where it states something: it is blank, a heading, or
// begins or ends a block of code.
func exempt(lines []string) []string {
	why := make([]string, len(lines))
	code := false
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "```"):
			why[i], code = "fences", !code
		case strings.TrimSpace(line) == "":
			why[i] = "blank"
		case !code && strings.HasPrefix(line, "#"):
			why[i] = "headings"
		}
	}
	return why
}

// citedClaims returns the claims that cite the source, by line: links to where docs judge them.
func citedClaims() map[int][]string {
	cited := map[int][]string{}
	for _, x := range All(Options{}) {
		page := "claims.md"
		if x.Name == "mounts" { // needs containers
			page = "containers.md"
		}
		for _, c := range x.Claims {
			if at, ok := strings.CutPrefix(c.Source, "07_container_shared_filedb.md:"); ok {
				n, _ := strconv.Atoi(at) // another test has it be a line
				cited[n] = append(cited[n], fmt.Sprintf("[%s/%s](%s#%s)", x.Name, c.ID, page, x.Name))
			}
		}
	}
	return cited
}

// unmapped returns what is wrong with entries: lines of which they say nothing, or twice, and claims of
// which they do not know.
func unmapped(lines []string, entries []sourceEntry, cited map[int][]string) (wrong []string) {
	why := exempt(lines)
	told := make([]int, len(lines)+1)
	for _, e := range entries {
		if e.from < 1 || e.to < e.from || e.to > len(lines) || e.says == "" || e.here == "" {
			wrong = append(wrong, fmt.Sprintf("%+v is no entry", e))
			continue
		}
		for n := e.from; n <= e.to; n++ {
			told[n]++
		}
	}
	for n := 1; n <= len(lines); n++ {
		switch {
		case told[n] == 0 && why[n-1] == "", told[n] == 0 && len(cited[n]) > 0:
			wrong = append(wrong, fmt.Sprintf("line %d has no entry: %s", n, lines[n-1]))
		case told[n] > 1:
			wrong = append(wrong, fmt.Sprintf("line %d has %d entries", n, told[n]))
		}
	}
	return wrong
}

func TestEveryLineOfTheSourceHasAnEntry(t *testing.T) {
	lines, cited := sourceLines(t), citedClaims()
	for _, wrong := range unmapped(lines, sourceEntries, cited) {
		t.Error(wrong)
	}
	for i, e := range sourceEntries {
		if len(unmapped(lines, slices.Delete(slices.Clone(sourceEntries), i, i+1), cited)) == 0 {
			t.Errorf("without the entry of lines %d to %d nothing is missing", e.from, e.to)
		}
	}
	if len(unmapped(append(slices.Clone(lines), "- SQLiteは速い"), sourceEntries, cited)) != 1 {
		t.Error("a new line of the source is not missed")
	}
	if len(unmapped(lines, sourceEntries, map[int][]string{1: {"a claim on a heading"}})) != 1 {
		t.Error("a claim outside of the entries is not missed")
	}
}

// What entries send a reader to is there: files, verbs, experiments and arms.
func TestSourceEntriesNameWhatExists(t *testing.T) {
	var verbs []string
	for _, file := range []string{"compare", "list", "logs", "node", "report", "run", "up", "healthcheck"} {
		text, err := os.ReadFile("../cli/" + file + ".go")
		if err != nil || !regexp.MustCompile(`Use: +"`+file+`\b`).Match(text) {
			t.Fatalf("contend %s: %v", file, err)
		}
		verbs = append(verbs, file)
	}
	link, command := regexp.MustCompile(`\]\(([^)#]+)`), regexp.MustCompile("contend ([a-z]+)([^`|]*)")
	for _, e := range sourceEntries {
		text := e.here + " " + e.differs
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(path.Join("../../docs", m[1])); err != nil {
				t.Errorf("line %d: %v", e.from, err)
			}
		}
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(verbs, m[1]) {
				t.Errorf("line %d: contend %s is no verb", e.from, m[1])
			}
			if m[1] != "run" {
				continue
			}
			names, flags, _ := strings.Cut(m[2], " --")
			asked := run.Asked{Experiments: strings.Fields(names)}
			if pattern, ok := strings.CutPrefix(flags, "arm "); ok {
				asked.Arms = []string{strings.Trim(pattern, "'")}
			}
			if _, err := Choose(asked); err != nil {
				t.Errorf("line %d: %s: %v", e.from, m[0], err)
			}
		}
	}
}

// The table of docs/source.md is made of the entries and the claims.
func TestSourcePage(t *testing.T) {
	lines, cited := sourceLines(t), citedClaims()
	count := map[string]int{}
	for _, why := range exempt(lines) {
		count[why]++
	}
	var table strings.Builder
	fmt.Fprintf(&table, "Of its %d lines %d are blank, %d are headings and %d begin or end a block. Of the others each is here.\n\n",
		len(lines), count["blank"], count["headings"], count["fences"])
	table.WriteString("| lines | what they say | claims | here | what differs, and why |\n|---|---|---|---|---|\n")
	for _, e := range sourceEntries {
		var claims []string
		for n := e.from; n <= e.to; n++ {
			claims = append(claims, cited[n]...)
		}
		at, anchor := strconv.Itoa(e.from), fmt.Sprintf("#L%d", e.from)
		if e.to > e.from {
			at, anchor = fmt.Sprintf("%d–%d", e.from, e.to), fmt.Sprintf("#L%d-L%d", e.from, e.to)
		}
		cells := []string{fmt.Sprintf("[%s](07_container_shared_filedb.md?plain=1%s)", at, anchor), e.says, strings.Join(claims, ", "), e.here, e.differs}
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		fmt.Fprintf(&table, "| %s |\n", strings.Join(cells, " | "))
	}
	const file, begin, end = "../../docs/source.md", "<!-- table -->\n", "<!-- end -->"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(page), begin)
	_, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the table", file)
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("docs/source.md is stale; go generate ./internal/catalogue writes it:\n%s", diff)
	}
}
