#!/bin/sh
# lab-test.sh CONTEND [LATER]: run the whole lab as a user would, and have its answer
# read by programs that are not ours: jq reads the JSON, sqlite3 the databases.
# lab-test.sh --again CONTEND LATER: run again what LATER lists.
#
# A finding that is not as expected may be the machine's doing, busy as it is with something
# else: it counts if it comes again. What is to be run again is, at the end, or with LATER when
# the machine has nothing else to do.
set -eu
only_again=false
[ "$1" != --again ] || { only_again=true && shift; }
contend=$1
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
later=${2:-$runs/later}
$only_again || rm -f "$later"

for tool in jq sqlite3; do
	command -v $tool >/dev/null 2>&1 || {
		echo "not checked here: the lab's answer, because there is no $tool" >&2
		[ "${CI:-}" != true ]
		exit
	}
done

say() { echo "lab: $1"; }

# unmet FILE: the findings that were not as expected, a line each: experiment, arm, claim, why.
unmet() {
	jq -r '.experiments[] | .name as $x | .arms[] | .name as $a | (.error // "") as $error | .findings[]
		| select(.verdict == "inconclusive" and (.noise and .expected == "either" | not)
			or .verdict != "inconclusive" and .expected != "either" and .expected != .verdict)
		| [$x, $a, .claim, "expected \(.expected), \(.verdict): \(.reason) \($error)"] | @tsv' "$1"
}

# lab FILE FLAG…: a run whose JSON goes to FILE. What is not as expected goes to LATER, after the flags.
lab() {
	file=$1
	shift
	began=$(date +%s) code=0
	"$contend" run --dir "$runs" --json -q "$@" >"$file" || code=$?
	say "took $(($(date +%s) - began)) s"
	case $code in
	0) return ;;
	1 | 3 | 4) ;; # a surprise, inconclusive, an arm that could not run
	*) say "ended with $code" && return 1 ;;
	esac
	unmet "$file" >"$runs/unmet"
	[ -s "$runs/unmet" ] || { say "ended with $code, though all is as expected" && return 1; }
	say "ended with $code; to be run again:"
	cat "$runs/unmet"
	sed "s/^/$*	/" "$runs/unmet" >>"$later"
}

# again: run what LATER lists once more. What comes again counts.
again() {
	[ -s "$later" ] || return 0
	for flags in '' --quick; do
		awk -F '\t' -v flags="$flags" '$1 == flags { print $2 "\t" $3 "\t" $4 }' "$later" | sort -u >"$runs/first"
		[ -s "$runs/first" ] || continue
		# Word splitting is wanted: an experiment each, an arm each (? stands for a blank), no flag or one.
		code=0
		# shellcheck disable=SC2046,SC2086
		"$contend" run $(cut -f 1 "$runs/first" | sort -u) $(cut -f 2 "$runs/first" | sort -u | sed 's/ /?/g; s/^/--arm=/') \
			--dir "$runs/again" --json -q $flags >"$runs/again.json" || code=$?
		case $code in 0 | 1 | 3 | 4) ;; *) say "ended with $code" && return 1 ;; esac
		unmet "$runs/again.json" >"$runs/unmet"
		cut -f 1-3 "$runs/unmet" | sort -u | comm -12 - "$runs/first" >"$runs/both"
		if [ -s "$runs/both" ]; then
			say "came again:"
			grep -F -f "$runs/both" "$runs/unmet"
			return 1
		fi
		say "run again ${flags:-whole}: none of $(wc -l <"$runs/first") came again"
	done
}
if $only_again; then
	again
	exit
fi

say "running all of it, which takes minutes"
lab "$runs/out.json"
whole=$(readlink -f "$runs/latest")
say "running it --quick"
lab "$runs/quick.json" --quick
holds() { # holds SENTENCE JQ-EXPRESSION
	jq -e "$2" "$runs/out.json" >/dev/null || { say "does not hold: $1"; exit 1; }
	say "$1"
}
arms='[.experiments[] | select(.name == "lost-update").arms[] | select(.setup.scene == null)]'
holds "the document has schema 2 and hundreds of findings" '.schema == 2 and .summary.as_expected > 500'
holds "every experiment has arms and a chart" \
	'.experiments | length == 15 and all((.arms | length > 0) and (.charts | length > 0))'
holds "no acknowledged row is lost by SIGKILL, with crashes in every arm" \
	'[.experiments[] | select(.name == "crash").arms[]] | length == 6 and all(.lost == 0 and .integrity == "ok" and ([.trials[].faults[] | select(.kind == "crash")] | length > 0))'
holds "every request of every arm is accounted for" \
	"$arms | all(.ops.total == 100 and .ops.ok + .ops.failed + .ops.unknown == 100)"
holds "read-then-write with busy_timeout 5000 loses acknowledged updates, with witnesses" \
	"$arms | map(select(.setup.discipline.transaction == \"separate\" and .setup.discipline.busy_timeout_ms == 5000)) | length == 4 and all(.lost > 0 and (.findings[] | select(.claim == \"lost-update\").witness | length > 0))"
holds "no transaction arm loses anything" \
	"$arms | map(select(.setup.discipline.transaction != \"separate\")) | length > 30 and all(.lost == 0)"
holds "a burst without patience has more than 30 refused, in every transaction style" \
	"$arms | map(select(.setup.discipline.busy_timeout_ms == 0 and .setup.load.arrival == \"burst\")) | length == 11 and all(.codes.SQLITE_BUSY > 30)"
holds "green refuses nobody" \
	"$arms | map(select(.name | startswith(\"green/\"))) | length == 2 and all(.ops.ok == 100 and .codes == {})"

claims() { jq -r '[.experiments[] | .name as $x | .arms[].findings[] | "\($x) \(.claim)"] | unique[]' "$1"; }
claims "$runs/out.json" >"$runs/asked"
# A quick run holds the lock for 2.5 s, where nobody waits for more than 5 s: it does not ask whether somebody does.
{ claims "$runs/quick.json" && echo "lock-wait max-over-5s"; } | LC_ALL=C sort | cmp - "$runs/asked"
say "--quick asks the same claims but one of $(wc -l <"$runs/asked")"

jq -r '.experiments[] | select(.name == "busy").arms[] | [.recordings[0], .final] | @tsv' "$runs/out.json" | sort -u >"$runs/finals"
while read -r recording final; do
	seen=$(sqlite3 "$whole/$recording/shared.db" 'SELECT coalesce(sum(value), 0) FROM counters')
	[ "$seen" = "$final" ] || { say "sqlite3 reads $seen in $recording, the run says $final"; exit 1; }
done <"$runs/finals"
say "sqlite3 agrees with the final value of $(wc -l <"$runs/finals") databases"

# It exits as the run did: with 1 after a surprise that did not come again.
"$contend" report "$whole" >"$runs/first" || true
"$contend" report "$whole" >"$runs/second" || true
cmp "$runs/first" "$runs/second"
say "the stored run draws the same again"
"$contend" report --html "$whole" | cmp - "$whole/report.html"
say "and so does its page"
[ -n "${2:-}" ] || again
