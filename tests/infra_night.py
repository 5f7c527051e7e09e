"""A nightly run over recordings of four people, for the tests of what reads its dataset."""

import os
from datetime import UTC, datetime
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
    """People 0 and 1 came in one week, 2 and 3 in the next."""
    folder = tmp_path_factory.mktemp("night")
    archive, result = folder / "archive", Night(folder / "dataset", folder / "repscore.prom")
    archive.mkdir()
    labelled_keypoints.write(archive)
    (archive / "broken.mp4").write_bytes(b"\0" * 100)
    for file in archive.iterdir():
        day = 10 if file.name.startswith(("2", "3")) else 3
        arrived_s = datetime(2026, 3, day, tzinfo=UTC).timestamp()
        os.utime(file, (arrived_s, arrived_s))
    options = ("--scorer", "exercises", "--metrics-file", str(result.metrics), "--quiet")
    done = repscore("score", str(archive), "-o", str(result.dataset), *options)
    assert done.returncode == 0, done.stderr
    return result
