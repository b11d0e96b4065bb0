package http1

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"example.com/contend/internal/nodeapi"
)

// A Guard decides by the head of a request whether a server takes it. Nodes and the
// balancer ask the same guard in the same order, so that what one of them refuses the
// other refuses too. The zero Guard is that of a server which only this machine reaches.
//
// It keeps web pages out: those from elsewhere, and those whose name was made to
// resolve to this machine (DNS rebinding). A browser takes such a page for one of
// the server's own, and only the Host field tells: it holds the page's name.
type Guard struct {
	anyHost bool
	names   []string // that Host may be beside localhost and IP addresses
}

// AnyHost is the name that stands for every host.
const AnyHost = "*"

// NewGuard returns the guard of a server that listens at an address. A request's Host
// may be localhost, a name below it, an IP address, or one of names. Where other
// machines reach the address and there are no names, it may be anything: nobody knows
// by which names they reach it.
func NewGuard(at net.Addr, names []string) Guard {
	tcp, ok := at.(*net.TCPAddr)
	open := ok && !tcp.IP.IsLoopback() && len(names) == 0
	return Guard{anyHost: open || slices.Contains(names, AnyHost), names: names}
}

// CheckName returns an error unless name is [AnyHost] or the name of a host.
func CheckName(name string) error {
	strange := strings.ContainsFunc(name, func(r rune) bool { return !unreserved(r) })
	if name != AnyHost && (strange || strings.Trim(name, ".") == "") {
		return fmt.Errorf("%q is not the name of a host: want one without a port, such as lab.example, or %s for every name", name, AnyHost)
	}
	return nil
}

// A Refusal is the error of a request that a server does not take, and what to answer.
type Refusal struct {
	Status int
	Code   string // of a [nodeapi.Error]
	Text   string // a sentence for people
}

func (r *Refusal) Error() string { return r.Text }

// crossOrigin finds requests that a browser sends for a page from elsewhere. Nodes
// take bodies of type text/plain, which such a page may send without asking.
var crossOrigin = http.NewCrossOriginProtection()

// Refuse returns why a request with r's head is not taken, nil if it is. It expects
// what net/http's parser lets through.
func (g Guard) Refuse(r *http.Request) *Refusal {
	host, valid := hostOf(r.Host)
	bad := func(status int, format string, args ...any) *Refusal {
		return &Refusal{status, nodeapi.CodeInvalidArgument, fmt.Sprintf(format, args...)}
	}
	if r.ProtoMajor != 1 {
		return bad(http.StatusHTTPVersionNotSupported, "want HTTP/1.1 or HTTP/1.0, not %s", r.Proto)
	}
	for name := range r.Header {
		if strings.Contains(name, " ") { // which the parser leaves to others
			return bad(http.StatusBadRequest, "invalid header name %q", name)
		}
	}
	if !valid {
		return bad(http.StatusBadRequest, "invalid host %q", r.Host)
	}
	if host == "" && r.ProtoAtLeast(1, 1) && r.Method != http.MethodConnect { // RFC 9112, sections 3.2 and 3.3
		return bad(http.StatusBadRequest, "a Host header is missing or empty")
	}
	if what, unknown := expectation(r.Header["Expect"]); unknown {
		return bad(http.StatusExpectationFailed, "cannot do what is expected: %q", what)
	}
	if !g.knows(host) {
		return &Refusal{http.StatusMisdirectedRequest, nodeapi.CodeMisdirected,
			fmt.Sprintf("this server answers to localhost and IP addresses, not to %.64q: --allow-host adds a name", host)}
	}
	if crossOrigin.Check(r) != nil {
		return &Refusal{http.StatusForbidden, nodeapi.CodeCrossOrigin, "a page from elsewhere may not write here"}
	}
	if name, named := namesEndToEnd(r.Header["Connection"]); named {
		return bad(http.StatusBadRequest, "Connection names %s, which is not about one connection", name)
	}
	return nil
}

// knows reports whether host, as [hostOf] returns it, is one that the server answers
// to. "" is, for HTTP/1.0 needs no host, and every browser sends one.
func (g Guard) knows(host string) bool {
	if g.anyHost || host == "" {
		return true
	}
	if top := host[strings.LastIndex(host, ".")+1:]; strings.EqualFold(top, "localhost") { // or it is below localhost
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(g.names, func(name string) bool { return strings.EqualFold(strings.TrimSuffix(name, "."), host) })
}

// hostOf returns the host in a Host field, without its port, the brackets around an
// IPv6 address, and the dot that may end a name. It is false for what is no host with or
// without a port: RFC 3986, section 3.2.2.
func hostOf(field string) (host string, ok bool) {
	host, port, _ := strings.Cut(field, ":")
	if inner, bracket := strings.CutPrefix(field, "["); bracket {
		var rest string
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return "", false
		}
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", false
		}
		var colon bool
		if port, colon = strings.CutPrefix(rest, ":"); !colon && rest != "" {
			return "", false
		}
	} else if _, err := url.PathUnescape(host); err != nil || strings.ContainsFunc(host, notInName) {
		return "", false
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", false
	}
	return strings.TrimSuffix(host, "."), true
}

// notInName reports whether a rune cannot be in the name of a host.
func notInName(r rune) bool {
	return !unreserved(r) && !strings.ContainsRune("!$&'()*+,;=%", r)
}

// unreserved reports whether a rune means the same with and without percent-encoding:
// RFC 3986, section 2.3.
func unreserved(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~", r)
}

// expectation returns what the lines of an Expect field want beside 100-continue, the
// one expectation there is: RFC 9110, section 10.1.1.
func expectation(lines []string) (what string, unknown bool) {
	for _, line := range lines {
		empty := true
		for member := range strings.SplitSeq(line, ",") {
			member = strings.Trim(member, " \t")
			if member != "" && !strings.EqualFold(member, "100-continue") {
				return member, true
			}
			empty = empty && member == ""
		}
		if empty && line != "" {
			return line, true
		}
	}
	return "", false
}

// endToEnd are the fields by which a node judges a request, with the guard's. A
// Connection field must not name them, or a balancer would take them off on the way:
// RFC 9110, section 7.6.1.
var endToEnd = []string{"Origin", "Sec-Fetch-Site", "Host", "Accept", "Content-Type", "Content-Encoding"}

// namesEndToEnd returns the first of endToEnd that the lines of a Connection field name.
func namesEndToEnd(lines []string) (name string, named bool) {
	for _, line := range lines {
		for option := range strings.SplitSeq(line, ",") {
			option = strings.Trim(option, " \t")
			if slices.ContainsFunc(endToEnd, func(name string) bool { return strings.EqualFold(name, option) }) {
				return option, true
			}
		}
	}
	return "", false
}

// Last reports whether a server ends the connection with its answer to r, which net/http's
// parser has read: r comes in chunks, or is of HTTP/1.0. The parser hides a length beside
// chunks, and chunks that HTTP/1.0 does not know. Whatever stands before the server may
// have seen another end of such a request, and another one behind it: RFC 9112, section 6.1.
func Last(r *http.Request) bool { return len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) }

// Path returns the path of a request as servers compare it: an octet that needs no
// percent-encoding stands for itself, and other encoded ones have capital digits.
// "/%61pi/x" is "/api/x", and "/api%2fx" is not "/api/x" but "/api%2Fx": RFC 3986,
// section 6.2.2.
func Path(u *url.URL) string {
	path := u.EscapedPath()
	if !strings.Contains(path, "%") {
		return path
	}
	normal := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			octet := number([]byte(path[i+1:i+3]), 16)
			if octet >= 0 && octet < 0x80 && unreserved(rune(octet)) {
				normal = append(normal, byte(octet))
			} else {
				normal = append(normal, strings.ToUpper(path[i:i+3])...)
			}
			i += 2
			continue
		}
		normal = append(normal, c)
	}
	return string(normal)
}
