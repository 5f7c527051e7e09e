"""Listing inputs: every video once, nothing invented."""

import os
import socket
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from repscore.transforms.discover.folders import in_words
from repscore.transforms.discover.sources import (
    InputNotFound,
    fingerprint,
    is_there,
    list_inputs,
    require,
)
from repscore.transforms.files import local_path, uri_of


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


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two recordings of OpenPose in one folder, `a` with a hole, beside a file of keypoints."""
    for name in ("a_000000000000", "a_000000000002", "b[1]_000000000000"):
        (tmp_path / f"{name}_keypoints.json").write_text(name)
    (tmp_path / "c.keypoints.npz").write_bytes(b"c")
    (tmp_path / "weights.npz").write_bytes(b"no keypoints")
    return tmp_path


RECORDINGS = ["a_%d_keypoints.json", "b[1]_%d_keypoints.json"]


def test_the_frames_of_a_recording_are_one_input(recordings: Path) -> None:
    assert listed(str(recordings)) == [*RECORDINGS, "c.keypoints.npz"]
    assert listed(str(recordings / "*_keypoints.json")) == RECORDINGS
    assert listed(*map(str, sorted(recordings.glob("a_*")))) == RECORDINGS[:1], "as a shell has it"
    assert listed(str(recordings / "weights.npz")) == ["weights.npz"]


def test_the_name_of_a_recording_leads_back_to_it(recordings: Path) -> None:
    for source in list_inputs([str(recordings)]):
        assert is_there(source.uri)
        assert list(list_inputs([source.uri])) == [source]
    gone = str(recordings / "z_%d_keypoints.json")
    assert not is_there(gone)
    with pytest.raises(InputNotFound, match="z_"):
        listed(gone)


def test_a_recording_has_the_stamp_of_all_its_files(recordings: Path) -> None:
    (before,) = list_inputs([str(recordings / RECORDINGS[0])])
    assert before.size_bytes == 28
    (recordings / "a_000000000002_keypoints.json").write_text("other_00000002")
    (after,) = list_inputs([before.uri])
    assert (after.size_bytes, after.uri) == (before.size_bytes, before.uri)
    assert after.stamp != before.stamp
    (recordings / "a_000000000001_keypoints.json").write_text("")
    (longer,) = list_inputs([before.uri])
    assert len({before.stamp, after.stamp, longer.stamp}) == 3


def test_the_content_of_a_recording_is_numbers_and_bytes(tmp_path: Path) -> None:
    def content(name: str, *frames: tuple[int, str]) -> str:
        for number, text in frames:
            path = tmp_path / f"{name}_{number:012d}_keypoints.json"
            path.write_text(text)
        (source,) = list_inputs([str(tmp_path / f"{name}_%d_keypoints.json")])
        return fingerprint(source)

    first = content("a", (0, "x"), (1, "y"))
    assert content("b", (0, "x"), (1, "y")) == first, "another name, the same content"
    assert content("c", (0, "x"), (2, "y")) != first
    assert content("d", (0, "xy"), (1, "")) != first


def test_a_recording_at_a_url(recordings: Path) -> None:
    store = fsspec.filesystem("memory")
    for path in recordings.glob("a_*"):
        store.pipe(f"/archive/deep/{path.name}", path.read_bytes())
    try:
        (remote,) = list_inputs(["memory://archive"])
        (local,) = list_inputs([str(recordings / "a_%d_keypoints.json")])
        assert remote.uri == "memory:///archive/deep/a_%d_keypoints.json"
        assert list(list_inputs([remote.uri])) == [remote]
        assert fingerprint(remote) == fingerprint(local)
    finally:
        store.rm("/archive", recursive=True)


def test_an_input_arrived_when_its_source_says_so(folder: Path) -> None:
    """Locally that is the change of the name's entry: a copy may keep its modification time."""
    before = datetime.now(UTC)
    os.utime(folder / "b.mp4", (1e9, 1e9))
    (source,) = list_inputs([str(folder / "b.mp4")])
    assert source.arrived_at is not None
    assert abs(source.arrived_at - before) < timedelta(minutes=1)
    with fsspec.open("memory://arrivals/a.mp4", "wb") as file:
        file.write(b"a")
    (remote,) = list_inputs(["memory://arrivals"])
    assert remote.arrived_at is not None
    assert abs(remote.arrived_at - before) < timedelta(minutes=1)


def counted(*inputs: str) -> tuple[list[str], str | None]:
    """Names listed, and what was passed over in words."""
    passed_over: Counter[str] = Counter()
    names = [Path(source.uri).name for source in list_inputs(inputs, passed_over)]
    return names, in_words(passed_over)


def test_what_a_folder_holds_besides_is_counted(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.JSON").touch()
    (folder / "README").touch()
    names, words = counted(str(folder))
    assert len(names) == 4
    assert words == "3 .json, 1 .txt, 1 without suffix not recognised; 1 hidden passed over"


def test_a_store_counts_too_and_leaves_datasets_aside() -> None:
    store = fsspec.filesystem("memory")
    for name in ("a.mp4", "b.txt", "out/tables/runs/_delta_log/0.json", "out/poses/x.parquet"):
        store.pipe(f"/counted/{name}", b"1")
    try:
        assert counted("memory://counted") == (["a.mp4"], "1 .txt not recognised")
    finally:
        store.rm("/counted", recursive=True)


def test_a_dataset_within_a_folder_is_no_input(folder: Path) -> None:
    for name in ("tables/runs/_delta_log/0.json", "poses/x.keypoints.parquet", "kept/d.mp4"):
        (folder / "deep" / name).parent.mkdir(parents=True)
        (folder / "deep" / name).touch()
    assert counted(str(folder / "deep")) == (["c.webm", "d.mp4"], None)


def test_links_are_followed_once_and_special_files_passed_over(tmp_path: Path) -> None:
    """Two folders that link to each other, a link to the top, and what cannot be read to an end."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.mp4").touch()
    (tmp_path / "one" / "to_two").symlink_to("../two")
    (tmp_path / "two" / "to_one").symlink_to("../one")
    (tmp_path / "two" / "up").symlink_to("..")
    (tmp_path / "gone.mp4").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "null.mp4").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s.mp4"))
        names, words = counted(str(tmp_path))
        assert names == ["one.mp4", "two.mp4", "two.mp4", "one.mp4"]
        assert words is not None
        for part in ("1 FIFO", "1 device", "1 socket", "1 broken link", "4 link to an enclosing"):
            assert part in words
        assert counted(str(tmp_path / "*.mp4"))[0] == []
        for name, kind in (("pipe.mp4", "FIFO"), ("null.mp4", "device"), ("s.mp4", "socket")):
            with pytest.raises(InputNotFound, match=f"found a {kind}"):
                require([str(tmp_path / name)])


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_name_can_be_written_as_text_and_read_back(name: bytes) -> None:
    uri = uri_of(os.fsdecode(name))
    uri.encode()
    assume("://" not in uri)
    assert local_path(uri) == Path(os.fsdecode(name))
    if name.isascii() and b"\\" not in name:
        assert uri == name.decode()


def test_a_name_that_is_not_utf8_is_listed_hashed_and_found_again(tmp_path: Path) -> None:
    for name in (b"caf\xe9.mp4", b"a_0_keypoints.json", b"\xff_0_keypoints.json"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    sources = list(list_inputs([str(tmp_path)]))
    assert [Path(source.uri).name for source in sources] == [
        "a_%d_keypoints.json",
        r"caf\xe9.mp4",
        r"\xff_%d_keypoints.json",
    ]
    for source in sources:
        assert fingerprint(source)
        assert is_there(source.uri)
        assert list(list_inputs([source.uri])) == [source]
