"""A nightly run over recordings of four people, for the tests of what reads its dataset."""

from pathlib import Path
from typing import NamedTuple

import labelled_keypoints
import pytest
from runs import repscore


class Night(NamedTuple):
    """What it left: 12 recordings, and a file that is no video."""

    dataset: Path
    metrics: Path


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Exercises are defined by recordings of the first person."""
    folder = tmp_path_factory.mktemp("night")
    archive, result = folder / "archive", Night(folder / "dataset", folder / "repscore.prom")
    archive.mkdir()
    labelled_keypoints.write(archive)
    (archive / "broken.mp4").write_bytes(b"\0" * 100)
    options = ["--metrics-file", str(result.metrics), "--quiet"]
    for name in ("squat-True", "biceps_curl-None"):
        clip = archive / f"0-{name}.keypoints.npz"
        options += ["--reference", f"{name.partition('-')[0]}={clip}"]
    done = repscore("score", str(archive), "-o", str(result.dataset), *options)
    assert done.returncode == 0, done.stderr
    return result
