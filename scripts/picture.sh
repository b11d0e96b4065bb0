#!/bin/sh
# picture.sh PAGE ANCHOR PICTURE: what a browser shows of a report, from the
# place that ANCHOR names on. Without Chromium the picture stays as it is.
set -eu
command -v chromium >/dev/null 2>&1 || { echo "not drawn again: $3, because there is no chromium" >&2; exit 0; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A screenshot is of the top of a page, so the report stands in a frame that has
# gone to the place.
cat >"$scratch/frame.html" <<END
<!doctype html><style>html, body { margin: 0 } iframe { border: 0; width: 960px; height: 950px }</style>
<iframe src="file://$1#$2"></iframe>
END
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$scratch/profile" \
	--force-prefers-reduced-motion --allow-file-access-from-files --virtual-time-budget=4000 \
	--window-size=960,950 --screenshot="$3" "file://$scratch/frame.html" >/dev/null 2>&1
