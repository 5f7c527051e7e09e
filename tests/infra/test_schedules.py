"""A wrong field in each schedule fails its check, and each schedule runs the documented night."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from infra_copies import broken
from keypoints import raises

from infra import check

HERE = Path(__file__).parent
SCHEDULES = check.HERE / "schedules"


@pytest.mark.parametrize(
    ("file", "old", "new", "checker", "message"),
    [
        (
            "airflow/repscore_nightly.py",
            "append_env=",
            "append_environment=",
            "airflow DagBag",
            "append_environment",
        ),
        (
            "dagster/repscore_nightly.py",
            'cron_schedule="0 2',
            'cron_schedule="0 25',
            "dagster definitions validate",
            "invalid cron schedule",
        ),
        ("airflow/pod.yaml", "runAsUser:", "runAsUsers:", "kubernetes-validate", "runAsUsers"),
        ("linux/repscore-nightly.cron", "0 2 *", "0 25 *", "python-crontab", "found []"),
        (
            "linux/repscore-nightly.service",
            "SuccessExitStatus=",
            "SuccessExitCode=",
            "systemd-analyze verify",
            "Unknown key 'SuccessExitCode'",
        ),
        (
            "linux/repscore-nightly.timer",
            "02:00:00",
            "02:70:00",
            "systemd-analyze verify",
            "Failed to parse calendar",
        ),
        ("linux/night.sh", '"$1"', "$1", "shellcheck", "SC2086"),
    ],
)
def test_a_wrong_field_fails(
    tmp_path: Path, file: str, old: str, new: str, checker: str, message: str
) -> None:
    assert message in broken(tmp_path, f"schedules/{file}", old, new, checker=checker)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `repscore` first on PATH: `score` ends with STATUS, arguments go to this file."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "repscore"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\n[ "$1" != score ] || exit "$STATUS"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("STATUS", "0")
    return calls


def _python_of(tool: str) -> Path:
    if not check.installed(tool):
        pytest.skip(f"{tool} not installed: run `make infra`")
    return check.tool_folder(tool) / "bin" / "python"


def _night(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    settings = tmp_path / "nightly.env"
    settings.write_text(
        f"ARCHIVE=archive\nDATASET=dataset\nMAX_FAILURE_RATE=0.05\nSTATE={tmp_path}/state\n"
    )
    return subprocess.run(
        ["bash", SCHEDULES / "linux" / "night.sh", settings],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("status", "others"), [(0, True), (3, True), (2, False), (143, False)])
def test_a_night_of_cron_or_systemd(
    tmp_path: Path,
    stand_in: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    others: bool,
) -> None:
    monkeypatch.setenv("STATUS", str(status))

    done = _night(tmp_path)

    assert done.returncode == status
    assert ("of the inputs failed" in done.stderr) == (status == 3)
    score = "score archive --output dataset --max-failure-rate 0.05 --quiet"
    rest = ["diff dataset", "maintain dataset"] if others else []
    assert stand_in.read_text().splitlines() == [score, *rest]


def test_a_night_does_not_start_beside_another(tmp_path: Path, stand_in: Path) -> None:
    (tmp_path / "state").mkdir()
    lock = tmp_path / "state" / "night.lock"
    with subprocess.Popen(
        ["flock", lock, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"x\n")
        other.stdin.flush()
        other.stdout.readline()  # it holds the lock

        done = _night(tmp_path)

        other.stdin.close()
    assert done.returncode == 75
    assert not stand_in.exists()


def test_status_3_is_a_skipped_task_of_airflow(
    tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = _python_of("airflow")
    folder = SCHEDULES / "airflow"
    monkeypatch.setenv("STATUS", "3")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    output = tmp_path / "states.json"

    done = subprocess.run(
        [python, HERE / "airflow_night.py", folder, output],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    states = json.loads(output.read_text())
    assert states["night"] == {
        "run": "success",
        "score": "skipped",
        "diff": "success",
        "maintain": "success",
    }
    first, *others = stand_in.read_text().splitlines()
    assert first == (
        "score gs://bucket/videos/2026-03-01 --output gs://bucket/dataset --max-failure-rate 0.05"
    )
    assert sorted(others) == ["diff gs://bucket/dataset", "maintain gs://bucket/dataset"]
    score = states["pods"]["score"]
    assert score["states"] == {"0": "success", "1": "failed", "3": "skipped"}
    assert score["arguments"][0] == "score"
    assert (score["account"], score["volumes"]) == ("repscore", ["shm"])


def test_status_3_is_a_warning_of_dagster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One good recording and one damaged: half of the inputs fail."""
    python = _python_of("dagster")
    raises(tmp_path / "archive" / "good", 12)
    (tmp_path / "archive" / "damaged.keypoints.npz").write_text("no archive")
    dataset = tmp_path / "dataset"
    here = Path(sys.executable).parent  # of `repscore`
    monkeypatch.setenv("PATH", f"{here}:{os.environ['PATH']}")
    monkeypatch.setenv("REPSCORE_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("REPSCORE_DATASET", str(dataset))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))

    done = subprocess.run(
        [python, HERE / "dagster_night.py", SCHEDULES / "dagster" / "repscore_nightly.py"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    night = json.loads(done.stdout)
    assert night["success"]
    assert night["checks"] == [{"name": "failure_rate", "passed": False, "severity": "WARN"}]
    assert sorted(night["metadata"]) == sorted(path.name for path in (dataset / "tables").iterdir())
    repetitions = night["metadata"]["repetitions"]
    assert (repetitions["inputs"], repetitions["repetitions"], repetitions["failures"]) == (2, 6, 1)
    assert repetitions["dagster/uri"] == f"{dataset}/tables/repetitions"
