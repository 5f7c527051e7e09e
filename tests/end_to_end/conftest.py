from pathlib import Path

import pytest
from runs import CUT, Tables, score, small_archive


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def in_process(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The rows of a run on this machine, with Beam's workers in the program."""
    return score(archive, tmp_path_factory.mktemp("expected") / "in-process")


@pytest.fixture(scope="session")
def in_process_cut(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The same where videos are cut into several segments."""
    return score(archive, tmp_path_factory.mktemp("expected") / "in-process", *CUT)
