#!/bin/sh
# readme.sh: run again what the documents show, and put the output in its place.
# docs/results.txt and docs/claims.md are one run of the whole lab, which takes
# minutes; docs/report.png is what a browser shows of it. In the READMEs, what
# stands between <!-- output: COMMAND --> and <!-- end --> is what COMMAND
# prints, and between <!-- summary --> and <!-- end --> the summary of the claims.
set -eu
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

bin/contend run --seed 1 --dir "$runs" >"$runs/results"
mv "$runs/results" docs/results.txt
bin/contend report --claims "$runs/latest" >docs/claims.md
sed -n '/^<!-- summary -->$/,/^<!-- end -->$/p' docs/claims.md | sed '1d;$d; s|](#|](docs/claims.md#|' >"$runs/summary"
sh scripts/picture.sh "$(readlink -f "$runs/latest")/report.html" load-charts docs/report.png

command=$(sed -n 's/^<!-- output: \(.*\) -->$/\1/p' README.md)
$command --dir "$runs" >"$runs/output"
for file in README.md README.ja.md; do
	awk -v output="$runs/output" -v summary="$runs/summary" '
		/^<!-- end -->$/ { if (fenced) print "```"; skip = fenced = 0 }
		!skip { print }
		/^<!-- output: / { print "```"; from = output; skip = fenced = 1 }
		/^<!-- summary -->$/ { from = summary; skip = 1 }
		from != "" {
			while ((getline line < from) > 0) print line
			from = ""
		}' "$file" >"$runs/new"
	cat "$runs/new" >"$file"
done
