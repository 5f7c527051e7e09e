#!/usr/bin/env bash
# Build fake-gcs-server, the emulator of Google Cloud Storage that the tests of gs:// start, into
# repscore's cache. The emulator of S3 is the package moto; `make setup` installs it.
#
# fake_gcs.patch adds what delta-rs asks of the store and the release does not have: to put an object
# by the XML API, only where no other has its name, and to list what comes after a name.
#
# Needs the virtual environment of `make setup`.
set -euo pipefail
name=emulators
. "$(dirname "$0")/go.sh"

version="$(sed -n 's/^FAKE_GCS_VERSION = "\(.*\)"$/\1/p' tests/emulators.py)"
release="${version%-*}"
patch="$PWD/infra/fake_gcs.patch"
begin "fake-gcs-server-$version"
sources github.com/fsouza/fake-gcs-server github.com/fsouza/fake-gcs-server "$release"
cd source
git apply "$patch" || fail "fake-gcs-server $release differs from what infra/fake_gcs.patch expects"
go build -o fake-gcs-server .
finish fake-gcs-server
