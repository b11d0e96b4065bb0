package sqlite

import (
	"context"
	sqldriver "database/sql/driver"
	"fmt"
	"io"
	"slices"
)

// A prepared is a statement that a connection has ready: the driver's own, not
// one of database/sql, which for every use takes locks, converts the arguments
// and makes rows to scan.
//
// Raw lends what it shows for as long as it runs. The statements are used for
// longer, because nobody could come between: database/sql touches a connection
// only for its sql.Conn, which is ours alone, and a conn serves one attempt at a
// time.
type prepared interface {
	sqldriver.Stmt
	sqldriver.StmtExecContext
	sqldriver.StmtQueryContext
}

// prepare makes all statements ready. Where it fails, discard finalizes those
// that it had made.
func (c *conn) prepare(ctx context.Context) error {
	return c.sc.Raw(func(raw any) error {
		preparer, ok := raw.(sqldriver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("%T prepares no statements", raw)
		}
		for i, text := range texts {
			stmt, err := preparer.PrepareContext(ctx, text)
			if err != nil {
				return err
			}
			if c.stmts[i], ok = stmt.(prepared); !ok {
				_ = stmt.Close()
				return fmt.Errorf("%T takes no context", stmt)
			}
		}
		return nil
	})
}

// finalize closes the statements that there are. Closing the connection is what
// tells whether all went well.
func (c *conn) finalize() {
	for _, stmt := range c.stmts {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}

// A room is where a connection's statement in progress has its parameters and
// its row, so that a statement allocates neither. What they held stays there
// until the next one.
type room struct {
	args []sqldriver.NamedValue
	row  []sqldriver.Value
}

// bind lays args down in their order. An arg is an int64 or a string, which
// need no conversion.
func (r *room) bind(args []any) []sqldriver.NamedValue {
	r.args = r.args[:0]
	for i, arg := range args {
		r.args = append(r.args, sqldriver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return r.args
}

// last reads rows to the end and takes the numbers of the last one. It reports
// whether there was any.
func (r *room) last(rows sqldriver.Rows, to []*int64) (found bool, err error) {
	n := len(rows.Columns()) // ncruces must be asked before the first row
	if n != len(to) {
		return false, fmt.Errorf("a row has %d columns, want %d", n, len(to))
	}
	r.row = slices.Grow(r.row[:0], n)[:n]
	for {
		switch err := rows.Next(r.row); {
		case err == io.EOF:
			return found, nil
		case err != nil:
			return false, err
		}
		found = true
		for i, value := range r.row {
			n, ok := value.(int64)
			if !ok {
				return false, fmt.Errorf("column %d is a %T and no whole number", i, value)
			}
			*to[i] = n
		}
	}
}
