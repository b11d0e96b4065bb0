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

# ours: what Docker holds of compose projects that a run has made, a line each,
# but for what was there before: a machine that was switched off during a run keeps it.
: >"$runs/before"
ours() {
	{
		docker ps -a --format '{{.Label "com.docker.compose.project"}} container {{.Names}}'
		docker volume ls --format '{{.Label "com.docker.compose.project"}} volume {{.Name}}'
		docker network ls --format '{{.Label "com.docker.compose.project"}} network {{.Name}}'
		docker images --format 'contend- image {{.Repository}}:{{.Tag}}' contend-run
	} | grep -E '^contend-([0-9]+-[0-9a-f]{6})? ' | # not what compose-test.sh has meanwhile
		grep -vxF -f "$runs/before" || true
}
gone() { # gone WHEN SECONDS: within so many seconds nothing of ours is left
	for _ in $(seq "$2"); do
		[ -n "$(ours | grep -v image)" ] || return 0
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
[ -z "$(ours)" ] || fail "an image is left after a run: $(ours)"

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

# started: waits until the run whose output is in FILE has nodes in containers.
started() {
	for _ in $(seq 60); do
		[ -z "$(ours | grep container)" ] || return 0
		sleep 0.5
	done
	fail "no container was started"
}
for signal in INT KILL; do
	# A shell has its background jobs ignore SIGINT, which they would inherit.
	env --default-signal=INT "$contend" run cascade --on compose --alone --dir "$runs" -q >/dev/null 2>&1 &
	pid=$!
	started
	sleep 2
	kill -"$signal" "$pid"
	code=0
	wait "$pid" || code=$?
	case $signal in
	INT) [ "$code" = 130 ] || fail "Ctrl-C ended it with $code, not 130" ;;
	esac
	gone "after SIG$signal" 90
	say "nothing is left after SIG$signal"
done
for tag in $(ours | sed -n 's/.* image //p'); do
	# kill -9 leaves the image, for the next run to use. One that is gone by now is as good.
	docker image rm "$tag" >/dev/null 2>&1 || ! docker image inspect "$tag" >/dev/null 2>&1
done
