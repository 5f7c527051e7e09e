"""Temporary folders of programs that have ended go, whoever still writes into them."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from repscore.transforms import processes


def test_what_is_written_while_a_folder_goes_is_removed_by_the_next_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(processes.new_scratch(str(tmp_path)))
    remove = shutil.rmtree

    def late_writer(place: Path, **options: Any) -> None:
        remove(place, **options)
        (place / "session").mkdir(parents=True)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", late_writer)
        processes.remove_scratch(str(folder))
        assert (folder / "session").exists()
    other = processes.new_scratch(str(tmp_path))
    assert [str(path) for path in tmp_path.iterdir()] == [other]
    processes.remove_scratch(other)
    assert list(tmp_path.iterdir()) == []
