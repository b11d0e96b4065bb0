#!/bin/sh
# tidy.sh: go.mod and go.sum are what `go mod tidy` makes of them. With -e,
# because a test of a dependency wants a module that we do not need.
set -eu
copy=$(mktemp -d)
cp go.mod go.sum "$copy"
trap 'cp "$copy/go.mod" "$copy/go.sum" .; rm -rf "$copy"' EXIT
go mod tidy -e >"$copy/said" 2>&1 || { cat "$copy/said"; exit 1; }
for file in go.mod go.sum; do
	cmp -s "$file" "$copy/$file" || { echo "$file is not tidy: run go mod tidy -e"; exit 1; }
done
