#!/bin/sh
# attack.sh BINARY [SEED]: attack the binary for minutes, and put the table of what was tried
# and what failed between <!-- attack --> and <!-- end --> of docs/reliability.md, also
# where something failed.
set -eu
binary=$(realpath "$1") seed=${2:-1}
table=$(mktemp)
trap 'rm -f "$table" "$table.md"' EXIT
code=0
CONTEND_BIN=$binary go test -vet=off -count=1 -timeout 20m ./attack -attack.long -attack.seed "$seed" -attack.table "$table" || code=$?
[ -s "$table" ] || exit "$code"
awk -v table="$table" '
	/^<!-- end -->$/ { skip = 0 }
	!skip { print }
	/^<!-- attack -->$/ {
		while ((getline line < table) > 0) print line
		skip = 1
	}' docs/reliability.md >"$table.md"
cat "$table.md" >docs/reliability.md
exit "$code"
