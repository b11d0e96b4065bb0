#!/bin/sh
# containers-test.sh CONTEND: run experiments in real containers as a user would,
# and see that nothing of them is left: after a run, after Ctrl-C, after kill -9.
set -eu
contend=$1
say() { echo "containers: $1"; }
fail() {
	say "$1"
	exit 1
}

docker version >/dev/null 2>&1 || {
	echo "not checked here: contend run --on compose, because no Docker engine is reached" >&2
	[ "${CI:-}" != true ]
	exit
}
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

# ours: what Docker holds of contend's, a line each, but for what was there before: a machine that was
# switched off during a run may keep what an older contend made, which nobody can tell.
: >"$runs/before"
ours() { sh "$(dirname "$0")/left.sh" "$runs" | grep -E '^(container|volume|network|image) ' | grep -vxF -f "$runs/before" || true; }
gone() { # gone WHEN SECONDS: within so many seconds nothing of ours is left
	for _ in $(seq "$2"); do
		[ -n "$(ours)" ] || return 0
		sleep 1
	done
	ours
	fail "something is left $1"
}
ours >"$runs/now" && mv "$runs/now" "$runs/before"
[ ! -s "$runs/before" ] || say "left by others: $(cat "$runs/before")"

# asexpected: a run whose JSON goes to $runs/out.json; what is not as expected is told.
asexpected() {
	began=$(date +%s)
	"$contend" run busy lost-update crash mounts --quick --on compose --dir "$runs" --json -q >"$runs/out.json" && {
		say "took $(($(date +%s) - began)) s"
		return
	}
	jq -r '.experiments[].arms[] | "\(.name) on \(.place) \(.error // "")" as $arm | .findings[]
		| select(.verdict == "inconclusive" or .expected != "either" and .expected != .verdict) | "\($arm): \(.claim) \(.verdict): \(.reason)"' "$runs/out.json" || true
	return 1
}
say "running busy, lost-update, crash and mounts, smaller, as processes and as containers"
# What is not as expected may be the machine's doing, busy as it is with
# something else: it must come again to count.
asexpected || { say "and again:" && asexpected; } || fail "the run was not as expected"
gone "after a run" 1

holds() { # holds SENTENCE JQ-EXPRESSION
	jq -e "$2" "$runs/out.json" >/dev/null || fail "does not hold: $1"
	say "$1"
}
holds "every arm of three experiments was run in both places" \
	'[.experiments[] | select(.name != "mounts").arms[] | {name, place}] | group_by(.name) | length > 8 and all(map(.place) | unique == ["compose", "processes"])'
holds "read-then-write with patience loses updates in containers, and no transaction does" \
	'[.experiments[] | select(.name == "lost-update").arms[] | select(.place == "compose")]
		| (map(select(.name == "separate/5000/WAL/burst")) | length == 1 and all(.lost > 0 and .integrity == "ok"))
		and (map(select(.setup.discipline.transaction != "separate" and .setup.scene == null)) | length > 3 and all(.lost == 0))'
holds "containers were killed, and lost nothing" \
	'[.experiments[] | select(.name == "crash").arms[] | select(.place == "compose")]
		| length == 2 and all(.lost == 0 and .integrity == "ok" and ([.trials[].faults[] | select(.kind == "crash")] | length >= 4))'
holds "a single-file bind loses acknowledged writes, and integrity_check says ok" \
	'.experiments[] | select(.name == "mounts").arms[] | select(.name == "single-file-bind/WAL") | .ops.failed == 0 and .lost > 0 and .integrity == "ok"'
holds "a named volume and a directory bind lose nothing" \
	'[.experiments[] | select(.name == "mounts").arms[] | select(.name == "named-volume/WAL" or .name == "directory-bind/WAL")] | length == 2 and all(.lost == 0)'
holds "every node said which SQLite it runs on" '[.experiments[].arms[].engines | length == 1] | all'

# started KIND: waits until the run has an image, or a container.
started() {
	for _ in $(seq 600); do
		[ -z "$(ours | grep "$1")" ] || return 0
		sleep 0.05
	done
	fail "there was no $1"
}
for end in "INT image" "KILL container"; do
	signal=${end% *} kind=${end#* }
	# A shell has its background jobs ignore SIGINT, which they would inherit.
	env --default-signal=INT "$contend" run cascade --on compose --alone --dir "$runs" -q >/dev/null 2>&1 &
	pid=$!
	started "$kind"
	kill -"$signal" "$pid"
	code=0
	wait "$pid" || code=$?
	case $signal in
	INT) [ "$code" = 130 ] || fail "Ctrl-C ended it with $code, not 130" ;;
	esac
	gone "after SIG$signal with the first $kind" 90
	say "nothing is left after SIG$signal with the first $kind"
done
# Where the guard is killed too, everything stays until somebody cleans up.
"$contend" run cascade --on compose --alone --dir "$runs" -q >/dev/null 2>&1 &
pid=$!
started network
guard=$(sh "$(dirname "$0")/left.sh" "$runs" | sed -n "s/^process \([0-9]*\) .* guard --owner $pid\..*/\1/p")
kill -KILL "$guard" "$pid"
wait "$pid" || true
sleep 2 # the engine is still at work
[ -n "$(ours)" ] || fail "everything went without the guard: the tests above show nothing"
for _ in 1 2 3 4 5; do
	"$contend" clean --dir "$runs"
	[ -n "$(ours)" ] || break
	sleep 2
done
gone "after contend clean" 1
say "contend clean removes what is left without a guard"
