#!/bin/sh
# compose-test.sh [--keep-image]: start deploy/compose.yaml as a user does, built
# with the real Dockerfile, and take the lab's own steps against it with curl.
# Afterwards nothing of it is left. --keep-image leaves the image as contend:test.
set -eu
cd "$(dirname "$0")/.."

keep=false
case "${1:-}" in
--keep-image) keep=true ;;
'') ;;
*)
	echo "usage: compose-test.sh [--keep-image]" >&2
	exit 2
	;;
esac

# A machine without Docker cannot check this; only in CI nothing may be skipped.
if ! docker version >/dev/null 2>&1; then
	echo "compose: not checked here, because there is no Docker daemon that answers" >&2
	[ "${CI:-}" != true ]
	exit
fi
if docker compose version >/dev/null 2>&1; then
	tool="docker compose" force_rm=
elif command -v docker-compose >/dev/null; then
	tool=docker-compose force_rm=--force-rm # or a build that fails leaves a container
else
	echo "compose: not checked here, because there is neither docker compose nor docker-compose" >&2
	[ "${CI:-}" != true ]
	exit
fi

project=contend-test-$$
image=contend:test-$$
tmp=$(mktemp -d)
started=$(date +%s)
export CONTEND_IMAGE="$image"
export CONTEND_PORT=0                               # a free one
export CONTEND_SUBNET="198.19.$((1 + $$ % 250))." # not that of a stack started by hand

# compose ARGUMENT…: on the committed file, under a project of our own.
compose() { $tool -p "$project" -f deploy/compose.yaml "$@"; }

# quietly COMMAND…: its output is shown only where it fails.
quietly() { "$@" >"$tmp/output" 2>&1 || { status=$? && cat "$tmp/output" >&2 && return $status; }; }

step() { echo "compose: $1 ($(($(date +%s) - started)) s)"; }

die() {
	echo "compose: $1" >&2
	compose ps >&2 || true
	compose logs --tail 20 >&2 || true
	exit 1
}

# clean takes everything down, whatever happened, and says so where something stays.
clean() {
	status=$?
	trap - EXIT INT TERM
	quietly compose down -v --remove-orphans || status=1
	left=$(
		docker ps -aq --filter "label=com.docker.compose.project=$project"
		docker volume ls -q --filter "name=$project"
		docker network ls -q --filter "name=$project"
	)
	[ -z "$left" ] || {
		echo "compose: left behind: $left" >&2
		status=1
	}
	# Without their parents, which the older builder keeps to build faster the next time; a day is enough.
	docker image rm --no-prune "$image" >/dev/null 2>&1 || true
	docker image prune -f --filter label=contend.stage=build --filter until=24h >/dev/null 2>&1 || true
	rm -rf "$tmp"
	[ "$status" != 0 ] || step "nothing is left of it"
	exit "$status"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# up PRESET: a new stack, healthy.
up() {
	export CONTEND_PRESET="$1"
	quietly compose up -d --no-build || die "up failed"
	for service in nginx app-1 app-2 app-3 app-4; do healthy "$service"; done
	url=http://$(compose port nginx 8080)
}

# healthy SERVICE: wait until Docker's own health check says so.
healthy() {
	id=$(compose ps -a -q "$1")
	for _ in $(seq 240); do
		state=$(docker inspect -f '{{.State.Status}} {{.State.Health.Status}}' "$id")
		case $state in
		"running healthy") return ;;
		"running "*) sleep 0.25 ;;
		*) die "$1 is not running: $state" ;;
		esac
	done
	die "$1 is not healthy after a minute: $state"
}

# increments: the lab's burst, 25 increments of each node at once; a line for
# each in $tmp/answers: the node asked, the status, the answer.
increments() {
	for i in $(seq 100); do
		node=app-$((i % 4 + 1))
		printf 'max-time = 60\nurl = "%s/%s/api/increment"\ndata = "{\\"key\\":\\"counter\\"}"\noutput = "%s/%s.json"\nwrite-out = "%s %s %%{http_code}\\n"\n' \
			"$url" "$node" "$tmp" "$i" "$i" "$node"
		[ "$i" = 100 ] || echo next
	done >"$tmp/burst"
	curl -s --no-progress-meter --parallel --parallel-immediate --parallel-max 100 -K "$tmp/burst" >"$tmp/asked" || true
	while read -r i node code; do
		echo "$node $code $(cat "$tmp/$i.json")"
	done <"$tmp/asked" >"$tmp/answers"
	[ "$(wc -l <"$tmp/answers")" = 100 ] || die "there are $(wc -l <"$tmp/answers") answers to 100 increments"
}

# same WHAT GOT WANT
same() { [ "$2" = "$3" ] || die "$1: $2, want $3"; }

sh scripts/base-images.sh
# shellcheck disable=SC2086
quietly compose build $force_rm app-1 || die "the image cannot be built"
! $keep || docker tag "$image" contend:test
step "the image is built"

size=$(docker image inspect -f '{{.Size}}' "$image")
[ "$size" -lt 20000000 ] || die "the image has $size bytes, want fewer than 20000000"
same "user" "$(docker image inspect -f '{{.Config.User}}' "$image")" 10001:10001
for shell in /bin/sh /bin/bash /bin/busybox; do
	! docker run --rm --network none --entrypoint "$shell" "$image" -c true >/dev/null 2>&1 || die "the image has $shell"
done
step "the image has $((size / 1000)) kB, no shell, and no root"
code=0
docker run --rm --network none "$image" run --quick >"$tmp/answers" 2>&1 || code=$?
same "contend run in the image: exit code" "$code" 4
grep -q '^hint: use a contend on the host' "$tmp/answers" || die "contend run in the image says $(cat "$tmp/answers")"

up green
step "green: five containers are healthy"
increments
same "green: increments refused" "$(awk '$2 != 200' "$tmp/answers" | wc -l)" 0
wrong=$(awk '{ if (index($0, "\"container\":\"" $1 "\"") == 0) print }' "$tmp/answers")
same "green: answers of another node than asked" "$wrong" ""
same "green: counter" "$(curl -s "$url/api/counter?key=counter" | jq .value)" 100
for i in 1 2 3 4; do
	same "app-$i: health" "$(curl -s "$url/app-$i/health" | jq -r '.status+" "+.container+" "+.dbPath')" "healthy app-$i /data/shared.db"
	same "app-$i: counters" "$(curl -s "$url/app-$i/metrics" | jq .database.total_counters)" 1
done
turns=$(for _ in 1 2 3 4 5 6 7 8; do curl -s "$url/health" | jq -r .container; done | sort | uniq -c | awk '{printf "%s×%s ", $1, $2}')
same "nodes in turn" "$turns" "2×app-1 2×app-2 2×app-3 2×app-4 "
step "green: 100 of 100 increments, each from the node asked, the counter reads 100; health and metrics of each"

same "no such path" "$(curl -s "$url/nothing" | jq -r .code)" NOT_FOUND
same "a page whose name resolves to this machine" "$(curl -s -H 'Host: evil.example' "$url/api/counter?key=counter" | jq -r .code)" MISDIRECTED
same "a service's own name" "$(curl -s -H 'Host: app-1' "$url/app-1/health" | jq -r .status)" healthy
same "too large" "$(head -c 2000000 /dev/zero | curl -s --data-binary @- "$url/api/write" | jq -r .code)" BODY_TOO_LARGE
# A container that has ended takes its address along: nothing refuses a connection there, so that
# it is 504 after proxy_connect_timeout, and 502 where the kernel has found out before.
for how in stop kill; do
	quietly compose "$how" app-2
	answer=$(curl -s -w ' %{http_code}' -d '{"key":"counter"}' "$url/app-2/api/increment")
	case $answer in
	*'"code":"NODE_LOST"'*502 | *'"code":"NODE_TIMEOUT"'*504) ;;
	*) die "app-2 after $how: $answer, want NODE_LOST or NODE_TIMEOUT in JSON" ;;
	esac
	for i in $(seq 12); do
		code=$(curl -s -o "$tmp/body" -w '%{http_code}' -d '{"key":"others"}' "$url/api/increment")
		same "increment $i of the others after $how of app-2" "$code" 200
	done
	quietly compose start app-2
	healthy app-2
	same "app-2 again after $how" "$(curl -s "$url/app-2/api/counter?key=counter" | jq .value)" 100
done
step "green: a node that is stopped or killed is 502 or 504 in the API's words, the others go on, and it comes back"
quietly compose down -v

up red
increments
busy=$(grep -c '"code":"SQLITE_BUSY"' "$tmp/answers" || true)
ok=$(awk '$2 == 200' "$tmp/answers" | wc -l)
[ "$busy" -gt 30 ] || die "red: $busy of 100 increments were refused with SQLITE_BUSY, want more than 30"
[ "$ok" -lt 70 ] || die "red: $ok of 100 increments succeeded, want fewer than 70"
same "red: neither done nor refused" "$((100 - busy - ok))" 0
logged=$(compose logs | grep -c SQLITE_BUSY || true)
[ "$logged" -gt 0 ] || die "red: no SQLITE_BUSY in the logs"
# The lab's loop, with the word for a refusal and with its own.
warned=0 errors=0
for i in 1 2 3 4; do
	warned=$((warned + $(compose logs "app-$i" | grep -c WARN || true)))
	errors=$((errors + $(compose logs "app-$i" | grep -c ERROR || true)))
done
[ "$warned" -ge "$busy" ] || die "red: $warned lines of the logs are WARN, want one for each of $busy refusals"
same "red: lines of the logs with ERROR" "$errors" 0
step "red: $busy of 100 increments refused with SQLITE_BUSY, $logged lines of the logs say so, $warned of them by container"
