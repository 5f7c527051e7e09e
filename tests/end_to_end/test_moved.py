"""A dataset is whole: moved, with its inputs, clips and scorer files gone, it is scored again."""

import json
import shutil
from pathlib import Path

import keypoints
import numpy as np
import pytest
from click.testing import CliRunner
from rows import rows

from repscore.models.scorer.shipped import located
from repscore.pipelines.cli import cli
from repscore.pipelines.query import query
from repscore.transforms.cluster import start_ray

SECONDS, FPS = 20, 30
SCORE = ["--estimator", "fakes:ArmRaiser", "--actors", "1", "--json"]


def run(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    report: dict[str, object] = json.loads(result.stdout)
    return report


def arm_raises(path: Path, seconds: int = SECONDS) -> Path:
    times_s = [number / FPS for number in range(seconds * FPS)]
    np.savez(path, image_px=np.stack([keypoints.blazepose(time_s) for time_s in times_s]))
    return path


def configuration(root: Path) -> dict[str, object]:
    relation = query(str(root), "SELECT configuration FROM runs ORDER BY started_at DESC LIMIT 1")
    assert relation is not None
    ((text,),) = relation.fetchall()
    stored: dict[str, object] = json.loads(text)
    return stored


def test_a_moved_dataset_is_scored_again_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scorer is a file and a clip that defines one more exercise; both are deleted."""
    here = tmp_path / "here"
    here.mkdir()
    start_ray(None)  # its workers stay in this folder
    monkeypatch.chdir(here)
    arm_raises(here / "a.keypoints.npz")
    (here / "broken.keypoints.npz").write_bytes(b"")
    clip = arm_raises(here / "raise.keypoints.npz", 6)
    shutil.copy(str(located("exercises")), "scorer.safetensors")
    scored = run(
        *("score", "a.keypoints.npz", "broken.keypoints.npz", "-o", "dataset", *SCORE),
        *("--scorer", "scorer.safetensors", "--reference", f"raise={clip}"),
    )
    assert (scored["videos"], scored["failures"]) == (2, 1)
    names = configuration(here / "dataset")
    assert str(names["scorer"]).startswith("scorers/learned-")
    before = {table: rows(here / "dataset", table) for table in ("repetitions", "sets", "feedback")}
    exercises = query("dataset", "SELECT DISTINCT exercise FROM repetitions")
    assert exercises is not None
    assert exercises.fetchall() == [("raise",)]

    there = tmp_path / "there" / "moved"
    there.parent.mkdir()
    shutil.move("dataset", there)
    monkeypatch.chdir(there.parent)
    shutil.rmtree(here)
    again = run("rescore", "moved", "--json")
    assert (again["videos"], again["skipped"]) == (2, 0)
    assert {table: rows(there, table) for table in before} == before
    assert configuration(there) == {**names, "inputs": []} | {"references": []}

    here.mkdir()
    arm_raises(here / "broken.keypoints.npz", 8)
    replayed = run("replay", "moved", *SCORE)
    assert (replayed["videos"], replayed["failures"]) == (1, 0), rows(there, "failures")
    counts = query("moved", "SELECT exercise, count(*) FROM repetitions GROUP BY ALL")
    assert counts is not None
    assert counts.fetchall()[0][1] > len(before["repetitions"])

    shutil.rmtree(there / "scorers")
    result = CliRunner().invoke(cli, ["rescore", "moved"])
    assert result.exit_code != 0
    (line,) = result.stderr.splitlines()
    assert "scorers/learned-" in line
    run("rescore", "moved", "--scorer", "exercises", "--json")
