#!/usr/bin/env bash
# A night of repscore on one machine, for cron and systemd (docs/operations.md).
#
# usage: night.sh SETTINGS    a file like nightly.env
#
# Ends with 0, or with 3 where more inputs failed than MAX_FAILURE_RATE allows (the others are in the
# dataset), or 75 where the night before still runs. Every other status is an error.
set -euo pipefail
# shellcheck source=nightly.env
. "$1"
mkdir -p "$STATE"
exec 9> "$STATE/night.lock"
flock --nonblock 9 || { echo "night.sh: the night before still runs" >&2; exit 75; }

status=0
repscore score "$ARCHIVE" --output "$DATASET" --max-failure-rate "$MAX_FAILURE_RATE" --quiet || status=$?
case "$status" in
    0) ;;
    3) echo "night.sh: more than $MAX_FAILURE_RATE of the inputs failed: see the table failures" >&2 ;;
    *) exit "$status" ;;
esac
repscore diff "$DATASET"
repscore maintain "$DATASET"
exit "$status"
