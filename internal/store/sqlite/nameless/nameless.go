//go:build cgo_sqlite && cgo

// Package nameless keeps github.com/mattn/go-sqlite3 from registering itself
// with database/sql. It and ncruces both do so as "sqlite3", at the start of
// the program, and the second to come panics.
//
// The name is a variable of mattn's, "" for none, meant to be replaced with
// -ldflags="-X github.com/mattn/go-sqlite3.driverName=". This does the same
// from within, so that no build can forget it. It is in time because of two
// rules of https://go.dev/ref/spec#Program_initialization: packages are
// initialized in the order of their import paths, example.com before
// github.com, as soon as what they import is; and this one imports nothing.
package nameless

import _ "unsafe" // for go:linkname

//go:linkname driverName github.com/mattn/go-sqlite3.driverName
var driverName string

func init() { driverName = "" }
