"""The three nights of docs/operations.md: its commands, as they stand there, on keypoints."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keypoints
import numpy as np
import pytest
from click.testing import CliRunner, Result

from repscore.pipelines.cli import cli
from repscore.pipelines.query import query

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def blocks() -> list[list[list[str]]]:
    """The commands of each night, as words."""
    text = (
        PAGE.read_text(encoding="utf-8").partition("### Three nights\n")[2].partition("\n### ")[0]
    )
    found = re.findall(r"(?ms)^```\n(.*?)^```$", text)
    return [[line.split()[1:] for line in block.splitlines()] for block in found]


def put(path: Path, period_s: float, seconds: float = 10.0) -> None:
    """Arm raises of `period_s` each."""
    times = np.arange(round(seconds * 30)) / 30
    places = [keypoints.blazepose(time * keypoints.PERIOD_S / period_s) for time in times.tolist()]
    np.savez(path, image_px=np.stack(places))


def repscore(words: Sequence[str]) -> Result:
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert result.exit_code == 0, result.output
    return result


def report_of(words: Sequence[str]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(repscore(words).stdout)
    return found


def uris(root: Path) -> list[str]:
    relation = query(str(root), "SELECT uri FROM videos ORDER BY 1")
    assert relation is not None
    return [Path(uri).name.partition(".")[0] for (uri,) in relation.fetchall()]


def test_three_nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    archive, dataset = tmp_path / "archive", tmp_path / "dataset"
    archive.mkdir()
    for number, name in enumerate(("stays", "changes", "goes")):
        put(archive / f"{name}.keypoints.npz", 2.0 + 0.2 * number)
    first, second, third = blocks()

    planned = report_of(first[0])
    assert not dataset.exists(), "a dry run writes nothing"
    assert (planned["inputs"]["new"], planned["about_s"], planned["dry_run"]) == (3, None, True)
    assert report_of(first[1])["videos"] == 3

    (archive / "goes.keypoints.npz").unlink()
    put(archive / "changes.keypoints.npz", 2.0, seconds=14.0)
    put(archive / "comes.keypoints.npz", 2.5)
    planned = report_of(second[0])
    counts = {work: number for work, number in planned["inputs"].items() if number}
    assert counts == {"new": 1, "changed": 1, "unchanged": 1}
    assert (planned["vanished"], planned["dropped"]) == (1, 0)
    assert planned["about_s"] > 0
    report = report_of(second[1])
    assert (report["videos"], report["skipped"]) == (2, 1)
    assert (report["vanished"], report["dropped"]) == (1, 0)
    changes = report_of(second[2])
    assert changes["counts"] == {"new": 1, "changed": 1}
    assert changes["unchanged"] == 2
    assert uris(dataset) == ["changes", "comes", "goes", "stays"]

    report = report_of(third[0])
    assert (report["videos"], report["vanished"], report["dropped"]) == (3, 1, 1)
    assert uris(dataset) == ["changes", "comes", "stays"]
    changes = report_of(third[1])
    assert changes["counts"] == {"vanished": 1, "again": 3}
    assert {row["why"] for row in changes["inputs"]} == {"new scorer", None}
    assert changes["scores"]["new scorer"]["compared"] > 0
    planned, done = report_of(third[2]), report_of(third[3])
    assert (planned["after"], planned["removed"]) == (None, done["removed"])
    assert done["after"]["tables/videos"]["files"] == 1

    shutil.rmtree(archive)
    archive.mkdir()
    put(tmp_path / "other.keypoints.npz", 3.0)
    report = report_of(["score", "archive", "other.keypoints.npz", *third[0][2:]])
    assert (report["vanished"], report["dropped"]) == (3, 0), "the disk may not be mounted"
    assert report["empty"] == ["archive"]
    assert uris(dataset) == ["changes", "comes", "stays", "other"]
