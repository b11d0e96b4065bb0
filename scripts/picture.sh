#!/bin/sh
# picture.sh PAGE PICTURE: what a browser shows of a report, from the load
# experiment on. Without Chromium the picture stays as it is.
set -eu
command -v chromium >/dev/null 2>&1 || { echo "not drawn again: $2, because there is no chromium" >&2; exit 0; }
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$profile" \
	--window-size=1200,1500 --screenshot="$2" "file://$1" >/dev/null 2>&1
