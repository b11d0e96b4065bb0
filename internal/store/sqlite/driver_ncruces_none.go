//go:build no_ncruces

package sqlite

var ncruces []*driver
