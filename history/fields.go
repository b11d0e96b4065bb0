package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A field is one key of a line; its name is what the line says.
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

var fieldNames = [fieldUnknown]string{
	"index", "process", "node", "op", "key", "to", "amount", "value",
	"intended", "invoked", "returned", "attempts", "outcome", "status", "code", "extended",
}

func (f field) String() string { return fieldNames[f] }

// fieldNamed is a switch and not a map because it runs for every field of every line.
func fieldNamed(name []byte) field {
	switch string(name) {
	case "index":
		return fieldIndex
	case "process":
		return fieldProcess
	case "node":
		return fieldNode
	case "op":
		return fieldOp
	case "key":
		return fieldKey
	case "to":
		return fieldTo
	case "amount":
		return fieldAmount
	case "value":
		return fieldValue
	case "intended":
		return fieldIntended
	case "invoked":
		return fieldInvoked
	case "returned":
		return fieldReturned
	case "attempts":
		return fieldAttempts
	case "outcome":
		return fieldOutcome
	case "status":
		return fieldStatus
	case "code":
		return fieldCode
	case "extended":
		return fieldExtended
	}
	return fieldUnknown
}

// text reports whether f holds a string; the others hold whole numbers.
func (f field) text() bool {
	switch f {
	case fieldNode, fieldOp, fieldKey, fieldTo, fieldOutcome, fieldCode, fieldExtended:
		return true
	}
	return false
}

// A fieldSet says which fields a line gave.
type fieldSet uint32

func (s fieldSet) has(f field) bool { return s&(1<<f) != 0 }
func (s *fieldSet) add(f field)     { *s |= 1 << f }

// A fieldError is what is wrong with one field; [Error] adds the place.
type fieldError struct {
	field field
	err   error
}

func (e *fieldError) Error() string { return fmt.Sprintf("%s: %v", e.field, e.err) }

func wrong(f field, format string, args ...any) *fieldError {
	return &fieldError{field: f, err: fmt.Errorf(format, args...)}
}

// setNumber stores n in the field f of op.
func setNumber(op *Op, f field, n int64) *fieldError {
	if low, high := limits(f); n < low || n > high {
		return wrong(f, "%d is not between %d and %d", n, low, high)
	}
	switch f {
	case fieldIndex:
		op.Index = int(n)
	case fieldProcess:
		op.Process = int(n)
	case fieldAmount:
		op.Amount = n
	case fieldValue:
		op.Value = Some(n)
	case fieldIntended:
		op.Intended = time.Duration(n)
	case fieldInvoked:
		op.Invoked = time.Duration(n)
	case fieldReturned:
		op.Returned = time.Duration(n)
	case fieldAttempts:
		op.Attempts = int(n)
	case fieldStatus:
		op.Status = int(n)
	}
	return nil
}

// limits returns the smallest and greatest number that f may hold.
func limits(f field) (low, high int64) {
	switch f {
	case fieldAmount, fieldValue:
		return math.MinInt64, math.MaxInt64
	case fieldProcess:
		return -1, math.MaxInt32
	case fieldAttempts, fieldStatus:
		return 0, math.MaxInt32
	case fieldIndex:
		return 0, math.MaxInt
	default:
		return 0, math.MaxInt64
	}
}

// setText stores s in the field f of op.
func setText(op *Op, f field, s string) *fieldError {
	switch f {
	case fieldNode:
		op.Node = s
	case fieldOp:
		if op.Func = funcNamed(s); op.Func == "" {
			return wrong(f, "%q is none of %s", s, funcs)
		}
	case fieldKey:
		op.Key = s
	case fieldTo:
		op.To = s
	case fieldOutcome:
		if err := op.Outcome.UnmarshalText([]byte(s)); err != nil {
			return wrong(f, "%q is none of ok, failed, unknown", s)
		}
	case fieldCode:
		op.Code = s
	case fieldExtended:
		op.Extended = s
	}
	return nil
}

// known lists what an op can ask for.
var known = []string{
	Increment, Write, Read, Purchase, Transfer, Total,
	Reset, FinalRead, FinalRow, Crash, Recovered,
}

var funcs = strings.Join(known, ", ")

// funcNamed returns the constant that s spells, so that s itself need not be kept, or "".
func funcNamed(s string) string {
	if i := slices.Index(known, s); i >= 0 {
		return known[i]
	}
	return ""
}

var (
	errMissing = errors.New("missing")
	errTwice   = errors.New("given twice")
)

// complete checks what no single field can, and fills in what the line left
// out. The position of the op, from 0, is its index where the line gave none.
func complete(op *Op, given fieldSet, position int) *fieldError {
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
	if funcNamed(op.Func) == "" {
		return wrong(fieldOp, "%q is none of %s", op.Func, funcs)
	}
	if op.Outcome > Failed {
		return wrong(fieldOutcome, "%d is none of ok, failed, unknown", op.Outcome)
	}
	for _, n := range [...]struct {
		field field
		value int64
	}{
		{fieldIndex, int64(op.Index)}, {fieldProcess, int64(op.Process)},
		{fieldIntended, int64(op.Intended)}, {fieldInvoked, int64(op.Invoked)},
		{fieldReturned, int64(op.Returned)},
		{fieldAttempts, int64(op.Attempts)}, {fieldStatus, int64(op.Status)},
	} {
		if low, high := limits(n.field); n.value < low || n.value > high {
			return wrong(n.field, "%d is not between %d and %d", n.value, low, high)
		}
	}
	if op.Returned < op.Invoked {
		return wrong(fieldReturned, "%d is before invoked, %d", op.Returned, op.Invoked)
	}
	return nil
}
