#!/usr/bin/env bash
# Build Prism, Beam's own streaming runner, at the version of Beam that pyproject.toml pins, into
# repscore's cache, where `repscore watch` and `--runner prism` find it.
#
# Needs the virtual environment of `make setup`.
#
# The build changes two things in Beam's sources:
# - The job service listens on 127.0.0.1 only. As released it listens on every interface, and it runs
#   whatever job it is given.
# - A lock guards the final counters of a bundle. As released, two bundles that end at the same time
#   can overwrite each other's counters.
set -euo pipefail
name=prism
. "$(dirname "$0")/go.sh"

version="v$(sed -n 's/.*"apache-beam==\([0-9.]*\)".*/\1/p' pyproject.toml)"
begin "prism-$version-r2"
module=github.com/apache/beam/sdks/v2
sources "$module" "$module/go/cmd/prism" "$version"
go mod edit -replace "$module=./source"

server=source/go/pkg/beam/runners/prism/internal/jobservices/server.go
stage=source/go/pkg/beam/runners/prism/internal/stage.go
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

go build -o prism "$module/go/cmd/prism"
finish prism
