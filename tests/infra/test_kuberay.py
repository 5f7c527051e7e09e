"""The objects of the overlays: commands that repscore takes, workers that fit, nothing secret."""

import shlex
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from infra_copies import broken
from infra_image import ROOT

from infra import check
from repscore.pipelines.cli import score
from repscore.pipelines.flags import options_of
from repscore.pipelines.options import ScoreOptions

OVERLAYS = ROOT / "infra" / "kuberay" / "overlays"
SPOT = "cloud.google.com/gke-spot"


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def objects(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What an overlay makes, by kind."""
    if not check.installed("kustomize"):
        pytest.skip("kustomize not installed: run `make infra`")
    program = check.tool_folder("kustomize") / "bin" / "kustomize"
    built = subprocess.run(
        [str(program), "build", str(OVERLAYS / request.param)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = list(yaml.safe_load_all(built.stdout))
    kinds = {each["kind"]: each for each in found}
    assert len(kinds) == len(found)
    return kinds


def _pods(node: Any) -> Iterator[dict[str, Any]]:
    """Everything below that has containers."""
    if isinstance(node, dict):
        if "containers" in node:
            yield node
        for each in node.values():
            yield from _pods(each)
    elif isinstance(node, list):
        for each in node:
            yield from _pods(each)


def _options(objects: dict[str, Any], command: list[str], tmp_path: Path) -> ScoreOptions:
    """What `repscore score` makes of a command, whose settings are those of the ConfigMap."""
    file = tmp_path / "score.toml"
    file.write_text(objects["ConfigMap"]["data"]["score.toml"])
    program, name, *words = [
        file if word == "/etc/repscore/score.toml" else word for word in command
    ]
    assert (program, name) == ("repscore", "score")
    return options_of(score.make_context("score", [str(word) for word in words]).params)


def test_the_commands_are_understood(objects: dict[str, Any], tmp_path: Path) -> None:
    night = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    commands = [shlex.split(objects["RayJob"]["spec"]["entrypoint"]), night["args"]]
    run, nightly = [_options(objects, command, tmp_path) for command in commands]

    assert run == nightly
    assert run.inputs == (objects["ConfigMap"]["data"]["inputs"],)
    assert run.pool.ray_address == "auto"
    assert run.output.startswith("gs://")
    cluster = objects["RayCluster"]["metadata"]["name"]
    assert f"http://{cluster}-head-svc:8265" in night["command"]


def test_the_workers_fit_into_the_pool(objects: dict[str, Any], tmp_path: Path) -> None:
    options = _options(objects, shlex.split(objects["RayJob"]["spec"]["entrypoint"]), tmp_path)
    (group,) = objects["RayCluster"]["spec"]["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    gpus = int(worker["resources"]["limits"].get("nvidia.com/gpu", 0))
    cpus = float(group["rayStartParams"]["num-cpus"])

    assert cpus == float(worker["resources"]["requests"]["cpu"])
    assert options.pool.actors * (options.pool.cpus or 1) <= group["maxReplicas"] * cpus
    assert (options.poses.device == "cuda") == (gpus > 0)
    if gpus:
        assert options.pool.actors <= group["maxReplicas"] * gpus
    else:
        assert options.poses.precision == "f32"


def test_workers_are_on_spot_nodes_and_the_head_is_not(objects: dict[str, Any]) -> None:
    spec = objects["RayCluster"]["spec"]
    (group,) = spec["workerGroupSpecs"]
    worker, head = group["template"]["spec"], spec["headGroupSpec"]["template"]["spec"]
    tolerated = {each["key"] for each in worker["tolerations"]}

    assert worker["nodeSelector"][SPOT] == "true"
    assert SPOT in tolerated
    assert ("nvidia.com/gpu" in tolerated) == (
        "cloud.google.com/gke-accelerator" in worker["nodeSelector"]
    )
    required = head["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = required["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": SPOT, "operator": "DoesNotExist"}]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_the_run_has_the_cluster_of_the_team_and_ends_it(objects: dict[str, Any]) -> None:
    run = objects["RayJob"]["spec"]

    assert run["rayClusterSpec"] == objects["RayCluster"]["spec"]
    assert run["rayClusterSpec"]["rayVersion"] == version("ray")
    assert run["shutdownAfterJobFinishes"] is True
    assert run["ttlSecondsAfterFinished"] > 0


def test_every_pod_has_limits_an_account_a_user_and_no_key(objects: dict[str, Any]) -> None:
    pods = [pod for each in objects.values() for pod in _pods(each)]
    account = objects["ServiceAccount"]["metadata"]

    assert len(pods) == 6  # head and workers, twice; submitters of the run and of the nights
    assert "iam.gke.io/gcp-service-account" in account["annotations"]
    assert "Secret" not in objects
    for pod in pods:
        assert pod["serviceAccountName"] == account["name"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert {"requests", "limits"} <= container["resources"].keys()
            assert container["image"].rpartition(":")[2] not in ("latest", container["image"])
            assert "env" not in container
        if pod["containers"][0]["name"] in ("ray-head", "ray-worker"):
            assert {"readinessProbe", "livenessProbe"} <= pod["containers"][0].keys()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("base/rayjob.yaml", "shutdownAfterJobFinishes", "shutdownAfterRun", "shutdownAfterRun"),
        ("base/raycluster.yaml", "maxReplicas: 4", "maxReplica: 4", "maxReplica"),
        ("base/raycluster.yaml", "timeoutSeconds: 6", "timeout: 6", "readinessProbe"),
        ("base/cronjob.yaml", "concurrencyPolicy", "concurrency", "concurrency"),
        ("base/serviceaccount.yaml", "annotations", "annotation", "annotation"),
        ("base/namespace.yaml", "kind: Namespace", "kind: Namespaces", "could not find schema"),
        ("gpu/kustomization.yaml", "op: add", "op: put", "Unexpected kind: put"),
        ("job/kustomization.yaml", "fieldPath: data.inputs", "fieldPath: data.input", "data.input"),
        ("overlays/cpu/kustomization.yaml", "newTag", "tag", "unknown field"),
        ("overlays/cpu/kustomization.yaml", "score.toml", "scores.toml", "scores.toml"),
    ],
)
def test_a_wrong_field_is_found(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    assert message in broken(tmp_path, f"kuberay/{file}", old, new, checker="kubeconform")
