#!/usr/bin/env bash
# Build Prism, Beam's own streaming runner, at the version of Beam that is pinned in pyproject.toml,
# into repscore's cache, where `repscore watch` and `--runner prism` find it. Needs Go.
#
# One line differs from Beam's own build: the job service listens on 127.0.0.1 alone. As released it
# listens on every interface and runs whatever job it is handed.
set -euo pipefail
cd "$(dirname "$0")/.."
version="v$(sed -n 's/.*"apache-beam==\([0-9.]*\)".*/\1/p' pyproject.toml)"
cache="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}"
target="$cache/bin/prism-$version"
if [ -x "$target" ]; then
    echo "$target is there already"
    exit 0
fi
command -v go > /dev/null || { echo "make prism: needs Go (https://go.dev/doc/install)" >&2; exit 2; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
go mod init prism.local/build 2> /dev/null
go get "github.com/apache/beam/sdks/v2/go/cmd/prism@$version" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
cp -r "$(go list -m -f '{{.Dir}}' github.com/apache/beam/sdks/v2)" beam
chmod -R u+w beam
server=beam/go/pkg/beam/runners/prism/internal/jobservices/server.go
sed -i 's|net.Listen("tcp", fmt.Sprintf(":%d", port))|net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))|' "$server"
if ! grep -q '"127.0.0.1:%d"' "$server"; then
    echo "make prism: Beam $version listens elsewhere than expected: adapt infra/prism.sh" >&2
    exit 1
fi
go mod edit -replace github.com/apache/beam/sdks/v2=./beam
go build -o prism github.com/apache/beam/sdks/v2/go/cmd/prism
mkdir -p "$cache/bin"
mv prism "$target"
echo "$target"
