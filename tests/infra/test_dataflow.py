"""The Flex Template: its parameters, its scripts, and the job that it makes."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import click
import keypoints
import numpy as np
import pytest
from emulators import Store
from infra_copies import broken
from infra_image import ROOT, Image

from infra.dataflow.launch import LEFT_OUT, main, words_of_score
from repscore.pipelines.cli import score
from repscore.pipelines.query import query

FOLDER = ROOT / "infra" / "dataflow"
SETTINGS = {
    "TEMPLATE": "gs://bucket/template.json",
    "IMAGE": "registry/repscore:1",
    "REGION": "europe-west4",
    "TEMP": "gs://bucket/temp",
    "SERVICE_ACCOUNT": "repscore@project.iam.gserviceaccount.com",
    "SUBNETWORK": "regions/europe-west4/subnetworks/workers",
}


def _raises(name: str) -> bytes:
    """Keypoints of a person who raises both arms every two seconds, for eight seconds."""
    places = np.stack([keypoints.blazepose(number / 10) for number in range(80)])
    file = io.BytesIO()
    np.savez(file, image_px=places, fps=10.0, size_px=[640, 480], name=name)
    return file.getvalue()


def _parameters() -> dict[str, Any]:
    return {
        each["name"]: each
        for each in json.loads((FOLDER / "metadata.json").read_text())["parameters"]
    }


def _called(tmp_path: Path, script: str, *words: str, **settings: str) -> list[list[str]]:
    """What a script calls, with programs that only write down their arguments."""
    log = tmp_path / "calls"
    for name in ("gcloud", "docker"):
        (tmp_path / name).write_text(f'#!/bin/bash\nprintf "%s\\n" {name} "$@" "" >> {log}\n')
        (tmp_path / name).chmod(0o755)
    subprocess.run(
        ["/bin/bash", str(FOLDER / script), *words],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **SETTINGS, **settings},
        check=True,
    )
    return [call.split("\n") for call in log.read_text().removesuffix("\n\n").split("\n\n")]


def _given(call: list[str]) -> dict[str, str]:
    values = call[call.index("--parameters") + 1]
    assert values.startswith("^~^")
    return dict(each.split("=", 1) for each in values.removeprefix("^~^").split("~"))


def test_each_option_of_score_is_a_parameter_or_left_out() -> None:
    flags = {option.opts[0] for option in score.params} - {"inputs", "--runner"}
    parameters = {f"--{name.replace('_', '-')}" for name in _parameters()}

    assert flags <= parameters | LEFT_OUT.keys()
    assert not parameters & LEFT_OUT.keys()
    assert {name for name, each in _parameters().items() if not each["isOptional"]} == {
        "inputs",
        "output",
    }


def test_an_option_that_is_left_out_is_refused_with_the_reason() -> None:
    with pytest.raises(click.UsageError, match=r"--vanished is no parameter .*: rows are dropped"):
        words_of_score(["--inputs=a", "--output=b", "--vanished=drop"])


def test_what_score_does_not_know_goes_to_beam() -> None:
    words = words_of_score(
        ["--inputs=a 'b c'", "--sample_fps=10", "--fps=", "--project=p", "--streaming"]
    )

    assert words[-8:] == [
        *("a", "b c", "--sample-fps", "10"),
        *("--beam-option", "project=p", "--beam-option", "streaming"),
    ]


def test_a_wrong_input_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                f"--inputs={tmp_path}/none",
                f"--output={tmp_path}/dataset",
                "--estimator=fakes:ArmRaiser",
            ]
        )

    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Error: input '{tmp_path}/none'")


def test_the_graph_runs_and_completes_its_run(tmp_path: Path) -> None:
    (tmp_path / "in 1").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in 1" / f"{name}.keypoints.npz").write_bytes(_raises(name))
    root = str(tmp_path / "out")
    words = [f"--inputs='{tmp_path}/in 1'", f"--output={root}", "--estimator=fakes:ArmRaiser"]

    for _ in range(2):
        main([*words, "--runner=in-process"])

    runs = query(root, "SELECT inputs, skipped, videos, finished_at FROM runs ORDER BY started_at")
    repetitions = query(root, "SELECT count(*) FROM repetitions")
    assert runs is not None
    assert repetitions is not None
    found = runs.fetchall()
    assert [row[:3] for row in found] == [(2, 0, 2), (2, 2, 0)]
    assert all(row[3] is not None for row in found)
    assert repetitions.fetchall() == [(8,)]


@pytest.fixture(scope="module")
def job(image: Image, gcs: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The job that the launcher gets from what run.sh gives it, with an emulator as its store."""
    bucket = gcs.new_bucket()
    gcs.put(f"{bucket}/videos/a.keypoints.npz", _raises("a"))
    words = (f"{bucket}/videos", f"{bucket}/dataset")
    call = _called(tmp_path_factory.mktemp("run"), "run.sh", *words, DEVICE="cuda")[0]
    arguments = [
        *(f"--{name}={value}" for name, value in _given(call).items()),
        # what the launcher adds by itself
        *("--runner=DataflowRunner", "--project=test", "--region=europe-west4", "--job_name=night"),
        *(f"--temp_location={bucket}/temp", f"--staging_location={bucket}/staging"),
        *(f"--template_location={bucket}/job.json", "--worker_machine_type=g2-standard-8"),
        "--no_auth",  # the emulator asks for none
    ]
    done = subprocess.run(
        [str(image.bin / "python"), str(FOLDER / "launch.py"), *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **gcs.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name = bucket.removeprefix("gs://")
    path = f"/storage/v1/b/{name}/o"
    found: dict[str, Any] = json.loads(gcs.request("GET", f"/download{path}/job.json?alt=media"))
    found["objects"] = [each["name"] for each in json.loads(gcs.request("GET", path))["items"]]
    found["runs"] = json.loads(gcs.request("GET", f"{path}?prefix=dataset/tables/runs/part"))[
        "items"
    ]
    return found


def test_the_job_has_accelerator_image_experiments_and_nothing_to_install(
    job: dict[str, Any],
) -> None:
    environment = job["environment"]
    options = environment["sdkPipelineOptions"]["options"]
    (pool,) = environment["workerPools"]

    assert job["type"] == "JOB_TYPE_BATCH"
    assert options["dataflow_service_options"] == [
        "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
    ]
    assert {each["containerImage"] for each in pool["sdkHarnessContainerImages"]} == {
        SETTINGS["IMAGE"]
    }
    assert "no_use_multiple_sdk_containers" in environment["experiments"]
    assert "use_multiple_sdk_containers" not in environment["experiments"]
    assert "use_runner_v2" in environment["experiments"]
    assert pool["machineType"] == "g2-standard-8"
    assert pool["diskSizeGb"] == 100
    assert pool.get("packages", []) == []
    staged = [name for name in job["objects"] if name.startswith("staging/")]
    assert [Path(name).name for name in staged] == ["pipeline.pb"]
    assert options["pipelineUrl"].endswith(staged[0])


def test_the_launcher_does_not_wait_and_the_run_is_open(job: dict[str, Any]) -> None:
    assert "job.json" in job["objects"]  # a template location: nothing was submitted
    assert len(job["runs"]) == 1
    assert not [name for name in job["objects"] if "tables/videos" in name]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_run_script_gives_parameters_that_the_template_has(tmp_path: Path, device: str) -> None:
    words = ("gs://bucket/a gs://bucket/b", "gs://bucket/dataset", "people=2")
    (call,) = _called(tmp_path, "run.sh", *words, DEVICE=device)
    given = _given(call)

    assert call[:4] == ["gcloud", "dataflow", "flex-template", "run"]
    assert given.keys() <= _parameters().keys()
    assert given["inputs"] == "gs://bucket/a gs://bucket/b"
    assert (given["device"], given["people"]) == (device, "2")
    assert ("dataflow_service_options" in given) == (device == "cuda")
    assert "--disable-public-ips" in call


def test_the_build_script_builds_pushes_and_writes_the_template(tmp_path: Path) -> None:
    build, push, template = _called(tmp_path, "build.sh", DEVICE="cuda")

    assert build[:2] == ["docker", "build"]
    assert {"DEVICE=cuda", "WEIGHTS=full", SETTINGS["IMAGE"]} <= set(build)
    assert push == ["docker", "push", SETTINGS["IMAGE"]]
    assert template[:5] == ["gcloud", "dataflow", "flex-template", "build", SETTINGS["TEMPLATE"]]


@pytest.mark.parametrize(
    ("file", "old", "new", "checker", "message"),
    [
        ("metadata.json", '"isOptional"', '"optional"', "google-cloud-dataflow-client", "optional"),
        ("metadata.json", '"name": "people"', '"name": "persons"', "options of score", "stale"),
        ("run.sh", '"$TEMPLATE"', "$TEMPLATE", "shellcheck", "SC2086"),
    ],
)
def test_what_is_wrong_is_found(
    tmp_path: Path, file: str, old: str, new: str, checker: str, message: str
) -> None:
    assert message in broken(tmp_path, f"dataflow/{file}", old, new, checker=checker)
