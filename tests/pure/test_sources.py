"""Listing inputs: every video once, nothing invented."""

from pathlib import Path

import fsspec
import pytest

from repscore.transforms.discover.sources import InputNotFound, fingerprint, list_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4", "deep/er/c.webm", "x (1) [é].avi"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def listed(*inputs: str) -> list[str]:
    return [Path(source.uri).name for source in list_inputs(inputs)]


def test_a_folder_gives_its_videos_in_order(folder: Path) -> None:
    assert listed(str(folder)) == ["a.MOV", "b.mp4", "x (1) [é].avi", "c.webm"]


def test_a_named_file_is_taken_whatever_it_is_called(folder: Path) -> None:
    assert listed(str(folder / "notes.txt")) == ["notes.txt"]


def test_an_existing_name_is_not_a_pattern(folder: Path) -> None:
    assert listed(str(folder / "x (1) [é].avi")) == ["x (1) [é].avi"]


def test_globs(folder: Path) -> None:
    assert listed(str(folder / "*.mp4")) == ["b.mp4"]
    assert listed(str(folder / "**" / "*.webm")) == ["c.webm"]
    assert listed(str(folder / "*.nothing")) == []


def test_an_input_named_twice_comes_once(folder: Path) -> None:
    assert listed(str(folder / "b.mp4"), str(folder), str(folder / "b.mp4")).count("b.mp4") == 1


@pytest.mark.parametrize("missing", ["nowhere/at/all", "memory://nowhere", "no-such-scheme://x"])
def test_a_missing_input_is_named(missing: str) -> None:
    with pytest.raises(InputNotFound, match=missing):
        listed(missing)


def test_urls_list_and_hash_like_files(folder: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/archive/one.mp4", b"b.mp4")
    store.pipe("/archive/readme.md", b"#")
    try:
        (remote,) = list_inputs(["memory://archive"])
        (again,) = list_inputs(["memory://archive/*.mp4"])
        (local,) = list_inputs([str(folder / "b.mp4")])
        assert remote.uri == again.uri == "memory:///archive/one.mp4"
        assert fingerprint(remote) == fingerprint(local)
    finally:
        store.rm("/archive", recursive=True)


def test_the_stamp_changes_with_the_file(folder: Path) -> None:
    (before,) = list_inputs([str(folder / "b.mp4")])
    (folder / "b.mp4").write_bytes(b"longer than before")
    (after,) = list_inputs([str(folder / "b.mp4")])
    assert before.stamp != after.stamp
