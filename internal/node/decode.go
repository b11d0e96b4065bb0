package node

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/contend/internal/nodeapi"
)

// Limits of what a request may say, beside those in the tags of its fields.
const (
	maxBody = nodeapi.MaxBody
	maxName = 256 // bytes of a key, an item or an account
)

// An invalid argument names the field that is wrong and what it must be.
type invalid struct {
	field string // "body" or "query" where no single field is at fault
	want  string // "must be …"
}

func (e *invalid) Error() string { return e.field + " " + e.want }

// A rule is what one field of a request must be, read off its tag: want:"1..256"
// bounds the bytes of a string, or a number, and want:"0..128,optional" lets the
// field be missing. A field whose zero value is within its bounds is a pointer,
// unless it is optional, so that a missing one differs from it.
type rule struct {
	name     string
	index    []int
	kind     reflect.Kind // of the value that a pointer points to
	bounded  bool
	min, max int64
	optional bool
}

// rulesOf caches the rules of each type of request.
var rulesOf sync.Map // from reflect.Type to []rule

func rules(request any) []rule {
	t := reflect.TypeOf(request).Elem()
	if known, ok := rulesOf.Load(t); ok {
		return known.([]rule)
	}
	var all []rule
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		r := rule{name: name, index: f.Index, kind: f.Type.Kind()}
		if r.kind == reflect.Pointer {
			r.kind = f.Type.Elem().Kind()
		}
		bounds, option, _ := strings.Cut(f.Tag.Get("want"), ",")
		r.optional = option == "optional" || bounds == "optional"
		if low, high, ok := strings.Cut(bounds, ".."); ok {
			r.bounded = true
			r.min, _ = strconv.ParseInt(low, 10, 64) // a test reads every tag
			r.max, _ = strconv.ParseInt(high, 10, 64)
		}
		all = append(all, r)
	}
	rulesOf.Store(t, all)
	return all
}

// wanted returns what the field's value must be.
func (r rule) wanted() string {
	switch {
	case r.kind == reflect.String && r.bounded:
		return fmt.Sprintf("must be a string of %d to %d bytes of UTF-8 without NUL", r.min, r.max)
	case r.kind == reflect.String:
		return "must be a string"
	case r.kind == reflect.Int64 && r.bounded:
		return fmt.Sprintf("must be a whole number from %d to %d, written in digits alone", r.min, r.max)
	case r.kind == reflect.Int64:
		return "must be a whole number, written in digits alone"
	case r.kind == reflect.Bool:
		return "must be true or false"
	}
	return "must be an object"
}

// check reports whether the field of request is as it must be.
func (r rule) check(request reflect.Value) bool {
	value := request.FieldByIndex(r.index)
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return r.optional
		}
		value = value.Elem()
	}
	switch {
	case r.kind == reflect.String:
		s := value.String()
		size := int64(len(s))
		fits := !r.bounded || size >= r.min && size <= r.max || r.optional && size == 0
		return fits && strings.IndexByte(s, 0) < 0
	case r.kind == reflect.Int64 && r.bounded:
		return value.Int() >= r.min && value.Int() <= r.max
	}
	return true
}

// decode reads a body, which must be one JSON object, into a pointer to a struct. It
// takes exactly the fields of the request: each at most once, spelled in this case,
// in UTF-8. A node that guesses what a request means cannot account for it afterwards.
func decode(body []byte, request any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return &invalid{"body", "must be a JSON object"}
	}
	known := rules(request)
	if err := json.Unmarshal(body, request, json.RejectUnknownMembers(true)); err != nil {
		return undecodable(err, known)
	}
	value := reflect.ValueOf(request).Elem()
	for _, r := range known {
		if !r.check(value) {
			return &invalid{r.name, r.wanted()}
		}
	}
	if c, can := request.(interface{ Wrong() (field, want string) }); can {
		if field, want := c.Wrong(); field != "" {
			return &invalid{field, want}
		}
	}
	return nil
}

// undecodable names the field that the error of the JSON library is about. What is
// wrong within an inner object is named as in "discipline.pool".
func undecodable(err error, known []rule) error {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return &invalid{fieldAt(syntactic.JSONPointer), "must be given once"}
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return &invalid{fieldAt(semantic.JSONPointer), "is not a field of this request"}
	case errors.As(err, &semantic):
		field := fieldAt(semantic.JSONPointer)
		for _, r := range known {
			if r.name == field {
				return &invalid{field, r.wanted()}
			}
		}
	}
	return &invalid{"body", "must be one JSON object in UTF-8"}
}

// fieldAt names a place in the body, cut to what an error may repeat.
func fieldAt(place jsontext.Pointer) string {
	const most = 64
	name := strings.Join(slices.Collect(place.Tokens()), ".")
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

// decodeQuery reads a URL's query by the same rules. Its values are all strings.
func decodeQuery(query string, request any) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &invalid{"query", "must be name=value, percent-encoded"}
	}
	given := map[string]string{}
	for name, all := range values {
		if len(all) > 1 {
			return &invalid{name, "must be given once"}
		}
		// An empty value is none that a request can have; NUL is one that no rule lets pass.
		given[name] = cmp.Or(strings.ToValidUTF8(all[0], "\x00"), "\x00")
	}
	body, err := json.Marshal(given)
	if err != nil {
		return &invalid{"query", "must have names in UTF-8"}
	}
	return decode(body, request)
}
