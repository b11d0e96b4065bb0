// Package app is the application under test: the lab's small web service, once,
// for every engine.
//
// Two ideas carry it. An operation stands in one file: its table and its
// statements, what it does to the data inside one attempt, and its request and
// answer. Whether another node can come between its read and its write is the
// discipline's business, so that an experiment compares settings and not
// programs. And under the operations a [DB] runs attempts on a [store.Database]:
// connections that are opened at the start and replaced in nobody's request,
// transactions, a queue of writers, sessions and what else the lab needs. Every
// error states what it proves.
//
// The package knows no driver and no HTTP server.
package app

import (
	"slices"
	"time"

	"example.com/contend/internal/store"
)

// An Operation is one thing that a client can ask of the application over HTTP.
type Operation struct {
	Path  string
	Reads bool        // it only reads, and comes with GET and a query; else with POST and a JSON body
	New   func() Call // returns the request to be filled in
}

// A Call is one request and, once it is done, its result. Its exported fields are
// the members of the request's JSON object, or the parameters of its query; their
// tag "want" says what they must be, see package node.
type Call interface {
	// Do makes one attempt. It may be called again after an attempt that had no effect.
	Do(*Tx) error
	// Answer returns the body of the answer of a node, after a request that took so
	// long.
	Answer(node string, took time.Duration) any
}

// Operations lists every operation.
var Operations = []Operation{increment, readCounter, write, purchase, reserve, cancel, transfer, total}

// Program is every table and every statement of the application.
var Program = store.NewProgram(tables, slices.Concat(
	counterStatements, dataStatements, stockStatements, orderStatements, accountStatements, labStatements, clearTables, dropTables,
)...)

// The tables counters and data are the source's, letter for letter.
//
// No CHECK (stock >= 0) or CHECK (balance >= 0) guards the others, though an
// application should have them: overselling is what the experiments look for,
// and a constraint that turned it into an error would hide whether the
// transaction style had let it happen.
//
// created_at is missing from rqlite's, where every node would fill in the time of
// its own clock (https://rqlite.io/docs/api/non-deterministic/).
var tables = []store.Table{
	{Name: "counters", Create: `CREATE TABLE IF NOT EXISTS {counters} (
  key TEXT PRIMARY KEY,
  value {integer} DEFAULT 0
)`},
	{Name: "data", Create: `CREATE TABLE IF NOT EXISTS {data} (
  id {id},
  content TEXT{created}
)`},
	{Name: "inventory", Create: `CREATE TABLE IF NOT EXISTS {inventory} (
  item TEXT PRIMARY KEY,
  stock {integer} NOT NULL
)`},
	{Name: "orders", Create: `CREATE TABLE IF NOT EXISTS {orders} (
  id {id},
  item TEXT NOT NULL,
  quantity {integer} NOT NULL,
  cancelled {integer} NOT NULL
)`},
	{Name: "accounts", Create: `CREATE TABLE IF NOT EXISTS {accounts} (
  name TEXT PRIMARY KEY,
  balance {integer} NOT NULL
)`},
	{Name: "payments", Create: `CREATE TABLE IF NOT EXISTS {payments} (
  id {id},
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  amount {integer} NOT NULL{created}
)`},
}

// Bounds of what a request may ask for.
const (
	MaxQuantity = 1e12   // of a purchase or a transfer
	MaxLevel    = 1e15   // of a counter, stock or balance that the lab sets: far from overflow
	MaxRows     = 10_000 // that a session writes in one statement
)
