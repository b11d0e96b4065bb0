#!/bin/sh
# readme.sh: run again what the documents show, and put the output in its place.
# docs/results.txt and docs/claims.md are one run of the whole lab, which takes
# minutes; docs/report.png is what a browser shows of it, and docs/locked.json has its
# figures for docs/database-is-locked.md. docs/containers.txt and
# docs/containers.md are a run in containers, which needs Docker: without it they
# stay as they are. docs/compare.txt is the ladder of fixes. In the READMEs and in
# docs/lab*.md, what stands between <!-- output: COMMAND --> and <!-- end --> is what
# COMMAND prints, between <!-- summary --> and <!-- end --> the summary of the claims,
# between <!-- mounts --> and <!-- end --> what wrong mounts lost, and between
# <!-- ladder --> and <!-- end --> what the fixes bought that most people choose from.
# README.ja.md asks in Japanese: the questions of its table stay as they are.
set -eu
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

# shown FILE COMMAND…: what COMMAND prints goes to FILE. A surprise and what is inconclusive are
# published as well, and whoever runs this hears of it.
shown() {
	to=$1 code=0
	shift
	"$@" >"$to" || code=$?
	sed -i "s| --dir $runs||" "$to" # where it happens to be stored is of no interest
	case $code in
	0) return ;;
	1 | 3) echo "ended with $code: $*" >&2 && tail -n 3 "$to" >&2 ;;
	*) tail -n 20 "$to" >&2 && return "$code" ;;
	esac
}

shown "$runs/results" bin/contend run --verbose --seed 1 --dir "$runs"
mv "$runs/results" docs/results.txt
shown docs/claims.md bin/contend report --claims "$runs/latest"
sed -n '/^<!-- summary -->$/,/^<!-- end -->$/p' docs/claims.md | sed '1d;$d; s|](#|](docs/claims.md#|' >"$runs/summary"
sh scripts/picture.sh "$(readlink -f "$runs/latest")/report.html" load-charts docs/report.png
bin/contend report --json "$runs/latest" | jq -rf scripts/locked.jq >"$runs/locked"
mv "$runs/locked" docs/locked.json
go test ./internal/report -run Locked -update

if docker version >/dev/null 2>&1; then
	sh scripts/base-images.sh
	BUILD_ONLY=1 sh scripts/wal-reset.sh bin/contend
	shown "$runs/containers" bin/contend run busy lost-update crash mounts wal-reset --on compose --old-engine bin/contend-3.51.2 --verbose --seed 1 --dir "$runs"
	mv "$runs/containers" docs/containers.txt
	shown docs/containers.md bin/contend report --claims "$runs/latest"
	{
		echo "| mount/journal | acknowledged | refused | lost | integrity_check |"
		echo "|---|---|---|---|---|"
		bin/contend report --json "$runs/latest" | jq -r '.experiments[] | select(.name == "mounts").arms[]
			| "| \(.name) | \(.ops.ok) | \(.ops.failed) | \(.lost) | \(.integrity) |"'
	} >"$runs/mounts"
else
	echo "not run again: docs/containers.txt and docs/containers.md, because no Docker engine is reached" >&2
fi

shown "$runs/compare" bin/contend compare --verbose --seed 1 --dir "$runs"
mv "$runs/compare" docs/compare.txt
sh scripts/picture.sh "$(readlink -f "$runs/latest")/report.html" ladder docs/compare.png
{
	echo "| rung | hot: ok/s | p99 ms | lost | highest rate/s | 1,000: ok/s | p99 ms | lost | lines |"
	echo "|---|---|---|---|---|---|---|---|---|"
	bin/contend report --json "$runs/latest" | jq -r '
		def short: if . == null then "–" elif . >= 10 then round else . * 100 | round / 100 end;
		def spread: .throughput_interval as $i | .throughput_per_s
			| "\(round)" + if $i == null or . == 0 then "" else " ±\(([$i.high - ., . - $i.low] | max) / . * 100 | round) %" end;
		def of(workload): .figures[] | select(.workload == workload and .clients == 100)
			| spread, (.latency_ms.p99 | short), (if .lost == null then "–" elif .lost > 0 then "**\(.lost)** of \(.ok)" else "0" end);
		def highest: .highest_rate_between as $b
			| if $b == null then (if (.rates | length) > 0 then "\(.highest_rate_per_s)?" else "–" end)
				elif $b.high == null then "≥ \($b.low)" else "\($b.low)–\($b.high)" end;
		.comparison.rungs[]
		| select(.name | IN("mixed-drivers", "postgres/read-committed", "postgres/for-update", "postgres/serializable", "rqlite/naive") | not)
		| [([.server // empty, .title] | join(": ")), of("counter"), highest, of("counters"),
			(.lines | if . == null then "–" elif .balancer > 0 then "\(.changed) + \(.balancer)" else .changed end)]
		| "| " + (map(tostring) | join(" | ")) + " |"'
} >"$runs/ladder"

# The summary, with the questions that README.ja.md asks.
awk -F ' [|] ' -v OFS=' | ' '
	NR == FNR { if (/^[|] \[/) asks[$1] = $2; next }
	FNR == 1 { print "| 実験 | 問い | 条件の数 | 主張の判定 |"; next }
	$1 in asks { $2 = asks[$1] }
	{ print }' README.ja.md "$runs/summary" |
	sed -E '3,$ { s/([0-9]+) holds/成立 \1/; s/([0-9]+) refuted/反証 \1/; s/([0-9]+) depends/条件次第 \1/; s/([0-9]+) inconclusive/判定不能 \1/; s/([0-9]), (反|条|判)/\1、\2/g }' >"$runs/summary.ja"

command=$(sed -n 's/^<!-- output: \(.*\) -->$/\1/p' docs/lab.md)
# Word splitting is wanted: it is a command line.
# shellcheck disable=SC2086
shown "$runs/output" $command --dir "$runs"
for file in README.md README.ja.md docs/lab.md docs/lab.ja.md; do
	summary=$runs/summary
	[ "$file" != README.ja.md ] || summary=$runs/summary.ja
	awk -v output="$runs/output" -v summary="$summary" -v mounts="$runs/mounts" -v ladder="$runs/ladder" '
		/^<!-- end -->$/ { if (fenced) print "```"; skip = fenced = 0 }
		!skip { print }
		/^<!-- output: / { print "```"; from = output; skip = fenced = 1 }
		/^<!-- summary -->$/ { from = summary; skip = 1 }
		/^<!-- ladder -->$/ { from = ladder; skip = 1 }
		/^<!-- mounts -->$/ && (getline line < mounts) > 0 { print line; from = mounts; skip = 1 }
		from != "" {
			while ((getline line < from) > 0) print line
			from = ""
		}' "$file" >"$runs/new"
	cat "$runs/new" >"$file"
done
