#!/bin/sh
# compare-test.sh CONTEND: climb the whole ladder as a user would, with PostgreSQL
# and then without, and have the answer read by a program that is not ours.
set -eu
contend=$(readlink -f "$1")
runs=$(mktemp -d)
chmod 755 "$runs" # PostgreSQL does not run as root, and its user has to get to its data
trap 'rm -rf "$runs"' EXIT

say() { echo "compare: $1"; }
die() { say "$1"; exit 1; }
command -v jq >/dev/null 2>&1 || {
	echo "not checked here: the ladder's answer, because there is no jq" >&2
	[ "${CI:-}" != true ]
	exit
}

# climb FILE COMMAND…: what COMMAND prints goes to FILE. What is not as expected
# may be the machine's doing: it must come again to count.
climb() {
	file=$1
	shift
	began=$(date +%s)
	"$@" >"$file" && { say "took $(($(date +%s) - began)) s"; return; }
	say "ended with $?:"
	jq -r '.experiments[].arms[] | .name as $arm | "\($arm): \(.error // "")", (.findings[] | "\($arm): \(.claim) expected \(.expected), \(.verdict): \(.reason)")' "$file"
	"$@" >"$file" || die "and again, with $?"
	say "it did not come again"
}

# holds FILE SENTENCE JQ-EXPRESSION
holds() {
	jq -e "$3" "$1" >/dev/null || { jq '.comparison | del(.advice)' "$1"; die "does not hold: $2"; }
	say "$2"
}

# The loss of a rung is the sum over everything that was asked of it.
losses='def losses: [.figures[].lost, .rates[].lost, .asked.lost] | map(. // 0) | add;'
naive='["busy-timeout", "wal", "postgres/naive", "postgres/read-committed", "given/naive", "given/read-committed", "rqlite/naive"]'

out=$runs/with.json
say "every rung, --quick"
climb "$out" "$contend" compare --quick --json -q --dir "$runs"
holds "$out" "nothing careful has lost anything" "$losses"' [.comparison.rungs[] | select(.careful) | losses] | length >= 4 and add == 0'
holds "$out" "everything naive has lost something" "$losses"' [.comparison.rungs[] | select(.name as $n | '"$naive"' | index($n)) | losses] | length >= 2 and all(. > 0)'
holds "$out" "every rung served somebody, but the one without patience" '[.comparison.rungs[] | select(.name != "red") | .figures[].ok] | all(. > 0)'
holds "$out" "every advice has its figures" '.comparison.advice | length > 0 and all(.rests | length > 0)'
page=$(readlink -f "$runs/latest")/report.html
[ "$(grep -c '<svg' "$page")" -ge 3 ] || die "the page has no charts"
say "the page has its charts"
if jq -e '[.comparison.missing[].rungs[]] | any(startswith("postgres/"))' "$out" >/dev/null; then
	echo "not checked here: the rungs of PostgreSQL: $(jq -r '.comparison.missing[].why' "$out" | head -1)" >&2
	[ "${CI:-}" != true ] || exit 1
else
	holds "$out" "PostgreSQL is on the ladder" '[.comparison.rungs[].engine] | any(startswith("PostgreSQL "))'
fi
[ ! -e "$(readlink -f "$runs/latest")/servers" ] || die "the servers' data are still there"

# Without PostgreSQL: in a mount namespace where its programs are hidden.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	climb "$runs/without.json" env PATH=/usr/bin:/bin unshare -m sh -c '
		mkdir -p /usr/lib/postgresql && mount -t tmpfs none /usr/lib/postgresql && exec "$@"' sh \
		"$contend" compare --quick --rung immediate --rung queue --rung postgres --json -q --dir "$runs"
	holds "$runs/without.json" "without PostgreSQL the rest goes on, and it is said how to get it" \
		'(.comparison.rungs | length == 2) and (.comparison.missing | length == 1) and (.comparison.missing[0].hint | contains("apt-get install postgresql"))'
else
	echo "not checked here: a machine without PostgreSQL, because that takes root and a mount namespace" >&2
fi
