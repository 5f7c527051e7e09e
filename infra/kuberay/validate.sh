#!/usr/bin/env bash
# Build an overlay and hold each object to the schema of its kind.
#
#     bash validate.sh overlays/cpu/kustomization.yaml
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
digest="$(sha256sum schemas.py | cut -c 1-12)"
schemas="${REPSCORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/repscore}/infra/kuberay-schemas-$digest"
if [ ! -d "$schemas" ]; then
    mkdir "$work/schemas"
    python schemas.py "$work/schemas"
    mv -T "$work/schemas" "$schemas" || [ -d "$schemas" ] # another check may have been faster
fi
kustomize build "$(dirname "$1")" > "$work/all.yaml"
kubeconform -strict -summary \
    -schema-location "$schemas/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" "$work/all.yaml"
