#!/usr/bin/env bash
# What the tests of the report need besides `make setup`: Debian's Chromium, and axe-core, which looks
# for faults of accessibility, in repscore's cache. Without them these tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

version="$(sed -n 's/^AXE_VERSION = "\(.*\)"$/\1/p' tests/browsers.py)"
sha256="$(sed -n 's/^AXE_SHA256 = "\(.*\)"$/\1/p' tests/browsers.py)"
target="$(.venv/bin/python -c 'from repscore.models.weights import cache_dir; print(cache_dir())')/bin/axe-core-$version.min.js"

if ! command -v chromium >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "browser: no chromium; install it (Debian: apt-get install chromium)" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
fi

if [ ! -f "$target" ]; then
    folder="$(mktemp -d)"
    trap 'rm -rf "$folder"' EXIT
    (cd "$folder" && npm pack --silent "axe-core@$version")
    archive="$folder/axe-core-$version.tgz"
    echo "$sha256  $archive" | sha256sum --check --quiet
    tar -xzf "$archive" -C "$folder" package/axe.min.js
    mkdir -p "$(dirname "$target")"
    mv "$folder/package/axe.min.js" "$target"
fi
