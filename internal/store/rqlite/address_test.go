package rqlite

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Address{
		"rqlite://127.0.0.1:4001?prefix=contend_x": {
			Hosts: []string{"127.0.0.1:4001"}, Prefix: "contend_x", Level: Weak},
		"rqlite://a.example:4001,b:4003,[::1]:4005?prefix=p&level=linearizable": {
			Hosts: []string{"a.example:4001", "b:4003", "[::1]:4005"}, Prefix: "p", Level: Linearizable},
		"rqlite://n:1?forward=true&prefix=P9": {
			Hosts: []string{"n:1"}, Prefix: "P9", Level: Weak, Forward: true},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for text, wrong := range map[string]string{
		"http://n:1?prefix=p":                            "rqlite://",
		"rqlite://n?prefix=p":                            "HOST:PORT",
		"rqlite://?prefix=p":                             "HOST:PORT",
		"rqlite://n:1,?prefix=p":                         "HOST:PORT",
		"rqlite://n:0?prefix=p":                          `port "0"`,
		"rqlite://n:65536?prefix=p":                      `port "65536"`,
		"rqlite://n:01?prefix=p":                         `port "01"`,
		"rqlite://u:p@n:1?prefix=p":                      "a user and a password",
		"rqlite://n/path:1?prefix=p":                     `"n/path"`,
		"rqlite://n:1/path?prefix=p":                     `port "1/path"`,
		"rqlite://[fe80::1%25eth0]:1?prefix=p":           "no IP address",
		"rqlite://n:1":                                   "no prefix",
		"rqlite://n:1?prefix=":                           `prefix ""`,
		"rqlite://n:1?prefix=1a":                         `prefix "1a"`,
		"rqlite://n:1?prefix=a-b":                        `prefix "a-b"`,
		"rqlite://n:1?prefix=a;DROP":                     "is not NAME=VALUE",
		"rqlite://n:1?prefix=a%22":                       `prefix "a\""`,
		"rqlite://n:1?prefix=a%0A":                       `prefix "a\n"`,
		"rqlite://n:1?prefix=SQLite_x":                   "sqlite_",
		"rqlite://n:1?prefix=a&prefix=b":                 "2 times",
		"rqlite://n:1?prefix=a&level=none":               `level "none"`,
		"rqlite://n:1?prefix=a&forward=perhaps":          `forward "perhaps"`,
		"rqlite://n:1?prefix=a&consistency=weak":         `"consistency"`,
		"rqlite://n:1?prefix=" + strings.Repeat("a", 64): "62",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: error is %v, want one with %q", text, err, wrong)
		}
	}
}

// What Parse takes has a prefix that is safe in a statement, and is written back as it was.
func FuzzParse(f *testing.F) {
	f.Add("rqlite://127.0.0.1:4001,[::1]:4003?prefix=contend_x&level=linearizable&forward=true")
	f.Add("rqlite://n:1?prefix=a%3B")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			return
		}
		for _, r := range a.Prefix {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", r) {
				t.Fatalf("prefix %q", a.Prefix)
			}
		}
		again, err := Parse(a.String())
		if err != nil || !reflect.DeepEqual(a, again) {
			t.Fatalf("%+v is written as %s and read as %+v, %v", a, a, again, err)
		}
	})
}
