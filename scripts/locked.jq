# locked.jq: what docs/database-is-locked.md shows of a run of the whole lab (run.json). A line for each arm, so that a
# change is a line; docs/locked.json has them, and `go test ./internal/report -run Locked -update` puts them into the pages.
.seed as $seed | .started as $started
| [ .experiments[] | select(.name | IN("busy", "lock-wait", "journal", "lessons", "checkpoint", "retry")) | .name as $experiment | .arms[]
	| { experiment: $experiment, arm: .name }
		+ (if .ops.total > 0 then { requests: .ops.total, ok: .ops.ok, refused: .ops.failed, unknown: .ops.unknown, lost: .lost,
			p50_ms: .latency_ms.p50, max_ms: .latency_ms.max } else {} end)
		+ ([ .trials[].steps[]? | select(.do == "wal-size") | .got // 0 ] | if length > 0 then { wal_bytes: max } else {} end)
	| select(length > 2) ]
| "{\"seed\": \($seed), \"started\": \"\($started)\", \"arms\": [\n" + (map(tojson) | join(",\n")) + "\n]}"
