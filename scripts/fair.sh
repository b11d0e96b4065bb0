#!/bin/sh
# fair.sh CONTEND: is what the ladder says of PostgreSQL what PostgreSQL does? pgbench and
# the rung one UPDATE take turns on one server, with the same statement, one connection a
# client for pgbench and the rung's best pool. Prints medians of ROUNDS rounds (5) and fails
# where the rung does less than 0.7 of pgbench with 10 or 100 clients. With one client, it
# says what the way through the balancer and a node takes without a database.
set -eu
contend=$(readlink -f "$1")
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-2}
least=0.7
die() { echo "fair: $1" >&2; exit 1; }
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb)") || die "no initdb: apt-get install postgresql"
for tool in jq pgbench psql; do command -v $tool >/dev/null || die "no $tool: apt-get install jq postgresql"; done

dir=$(mktemp -d)
chmod 755 "$dir"
as=""
if [ "$(id -u)" = 0 ]; then # PostgreSQL does not run as root
	as="setpriv --reuid postgres --regid postgres --clear-groups --"
	mkdir "$dir/pg" && chown postgres "$dir/pg"
fi
up=""
trap '[ -z "$up" ] || kill "$up" 2>/dev/null || :; $as "$bin/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || :; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
port=$(($$ % 20000 + 20000))
# As the ladder's own server is set.
mkdir -p "$dir/pg"
(cd "$dir/pg" && LC_ALL=C $as "$bin/initdb" -D "$dir/pg/data" -U contend -A trust -E UTF8 --locale=C >/dev/null &&
	$as "$bin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -w -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c max_connections=300 -c dynamic_shared_memory_type=mmap" start >/dev/null) || die "PostgreSQL does not start: $(tail -2 "$dir/pg/log" 2>/dev/null)"
url="postgres://contend@127.0.0.1:$port/postgres?sslmode=disable"
psql -q "$url" -c 'CREATE TABLE counters (key TEXT PRIMARY KEY, value BIGINT DEFAULT 0)'
upsert="ON CONFLICT (key) DO UPDATE SET value = counters.value + excluded.value RETURNING value;"
echo "INSERT INTO counters (key, value) VALUES ('counter', 1) $upsert" >"$dir/counter.sql"
printf '%s\n' '\set k random(1, 1000)' "INSERT INTO counters (key, value) VALUES ('counter-' || :k::int, 1) $upsert" >"$dir/counters.sql"

# rung WORKLOAD CLIENTS [FLAG…]: figures of the rung as JSON.
rung() {
	workload=$1 clients=$2
	shift 2
	"$contend" compare --postgres "$url" --rung given/update --workload "$workload" --clients "$clients" --for "${seconds}s" \
		--repeats 1 --steps 0 --rate 0 --dir "$dir/runs" -q --json "$@" >"$dir/rung.json" || die "the rung had a surprise"
	rm -rf "$dir/runs"
	jq -c '.comparison.rungs[0].figures[0]' "$dir/rung.json"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

for workload in counter counters; do
	for clients in 1 10 100; do
		rung $workload $clients | jq .pool >"$dir/pool.$workload.$clients" # searched for
	done
done
for round in $(seq "$rounds"); do
	for workload in counter counters; do
		for clients in 1 10 100; do
			# Its time begins before it connects, which 100 clients take a while for.
			pgbench -n -M prepared -c $clients -j 2 -T $((seconds + 2)) -f "$dir/$workload.sql" "$url" >"$dir/said" 2>&1 || die "pgbench: $(tail -3 "$dir/said")"
			bench=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$dir/said")
			[ -n "$bench" ] || die "pgbench did nothing: $(tail -3 "$dir/said")"
			ours=$(rung $workload $clients --pool "$(cat "$dir/pool.$workload.$clients")" | jq .throughput_per_s)
			echo "$bench $ours" >>"$dir/$workload.$clients"
		done
	done
	echo "fair: round $round of $rounds" >&2
done

printf '%-10s %7s %5s %10s %10s %6s\n' workload clients pool pgbench/s rung/s ratio
failed=0
for workload in counter counters; do
	for clients in 1 10 100; do
		file=$dir/$workload.$clients
		ratio=$(awk '{ print $2 / $1 }' "$file" | median)
		printf '%-10s %7d %5d %10.0f %10.0f %6.2f\n' $workload $clients "$(cat "$dir/pool.$workload.$clients")" \
			"$(cut -d' ' -f1 "$file" | median)" "$(cut -d' ' -f2 "$file" | median)" "$ratio"
		[ $clients = 1 ] || awk "BEGIN { exit !($ratio < $least) }" || continue
		[ $clients = 1 ] || failed=1
	done
done

# One client waits for every step of the way in turn.
if command -v wrk >/dev/null; then
	"$contend" up --dir "$dir/runs" --listen 127.0.0.1:0 >"$dir/up" 2>&1 &
	up=$!
	way=""
	for _ in $(seq 100); do
		way=$(grep -o 'http://[0-9.:]*' "$dir/up" | head -1)
		[ -n "$way" ] && break
		sleep 0.1
	done
	each() { wrk -t1 -c1 -d2s "$1" | awk '/requests in/ { n = $1 } END { if (n) print 2e6 / n }'; }
	awk -v pg="$(cut -d' ' -f1 "$dir/counter.1" | median)" -v ours="$(cut -d' ' -f2 "$dir/counter.1" | median)" -v way="$(each "$way/api/nothing")" 'BEGIN {
		printf "one client: %.0f µs an increment, pgbench %.0f; the way through the balancer and a node is %.0f of the %.0f between them\n", 1e6 / ours, 1e6 / pg, way, 1e6 / ours - 1e6 / pg }'
else
	echo "not measured here: what the way takes without a database, because there is no wrk" >&2
fi
[ $failed = 0 ] || die "with 10 or 100 clients the rung does less than $least of pgbench"
