"""Write the JSON schemas that kubeconform reads: KubeRay's, and those of Kubernetes that are used.

    python schemas.py FOLDER

KubeRay's are made of the definitions of its resources in its Go module; those of Kubernetes lie in
the package kubernetes-validate. A field that is not in a schema is an error.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml

KUBERAY: Final = "github.com/ray-project/kuberay/ray-operator@v1.5.0"
KUBERNETES: Final = "v1.34.0"
"""The version that this KubeRay is built with (`k8s.io/api` in its go.mod)."""

_OF_KUBERNETES: Final = ("configmap-v1", "cronjob-batch-v1", "namespace-v1", "serviceaccount-v1")


def main(folder: Path) -> None:
    """One file per kind and version, `rayjob_v1.json`."""
    place = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    place = place / f"{KUBERNETES}-local-strict"
    definitions = json.loads((place / "_definitions.json").read_text("utf-8"))["$defs"]
    for name in _OF_KUBERNETES:
        schema = json.loads((place / f"{name}.json").read_text("utf-8"))
        kind, *_, version = name.split("-")
        _write(folder, kind, version, schema, definitions)
    for definition in sorted(_kuberay().glob("*.yaml")):
        resource = yaml.load(definition.read_text("utf-8"), yaml.CSafeLoader)["spec"]
        for version in resource["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {
                "$ref": "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
            }
            _write(folder, resource["names"]["singular"], version["name"], schema, definitions)


def _kuberay() -> Path:
    command = ["go", "mod", "download", "-json", KUBERAY]
    found = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Path(json.loads(found.stdout)["Dir"], "config", "crd", "bases")


def _strict(schema: Any) -> Any:
    """The same schema, in which objects with named fields have no others."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(each) for name, each in schema.items()}
    named = isinstance(strict.get("properties"), dict) and strict.get("type") == "object"
    if named and "x-kubernetes-preserve-unknown-fields" not in strict:
        strict.setdefault("additionalProperties", False)
    return strict


def _write(folder: Path, kind: str, version: str, schema: Any, definitions: Any) -> None:
    text = json.dumps({**schema, "$defs": definitions})
    path = folder / f"{kind}_{version}.json"
    path.write_text(text.replace("/api/_definitions.json#/", "#/"), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
