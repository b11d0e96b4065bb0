// Package display makes text safe to show that others have had a hand in: names of files,
// answers of servers, stored runs, URLs with passwords.
//
// What a terminal would obey is written out ([Writer]), and passwords are left out
// ([URL], [Redact]).
package display

import (
	"regexp"
	"strings"
	"unicode"
)

// Obeyed reports whether a terminal would obey r instead of showing it: whether it is a
// control character, or a mark that turns the direction of writing.
func Obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// hidden stands in place of a password, as in [net/url.URL.Redacted].
const hidden = "xxxxx"

// Where passwords stand. A password that was not escaped may hold anything, also "@" and
// "/": it goes up to the last "@".
var (
	scheme  = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9+.-]*://`)
	ofWhole = regexp.MustCompile(`(?s)^([^/?#:@]*):.*@`)
	ofURL   = regexp.MustCompile(`(://[^\s/?#:@"]*):(?:[^\s"\\]|\\.)*@`)
	ofName  = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|pwd|secret|token|api_?key)\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|[^\s&"'\\]+)`)
)

// URL returns the URL, the list of hosts or the key=value words in s without a password. It
// is for what somebody gave as one of these: whether it is right or not, its password may
// stand anywhere behind the name of the user.
func URL(s string) string {
	head := scheme.FindString(s)
	return Redact(head + ofWhole.ReplaceAllString(s[len(head):], "${1}:"+hidden+"@"))
}

// Redact returns text without the passwords of the URLs in it, "://USER:PASSWORD@", and
// without the values of what is called a password: "?password=VALUE", "password = 'VALUE'".
func Redact(text string) string {
	// Every line of a log comes through here, and few have either.
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = ofURL.ReplaceAllString(text, "${1}:"+hidden+"@")
	}
	if strings.Contains(text, "=") {
		text = ofName.ReplaceAllString(text, "${1}"+hidden)
	}
	return text
}

// Cut returns text if it has at most so many bytes, else what fits of it before "…".
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}
