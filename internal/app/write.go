package app

import (
	"time"

	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

var (
	insertData = &store.Statement{Op: "insert", Text: "INSERT INTO {data} (content) VALUES (?1) RETURNING id"}

	dataStatements = []*store.Statement{insertData}
)

// Insert adds one row holding data and returns its id.
func (t *Tx) Insert(data string) (int64, error) { return t.Must(insertData, data) }

var write = Operation{Path: nodeapi.PathWrite, New: func() Call { return new(writeCall) }}

type writeCall struct {
	nodeapi.WriteRequest
	id int64
}

func (c *writeCall) Do(t *Tx) (err error) {
	c.id, err = t.Last().Insert(c.Data)
	return err
}

func (c *writeCall) Answer(node string, took time.Duration) any {
	return nodeapi.WriteResponse{Success: true, ID: c.id, Duration: float64(took.Microseconds()) / 1000, Container: node}
}
