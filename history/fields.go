package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A field is one key of a line: a position in fields.
type field uint8

const (
	fieldIndex field = iota
	fieldProcess
	fieldNode
	fieldOp
	fieldKey
	fieldTo
	fieldAmount
	fieldValue
	fieldIntended
	fieldInvoked
	fieldReturned
	fieldAttempts
	fieldOutcome
	fieldStatus
	fieldCode
	fieldExtended
	fieldUnknown // a key that this package does not know
)

// A rule says how a field is called, read and written. A field with setText
// holds a string, any other a whole number between low and high.
type rule struct {
	name      string
	low, high int64
	number    func(op *Op) (n int64, given bool)
	setNumber func(op *Op, n int64)
	text      func(op *Op) string // "": not given
	setText   func(op *Op, s string) error
	always    bool // a Writer writes it even where it is not given
}

// fields are the rules in the order in which a Writer writes them.
var fields = [fieldUnknown]rule{
	fieldIndex:   always(whole("index", 0, math.MaxInt, func(op *Op) *int { return &op.Index })),
	fieldProcess: always(whole("process", -1, math.MaxInt32, func(op *Op) *int { return &op.Process })),
	fieldNode:    text("node", func(op *Op) *string { return &op.Node }),
	fieldOp:      {name: "op", text: func(op *Op) string { return op.Func }, setText: setFunc},
	fieldKey:     always(text("key", func(op *Op) *string { return &op.Key })),
	fieldTo:      text("to", func(op *Op) *string { return &op.To }),
	fieldAmount:  whole("amount", math.MinInt64, math.MaxInt64, func(op *Op) *int64 { return &op.Amount }),
	fieldValue: {
		name: "value", low: math.MinInt64, high: math.MaxInt64,
		number:    func(op *Op) (int64, bool) { return op.Value.Int64, op.Value.Valid },
		setNumber: func(op *Op, n int64) { op.Value = Some(n) },
	},
	fieldIntended: always(whole("intended", 0, math.MaxInt64, func(op *Op) *time.Duration { return &op.Intended })),
	fieldInvoked:  always(whole("invoked", 0, math.MaxInt64, func(op *Op) *time.Duration { return &op.Invoked })),
	fieldReturned: always(whole("returned", 0, math.MaxInt64, func(op *Op) *time.Duration { return &op.Returned })),
	fieldAttempts: whole("attempts", 0, math.MaxInt32, func(op *Op) *int { return &op.Attempts }),
	fieldOutcome: {
		name: "outcome", text: func(op *Op) string { return op.Outcome.String() },
		setText: func(op *Op, s string) error {
			i := slices.Index(outcomes, s)
			if i < 0 {
				return fmt.Errorf("%q is none of ok, failed, unknown", s)
			}
			op.Outcome = Outcome(i)
			return nil
		},
	},
	fieldStatus:   whole("status", 0, math.MaxInt32, func(op *Op) *int { return &op.Status }),
	fieldCode:     text("code", func(op *Op) *string { return &op.Code }),
	fieldExtended: text("extended", func(op *Op) *string { return &op.Extended }),
}

// whole is the rule of a number, which is given where it is not 0.
func whole[T ~int | ~int64](name string, low, high int64, at func(*Op) *T) rule {
	return rule{
		name: name, low: low, high: high,
		number:    func(op *Op) (int64, bool) { n := int64(*at(op)); return n, n != 0 },
		setNumber: func(op *Op, n int64) { *at(op) = T(n) },
	}
}

// text is the rule of a string.
func text(name string, at func(*Op) *string) rule {
	return rule{
		name:    name,
		text:    func(op *Op) string { return *at(op) },
		setText: func(op *Op, s string) error { *at(op) = s; return nil },
	}
}

// always makes a rule of a field that a Writer never leaves out.
func always(r rule) rule { r.always = true; return r }

// funcs are the values of [Op.Func].
var funcs = []string{
	Increment, Write, Read, Purchase, Reserve, Cancel, Transfer, Total,
	Reset, FinalRead, FinalOrder, FinalRow, Crash, Recovered,
}

// setFunc keeps the constant and not s, so that s can be freed.
func setFunc(op *Op, s string) error {
	i := slices.Index(funcs, s)
	if i < 0 {
		return fmt.Errorf("%q is none of %s", s, strings.Join(funcs, ", "))
	}
	op.Func = funcs[i]
	return nil
}

func (f field) String() string { return fields[f].name }

// fieldNamed looks for a name from the field next onward, because it runs for
// every field of every line, and most lines have them in order.
func fieldNamed(name []byte, next field) field {
	for i := range fieldUnknown {
		if f := (next + i) % fieldUnknown; fields[f].name == string(name) {
			return f
		}
	}
	return fieldUnknown
}

// A fieldSet holds the fields that a line gave.
type fieldSet uint32

func (s fieldSet) has(f field) bool { return s&(1<<f) != 0 }
func (s *fieldSet) add(f field)     { *s |= 1 << f }

// A fieldError is what is wrong with one field; [Error] adds the place.
type fieldError struct {
	field field
	err   error
}

func (e *fieldError) Error() string { return fmt.Sprintf("%s: %v", e.field, e.err) }

func wrong(f field, format string, args ...any) error {
	return &fieldError{field: f, err: fmt.Errorf(format, args...)}
}

// check returns an error where f cannot hold n.
func (f field) check(n int64) error {
	if r := &fields[f]; n < r.low || n > r.high {
		return wrong(f, "%d is not between %d and %d", n, r.low, r.high)
	}
	return nil
}

var (
	errMissing = errors.New("missing")
	errTwice   = errors.New("given twice")
)

// complete checks what no single field can, and fills in what the line left
// out. The position of the op, from 0, is its index where the line gave none.
func complete(op *Op, given fieldSet, position int) error {
	for _, f := range []field{fieldOp, fieldKey, fieldOutcome} {
		if !given.has(f) {
			return &fieldError{f, errMissing}
		}
	}
	if given.has(fieldInvoked) != given.has(fieldReturned) {
		return wrong(fieldReturned, "want both invoked and returned, or neither")
	}
	if op.Returned < op.Invoked {
		return wrong(fieldReturned, "%d is before invoked, %d", op.Returned, op.Invoked)
	}
	if !given.has(fieldIntended) {
		op.Intended = op.Invoked
	}
	if !given.has(fieldIndex) {
		op.Index = position
	}
	return nil
}

// validate returns an error where [Reader] would not take what [Writer] writes.
func (op *Op) validate() error {
	if !slices.Contains(funcs, op.Func) {
		return &fieldError{fieldOp, setFunc(op, op.Func)}
	}
	if op.Outcome > Failed {
		return wrong(fieldOutcome, "%d is none of ok, failed, unknown", op.Outcome)
	}
	for f := range fieldUnknown {
		if number := fields[f].number; number != nil {
			n, _ := number(op)
			if err := f.check(n); err != nil {
				return err
			}
		}
	}
	if op.Returned < op.Invoked {
		return wrong(fieldReturned, "%d is before invoked, %d", op.Returned, op.Invoked)
	}
	return nil
}
