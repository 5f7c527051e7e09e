#!/usr/bin/env bash
# Build Prism, Beam's own streaming runner, at the version of Beam that is pinned in pyproject.toml,
# into repscore's cache, where `repscore watch` and `--runner prism` find it. Needs Go.
#
# Two things differ from Beam's own build. The job service listens on 127.0.0.1 alone: as released it
# listens on every interface and runs whatever job it is handed. And the counters of a bundle are
# taken in one at a time: as released, those of a bundle that ends while the name of one of them is
# being asked for replace those of the bundle before it.
set -euo pipefail
cd "$(dirname "$0")/.."
version="v$(sed -n 's/.*"apache-beam==\([0-9.]*\)".*/\1/p' pyproject.toml)"
cache="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}"
target="$cache/bin/prism-$version-r2"
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
internal=beam/go/pkg/beam/runners/prism/internal
sed -i 's|net.Listen("tcp", fmt.Sprintf(":%d", port))|net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))|' \
    "$internal/jobservices/server.go"
sed -i '/j.ContributeFinalMetrics(resp)/,/^\t}$/{
    s|^\tunknownIDs :=|\tcounting.Lock()\n&|
    s|^\t}$|&\n\tcounting.Unlock()|
}' "$internal/stage.go"
sed -i 's|^import ($|&\n\t"sync"|' "$internal/stage.go"
echo 'var counting sync.Mutex' >> "$internal/stage.go"
if ! grep -q '"127.0.0.1:%d"' "$internal/jobservices/server.go" ||
    [ "$(grep -c 'counting.*ock()' "$internal/stage.go")" != 2 ]; then
    echo "make prism: Beam $version is written otherwise than expected: adapt infra/prism.sh" >&2
    exit 1
fi
go mod edit -replace github.com/apache/beam/sdks/v2=./beam
go build -o prism github.com/apache/beam/sdks/v2/go/cmd/prism
mkdir -p "$cache/bin"
mv prism "$target"
echo "$target"
