package workload

import "fmt"

// String says what is asked: "increment one counter".
func (w Increment) String() string { return "increment " + counters(w.Keys) }

// String says what is asked.
func (w Read) String() string { return "read " + counters(w.Keys) }

func counters(keys int) string {
	if keys == 0 {
		return "one counter"
	}
	return fmt.Sprintf("one of %d counters", keys)
}

// String says what is asked, with the payload's size.
func (w Write) String() string {
	if w.Size > 0 {
		return fmt.Sprintf("insert rows of %d bytes", w.Size)
	}
	return "insert small rows"
}

// String says what is asked.
func (w Purchase) String() string { return fmt.Sprintf("buy %d of one item", w.Quantity) }

// String says what is asked.
func (w Transfer) String() string { return fmt.Sprintf("transfers among %d accounts", w.Accounts) }

// String says what is asked.
func (w Total) String() string { return "add up all balances" }

// String says what is asked, and how often each.
func (w Mix) String() string {
	return fmt.Sprintf("%d %% %v, %d %% %v", 100-w.Share, w.A, w.Share, w.B)
}
