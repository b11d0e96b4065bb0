#!/bin/sh
# need.sh COMMAND:PACKAGES…: make sure that each command is there, with Debian's
# packages where we may install them. What stays missing is named; it is an
# error only in CI, where nothing may be skipped.
set -u
missing=""
for pair; do
	command -v "${pair%%:*}" >/dev/null 2>&1 || PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "installing:$missing"
	# Word splitting is wanted: a package each.
	# shellcheck disable=SC2086
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null && exit 0
fi
echo "not checked here, because these are not installed:$missing" >&2
echo "hint: sudo apt-get install$missing" >&2
[ "${CI:-}" != true ]
