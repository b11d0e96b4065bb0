package doctor

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// What a journal on a file system means, row by row.
func TestOnMedium(t *testing.T) {
	for _, c := range []struct {
		name, options string
		wal           bool
		want          string // "" is nothing
	}{
		{"ext4", "rw,relatime", true, ""},
		{"xfs", "rw", false, ""},
		{"fuseblk", "rw", true, ""},
		{"tmpfs", "rw,size=1m", true, "note"},
		{"overlay", "rw,upperdir=/x", true, ""},
		{"nfs4", "rw,vers=4.2,local_lock=none", true, "danger"},
		{"nfs4", "rw,vers=4.2,local_lock=none", false, "attention"},
		{"nfs4", "rw,vers=4.2,lookupcache=none", false, "cannot tell"},
		{"nfs4", "rw,vers=4.2,local_lock=all,lookupcache=none", false, "cannot tell"}, // version 4 has no local_lock
		{"nfs", "rw,vers=3,nolock,lookupcache=none", false, "danger"},
		{"nfs", "rw,vers=3,local_lock=all", false, "danger"},
		{"nfs", "rw,vers=3,noac", false, "cannot tell"},
		{"cifs", "rw,vers=3.1.1,nobrl", false, "danger"},
		{"smb3", "rw,cache=strict", false, "attention"},
		{"cifs", "rw", true, "danger"},
		{"9p", "rw,cache=mmap", true, "danger"},
		{"9p", "rw", false, "attention"},
		{"virtiofs", "rw", true, "danger"},
		{"virtiofs", "rw", false, "attention"},
		{"fakeowner", "rw", true, "danger"},
		{"fuse.sshfs", "rw", true, "danger"},
		{"fuse.sshfs", "rw", false, "cannot tell"},
		{"fuse.bindfs", "rw", true, "attention"},
		{"fuse", "rw", false, "cannot tell"},
		{"ceph", "rw", false, "cannot tell"},
		{"squashfs", "ro", false, "note"},
		{"newfs", "rw", false, "cannot tell"},
		{"", "", true, ""},
	} {
		f := &Facts{Path: "/data/app.db", WAL: c.wal, Mount: Mount{Type: c.name, Source: "source", Point: "/data", Root: "/", Options: strings.Split(c.options, ",")}}
		got := ""
		for _, found := range onMedium(f) {
			got = found.Severity.String()
			if found.Sentence == "" || found.Source == "" || strings.Contains(found.Sentence+found.Consequence, "%!") {
				t.Errorf("%s: %+v", c.name, found)
			}
		}
		if got != c.want {
			t.Errorf("%s with %s, WAL %t: %q, want %q", c.name, c.options, c.wal, got, c.want)
		}
	}
}

func TestParseLock(t *testing.T) {
	for line, want := range map[string]Lock{
		"1: POSIX  ADVISORY  WRITE 4711 08:01:1234 1073741825 1073741825":  {Kind: "POSIX", Write: true, PID: 4711, First: 1073741825, Last: 1073741825},
		"12: OFDLCK ADVISORY  READ -1 00:1b:7 1073741826 1073742335":       {Kind: "OFDLCK", PID: -1, First: 1073741826, Last: 1073742335},
		"3: FLOCK  ADVISORY  WRITE 5 08:01:9 0 EOF":                        {Kind: "FLOCK", Write: true, PID: 5, Last: -1},
		"1: -> POSIX  ADVISORY  WRITE 4711 08:01:1234 0 0":                 {},
		"4: LEASE  ACTIVE    READ 9":                                       {},
		"1: POSIX ADVISORY READ x 08:01:1 0 0":                             {},
		"1: POSIX ADVISORY READ 1 08:01:1 0 99999999999999999999999999999": {},
	} {
		l, _, ok := parseLock(line)
		if ok != (want.Kind != "") || ok && l != want {
			t.Errorf("%q is %+v, %t; want %+v", line, l, ok, want)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add("1: POSIX  ADVISORY  WRITE 4711 08:01:1234 1073741825 1073741825")
	f.Add("lock: 3: FLOCK  ADVISORY  WRITE 5 08:01:9 0 EOF")
	f.Fuzz(func(t *testing.T, line string) {
		l, _, _ := parseLock(line)
		for _, role := range []string{Database, SHMFile} {
			l.Role = role
			_, _ = l.names(role), l.reads()
		}
	})
}

func TestLockNames(t *testing.T) {
	h := Holder{Files: []Open{
		{File: File{Role: Database}, Locks: []Lock{{Kind: "POSIX", First: 1073741826, Last: 1073742335}, {Kind: "POSIX", Write: true, First: 1073741824, Last: 1073741825}}},
		{File: File{Role: SHMFile}, Locks: []Lock{{Kind: "POSIX", First: 124, Last: 124}, {Kind: "OFDLCK", First: 128, Last: 128}, {Kind: "POSIX", Write: true, First: 120, Last: 120}}},
	}}
	if got := strings.Join(h.lockNames(), " "); got != "SHARED RESERVED PENDING WAL_WRITE WAL_READ1 DMS" {
		t.Errorf("%s", got)
	}
}

func TestSQLiteIn(t *testing.T) {
	const magic = "SQLite format 3\x00"
	for name, c := range map[string]struct {
		text string
		want []string // nil: no SQLite
	}{
		"a library":        {"\x7fELF\x00" + magic + "x\x003.40.1\x002022-12-28", []string{"3.40.1"}},
		"another program":  {"\x003.40.1\x00", nil},
		"no version":       {magic + "version 3.40.1 of it", nil},
		"two":              {magic + "\x003.11.2\x00\x003.45.1\x003.45.1\x00", []string{"3.11.2", "3.45.1"}},
		"not a version":    {magic + "13.40.1\x00v3.1.2\x00\x003.400.1\x003..1\x003.4\x00", nil},
		"over two buffers": {strings.Repeat("x", 1<<20-4) + "\x003.51.2\x00" + magic, []string{"3.51.2"}},
		"magic over two":   {strings.Repeat("\x00", 1<<20-4) + magic + "\x003.51.2\x00", []string{"3.51.2"}},
		"at the end":       {magic + "\x003.51.2", nil},
	} {
		if got := sqliteIn(strings.NewReader(c.text)); !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// holder is a process with the database open so many times.
func holder(pid, connections int, versions ...string) Holder {
	h := Holder{PID: pid, Program: "python3"}
	for i := range connections {
		h.Files = append(h.Files, Open{File: File{Role: Database}, FD: 3 + i, Name: "/data/app.db"})
	}
	for _, v := range versions {
		h.Engines = append(h.Engines, Engine{File: "/usr/lib/libsqlite3.so.0", Version: v})
	}
	return h
}

func TestWALReset(t *testing.T) {
	for name, c := range map[string]struct {
		wal     bool
		holders []Holder
		want    bool
	}{
		"two processes":       {true, []Holder{holder(1, 1, "3.40.1"), holder(2, 1, "3.51.3")}, true},
		"two connections":     {true, []Holder{holder(1, 2, "3.51.2")}, true},
		"one connection":      {true, []Holder{holder(1, 1, "3.40.1")}, false},
		"rollback":            {false, []Holder{holder(1, 1, "3.40.1"), holder(2, 1, "3.40.1")}, false},
		"fixed":               {true, []Holder{holder(1, 1, "3.50.7"), holder(2, 1, "3.44.6")}, false},
		"perhaps fixed":       {true, []Holder{holder(1, 2, "3.40.1 or 3.54.1")}, false},
		"either has it":       {true, []Holder{holder(1, 2, "3.40.1 or 3.45.1")}, true},
		"of unknown versions": {true, []Holder{holder(1, 2, "")}, false},
	} {
		if got := walReset(&Facts{WAL: c.wal, Holders: c.holders}); (len(got) > 0) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestUnseenProcess(t *testing.T) {
	f := &Facts{Path: "/app.db", Mount: Mount{Type: "ext4", Options: []string{"rw"}}, Space: Space{Free: 1 << 40}, Files: []File{{Role: Database, Links: 1}},
		Foreign: []Lock{{Kind: "POSIX", PID: 0, First: 1073741826, Last: 1073742335, Role: Database}}}
	r := judge(f, nil)
	if r.Verdict != "cannot tell" || r.Findings[0].Rule != "unseen-process" || !strings.Contains(r.Findings[0].Evidence[0], "holds SHARED") {
		t.Errorf("%+v", r)
	}
}

func TestVerdict(t *testing.T) {
	for want, severities := range map[string][]Severity{
		"healthy": {Note}, "cannot tell": {Note, Unknown}, "attention": {Unknown, Attention, Note}, "danger": {Attention, Danger, Unknown},
	} {
		var all []Finding
		for _, s := range severities {
			all = append(all, Finding{Severity: s})
		}
		if got := Verdict(all); got != want {
			t.Errorf("%v: %s, want %s", severities, got, want)
		}
	}
	if got := Verdict(nil); got != "healthy" {
		t.Errorf("no finding: %s", got)
	}
	if got := Verdict([]Finding{{}}); got != "cannot tell" {
		t.Errorf("a finding without a severity: %s, want cannot tell", got)
	}
}

// secretFacts are facts whose every name would tell who somebody is.
func secretFacts() *Facts {
	m := Mount{ID: 7, Type: "nfs4", Source: "secret.example.org:/secret", Point: "/secret", Root: "/", Options: []string{"rw", "vers=4.2", "addr=10.0.0.7", "clientaddr=10.0.0.8"}}
	id := ID{1, 2}
	return &Facts{
		Path: "/secret/secret.db", Container: "secret", WAL: true, Mount: m, Space: Space{Free: 1 << 40},
		Files:  []File{{Role: Database, ID: id, Links: 1}, {Role: WALFile, ID: ID{1, 3}, Links: 1}},
		Beside: []string{"/secret/secret.db.lock"}, Unseen: []string{"The -shm file could not be read: open /secret/secret.db-shm: no."},
		Holders: []Holder{{
			PID: 4711, Program: "secret", Command: "secret --password secret", UID: 1000, User: "secret", Container: "secret",
			Files: []Open{
				{File: File{Role: Database, ID: id, Links: 1}, Name: "/secret/secret.db", Mount: m},
				{File: File{Role: WALFile, ID: ID{1, 9}}, Name: "/secret/secret.db-wal", Mount: m},
			},
			Engines: []Engine{{"/secret/libsecret.so", "3.40.1"}, {"/usr/lib/libsqlite3.so.0", "3.40.1"}},
		}},
	}
}

// Text for an issue has no name of a file, program, user, container or machine, and the same findings.
func TestAnonymous(t *testing.T) {
	plain, f := judge(secretFacts(), nil), secretFacts()
	anonymize(f)
	r := judge(f, []Finding{{Rule: "x", Severity: Note, Sentence: "S.", Command: "ls DB DB-wal"}})
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"secret", "10.0.0", "example"} {
		if strings.Contains(text.String(), word) {
			t.Errorf("it says %q:\n%s", word, &text)
		}
	}
	if r.Verdict != plain.Verdict || len(r.Findings) != len(plain.Findings)+1 {
		t.Errorf("%d findings and %s, want %d and %s", len(r.Findings)-1, r.Verdict, len(plain.Findings), plain.Verdict)
	}
	for _, part := range []string{"/dir1/DB\n", "$ ls /dir1/DB /dir1/DB-wal", "vers=4.2"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("it does not say %q:\n%s", part, &text)
		}
	}
}

func TestTextFitsItsWidth(t *testing.T) {
	f := secretFacts()
	f.Path = "/a\nb/app.db"
	f.Read = time.Now()
	r := judge(f, nil)
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(line) > Width && !strings.HasPrefix(line, "           $ ") && !strings.HasPrefix(line, "   source ") && !strings.HasPrefix(line, "   proof ") {
			t.Errorf("%d characters: %s", utf8.RuneCountInString(line), line)
		}
	}
	if !strings.HasPrefix(text.String(), "danger: ") {
		t.Errorf("the first line is no verdict: %s", &text)
	}
	if !strings.Contains(text.String(), `/a\nb/app.db`) {
		t.Errorf("a line feed in a name: %s", &text)
	}
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		mode, uid uint32
		gids      []uint32
		want      bool
	}{
		{0o600, 5, nil, true}, {0o600, 6, nil, false}, {0o660, 6, []uint32{7}, true}, {0o606, 6, nil, true},
		{0o060, 5, []uint32{7}, false}, {0o400, 5, nil, false}, {0, 0, nil, true},
	} {
		if got := (Access{c.mode, 5, 7}).permits(c.uid, c.gids, 6); got != c.want {
			t.Errorf("mode %o, user %d, groups %d: %t", c.mode, c.uid, c.gids, got)
		}
	}
}

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{"/a/b.db": "/a/b.db", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "a\nb'c": `$'a\nb\'c'`} {
		if got := quote(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
