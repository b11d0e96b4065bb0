//go:build !cgo_sqlite || !cgo

package sqlite

var mattn []*driver
