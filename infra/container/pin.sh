#!/usr/bin/env bash
# Pin what the image has besides constraints.txt, after pyproject.toml or constraints.txt changed.
# Needs the virtual environment of `make setup`.
set -euo pipefail
cd "$(dirname "$0")/../.."
pins=infra/container/constraints.txt
{
    sed -n '/^#/p' "$pins"
    echo "ray[default]" |
        .venv/bin/uv pip compile --quiet --python .venv/bin/python --constraint constraints.txt \
            --extra s3 --extra dataflow --no-annotate --no-header pyproject.toml - |
        sort | comm -23 - <(sort constraints.txt)
} > "$pins.new"
mv "$pins.new" "$pins"
