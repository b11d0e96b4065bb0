// Package tagged writes values of an interface type as JSON and reads them
// back: an object with one member, whose name says which type the value has.
package tagged

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Table names the types that an interface T may hold: {"hold", Hold{}}.
type Table[T any] []Entry[T]

// An Entry is a type's name in JSON, and any value of the type.
type Entry[T any] struct {
	Name string
	Type T
}

// Marshal returns {"<name>": v}, or null where v is nil. It fails for a type that is
// not in the table.
func (t Table[T]) Marshal(v T) ([]byte, error) {
	if any(v) == nil {
		return []byte("null"), nil
	}
	i := slices.IndexFunc(t, func(e Entry[T]) bool { return reflect.TypeOf(e.Type) == reflect.TypeOf(v) })
	if i < 0 {
		return nil, fmt.Errorf("%T is none of %s", v, t.names())
	}
	return json.Marshal(map[string]any{t[i].Name: v})
}

// Unmarshal reads what Marshal writes. No data are a nil value, like null.
func (t Table[T]) Unmarshal(data []byte) (v T, err error) {
	if len(data) == 0 {
		return v, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return v, err
	}
	for name, body := range object {
		i := slices.IndexFunc(t, func(e Entry[T]) bool { return e.Name == name })
		if i < 0 || len(object) != 1 {
			return v, fmt.Errorf("%q is none of %s", name, t.names())
		}
		p := reflect.New(reflect.TypeOf(t[i].Type))
		if err := json.Unmarshal(body, p.Interface()); err != nil {
			return v, fmt.Errorf("%s: %w", name, err)
		}
		return p.Elem().Interface().(T), nil
	}
	return v, fmt.Errorf("empty object: want one of %s", t.names())
}

func (t Table[T]) names() string {
	var names []string
	for _, e := range t {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}
