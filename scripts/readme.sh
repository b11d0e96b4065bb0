#!/bin/sh
# readme.sh: run again what the documents show, and put the output in its place.
# docs/results.txt is the whole demo; in the READMEs, what stands between
# <!-- output: COMMAND --> and <!-- end --> is what COMMAND prints.
set -eu
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

bin/contend run busy lost-update --dir "$runs" >"$runs/results"
mv "$runs/results" docs/results.txt

command=$(sed -n 's/^<!-- output: \(.*\) -->$/\1/p' README.md)
$command --dir "$runs" >"$runs/output"
for file in README.md README.ja.md; do
	awk -v output="$runs/output" '
		/^<!-- end -->$/ { print "```"; skip = 0 }
		!skip { print }
		/^<!-- output: / {
			print "```"
			while ((getline line < output) > 0) print line
			skip = 1
		}' "$file" >"$runs/new"
	cat "$runs/new" >"$file"
done
