package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/contend/internal/app"
	"example.com/contend/internal/nodeapi"
)

// The rules of every request can be read off its tags.
func TestTagsOfRequests(t *testing.T) {
	requests := []any{
		new(nodeapi.SessionRequest), new(resetCounter), new(resetStock), new(resetBalance), new(resetAll),
	}
	for _, op := range app.Operations {
		requests = append(requests, op.New())
	}
	for _, request := range requests {
		kind := reflect.TypeOf(request).Elem()
		for _, f := range reflect.VisibleFields(kind) {
			if !f.IsExported() || f.Anonymous {
				continue
			}
			bounds, _, _ := strings.Cut(f.Tag.Get("want"), ",")
			var low, high int64
			n, err := fmt.Sscanf(bounds, "%d..%d", &low, &high)
			if want := f.Tag.Get("want"); want != "" && want != "optional" && (n != 2 || err != nil || low > high) {
				t.Errorf("%s.%s: tag %q is not like 1..256", kind, f.Name, want)
			}
			if f.Tag.Get("json") == "" {
				t.Errorf("%s.%s has no name", kind, f.Name)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	long := strings.Repeat("x", maxName)
	for name, c := range map[string]struct {
		body  string
		field string // "" accepts
	}{
		"plain":                     {`{"item":"cup","quantity":3}`, ""},
		"other order, white space":  {" {\n\"quantity\" : 3 , \"item\":\"cup\"}\r\n", ""},
		"escapes":                   {`{"item":"c\u00fcp \ud83d\ude00 \"\\ud800\"","quantity":3}`, ""},
		"longest name":              {`{"item":"` + long + `","quantity":3}`, ""},
		"largest quantity":          {`{"item":"cup","quantity":1000000000000}`, ""},
		"a replacement character":   {`{"item":"` + "\ufffd" + `\ufffd","quantity":1}`, ""},
		"nothing":                   {``, "body"},
		"not JSON":                  {`item=cup`, "body"},
		"an array":                  {`[{"item":"cup","quantity":3}]`, "body"},
		"null":                      {`null`, "body"},
		"cut short":                 {`{"item":"cup","quantity":3`, "body"},
		"trailing comma":            {`{"item":"cup","quantity":3,}`, "body"},
		"trailing garbage":          {`{"item":"cup","quantity":3} x`, "body"},
		"two objects":               {`{"item":"cup","quantity":3}{}`, "body"},
		"byte order mark":           {"\ufeff" + `{"item":"cup","quantity":3}`, "body"},
		"invalid UTF-8":             {"{\"item\":\"c\xffp\",\"quantity\":3}", "body"},
		"half a surrogate pair":     {`{"item":"\ud83d","quantity":3}`, "body"},
		"the other half":            {`{"item":"\ude00","quantity":3}`, "body"},
		"two first halves":          {`{"item":"\ud83d\ud83d","quantity":3}`, "body"},
		"NUL":                       {`{"item":"c\u0000p","quantity":3}`, "item"},
		"a raw control character":   {"{\"item\":\"c\np\",\"quantity\":3}", "body"},
		"missing":                   {`{"quantity":3}`, "item"},
		"both missing":              {`{}`, "item"},
		"empty":                     {`{"item":"","quantity":3}`, "item"},
		"too long":                  {`{"item":"x` + long + `","quantity":3}`, "item"},
		"too long in bytes":         {`{"item":"` + strings.Repeat("ü", maxName/2+1) + `","quantity":3}`, "item"},
		"number for a text":         {`{"item":3,"quantity":3}`, "item"},
		"null for a text":           {`{"item":null,"quantity":3}`, "item"},
		"object for a text":         {`{"item":{"item":"cup"},"quantity":3}`, "item"},
		"text for a number":         {`{"item":"cup","quantity":"3"}`, "quantity"},
		"true for a number":         {`{"item":"cup","quantity":true}`, "quantity"},
		"array for a number":        {`{"item":"cup","quantity":[3]}`, "quantity"},
		"zero":                      {`{"item":"cup","quantity":0}`, "quantity"},
		"minus zero":                {`{"item":"cup","quantity":-0}`, "quantity"},
		"negative":                  {`{"item":"cup","quantity":-3}`, "quantity"},
		"fraction":                  {`{"item":"cup","quantity":1.5}`, "quantity"},
		"whole, but with a point":   {`{"item":"cup","quantity":1.0}`, "quantity"},
		"exponent":                  {`{"item":"cup","quantity":1e3}`, "quantity"},
		"too large":                 {`{"item":"cup","quantity":1000000000001}`, "quantity"},
		"beyond int64":              {`{"item":"cup","quantity":9223372036854775808}`, "quantity"},
		"beyond float64":            {`{"item":"cup","quantity":1e999}`, "quantity"},
		"leading zero":              {`{"item":"cup","quantity":03}`, "body"},
		"unknown field":             {`{"item":"cup","quantity":3,"price":1}`, "price"},
		"another case":              {`{"Item":"cup","quantity":3}`, "Item"},
		"twice":                     {`{"item":"cup","item":"cup","quantity":3}`, "item"},
		"twice, by another writing": {`{"item":"cup","\u0069tem":"cup","quantity":3}`, "item"},
		"SQL is only text":          {`{"item":"'; DROP TABLE inventory; --","quantity":3}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var r nodeapi.PurchaseRequest
			err := decode([]byte(c.body), &r)
			var bad *invalid
			switch {
			case c.field == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.field != "" && (!errors.As(err, &bad) || bad.field != c.field || bad.want == ""):
				t.Errorf("error is %v, want one about %s", err, c.field)
			}
		})
	}
}

func TestDecodeQuery(t *testing.T) {
	for query, field := range map[string]string{
		"key=a":                                 "",
		"key=a%20b%26c+d":                       "",
		"":                                      "key",
		"key=":                                  "key",
		"key":                                   "key",
		"key=a%00b":                             "key",
		"key=%ff":                               "key",
		"key=a&key=a":                           "key",
		"key=a&Key=b":                           "Key",
		"other=a":                               "other",
		"key=%zz":                               "query",
		"key=a;b":                               "query",
		"key=" + strings.Repeat("x", maxName+1): "key",
	} {
		err := decodeQuery(query, new(nodeapi.IncrementRequest))
		var bad *invalid
		if (field == "") != (err == nil) || err != nil && (!errors.As(err, &bad) || bad.field != field) {
			t.Errorf("query %q: error is %v, want one about %q", query, err, field)
		}
	}
}

var (
	surrogatePair = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)
	surrogate     = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)
	stringLiteral = regexp.MustCompile(`"(\\.|[^"\\])*"`)
)

// obvious is decode for a purchase the slow way: encoding/json into a map, and
// everything that it forgives checked by hand.
func obvious(body []byte) (item string, quantity int64, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var all map[string]any
	if d.Decode(&all) != nil || all == nil || !utf8.Valid(body) {
		return "", 0, false
	}
	if rest := bytes.TrimLeft(body[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return "", 0, false
	}
	escapes := strings.ReplaceAll(string(body), `\\`, "__")
	if surrogate.MatchString(surrogatePair.ReplaceAllString(escapes, "")) {
		return "", 0, false
	}
	item, isText := all["item"].(string)
	number, isNumber := all["quantity"].(json.Number)
	commas := bytes.Count(stringLiteral.ReplaceAll(body, nil), []byte(","))
	if !isText || !isNumber || len(all) != 2 || commas != 1 { // a third comma-separated member would be a duplicate
		return "", 0, false
	}
	if item == "" || len(item) > 256 || strings.Contains(item, "\x00") {
		return "", 0, false
	}
	quantity, err := strconv.ParseInt(number.String(), 10, 64)
	return item, quantity, err == nil && quantity >= 1 && quantity <= 1_000_000_000_000
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"item":"cup","quantity":3}`, `{"quantity":1,"item":"c\u00fcp"}`, `{"item":"a","item":"b","quantity":1}`,
		`{"item":"a,b","quantity":1000000000000} `, `{"item":"\ud83d\ude00","quantity":1}`, `{"item":"\\ud83d","quantity":1}`,
		`{"item":"\ud83dx","quantity":1}`, `{"item":"\u0000","quantity":1}`, `{"Item":"a","quantity":1}`,
		`{"item":"a","quantity":1.0}`, `{"item":"a","quantity":-1}`, `{"item":"a","quantity":1,"x":[{},{}]}`,
		`[]`, `null`, ``, "{\"item\":\"\xff\",\"quantity\":1}", `{"item":"a","quantity":1}{}`, `{"item":"a",,"quantity":1}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r nodeapi.PurchaseRequest
		err := decode(body, &r)
		wantItem, wantQuantity, ok := obvious(body)
		if (err == nil) != ok {
			t.Fatalf("decode(%q): error is %v, but the obvious reading says %t", body, err, ok)
		}
		if ok && (r.Item != wantItem || r.Quantity != wantQuantity) {
			t.Fatalf("decode(%q) = %+v; want %q, %d", body, r, wantItem, wantQuantity)
		}
	})
}
