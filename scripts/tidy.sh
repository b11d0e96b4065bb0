#!/bin/sh
# tidy.sh: go.mod and go.sum are what `go mod tidy` makes of them. With -e,
# because a test of a dependency wants a module that we do not need.
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp go.mod go.sum "$copy"
go mod tidy -e 2>/dev/null
status=0
for file in go.mod go.sum; do
	cmp -s "$file" "$copy/$file" || { echo "$file is not tidy: run go mod tidy -e"; status=1; }
	cp "$copy/$file" "$file"
done
exit $status
