"""Copies of remote files: one per machine, bounded, gone when nobody needs them."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import fsspec
import numpy as np
import pytest

from benchmarks.remote_read import NETWORK, Store
from repscore.transforms import copies, processes
from repscore.transforms.copies import copied
from repscore.transforms.pose.decode import Decoder

SIZE = 100_000


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("far", Store, clobber=True)
    NETWORK.latency_s, NETWORK.rate_bytes_s = 0.0, 1e12
    NETWORK.requests = NETWORK.fetched_bytes = 0
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(processes, "_shared", {})
    monkeypatch.setattr(
        copies, "shared_scratch", lambda name: processes.shared_scratch(name, str(scratch))
    )


def remote(path: Path, fill: bytes = b"x") -> str:
    path.write_bytes(fill * SIZE)
    return f"far://{path}"


def copies_in(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.glob("scratch/repscore-copies-*/*") if path.name[0] != "."]


def test_readers_share_a_copy(tmp_path: Path) -> None:
    uri = remote(tmp_path / "a")

    def read(_: int) -> bytes:
        with copied(uri) as place:
            return Path(place).read_bytes()

    with ThreadPoolExecutor(4) as readers:
        contents = list(readers.map(read, range(8)))

    assert contents == [b"x" * SIZE] * 8
    assert NETWORK.fetched_bytes == SIZE
    with copied(str(tmp_path / "a")) as place:
        assert place == str(tmp_path / "a")


def test_another_content_is_another_copy(tmp_path: Path) -> None:
    with copied(remote(tmp_path / "a")) as before:
        uri = remote(tmp_path / "a", b"y")
        os.utime(tmp_path / "a", (1, 1))
        with copied(uri) as after:
            assert Path(before).read_bytes()[:1] == b"x"
            assert Path(after).read_bytes()[:1] == b"y"


def test_half_a_copy_is_fetched_again(tmp_path: Path) -> None:
    uri = remote(tmp_path / "a")
    with copied(uri) as place:
        pass
    os.truncate(place, SIZE // 2)
    with copied(uri) as place:
        assert Path(place).read_bytes() == b"x" * SIZE


def test_copies_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest that nobody reads goes; without one, the store itself is read."""
    monkeypatch.setattr(copies, "MOST_BYTES", 2 * SIZE)
    first, second, third = (remote(tmp_path / name) for name in "abc")
    with copied(first) as held:
        with copied(second), copied(third) as place:
            assert place == third
        with copied(third) as place:
            assert place != third
        assert Path(held).exists()
    left = [path for path in copies_in(tmp_path) if path.stat().st_size]
    assert len(left) == 2


def test_copies_go_with_their_last_user_even_if_it_is_killed(tmp_path: Path) -> None:
    code = "import sys; from repscore.transforms.processes import shared_scratch as s; "
    code += "print(s('copies', sys.argv[1]), flush=True); sys.stdin.read()"
    user = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "scratch")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    folder = Path(user.stdout.readline().strip())
    (folder / "copy").write_bytes(b"x")
    processes.remove_scratch(processes.new_scratch(str(tmp_path / "scratch")))
    assert (folder / "copy").exists()
    user.send_signal(signal.SIGKILL)
    user.wait(10)
    user.communicate()
    processes.remove_scratch(processes.new_scratch(str(tmp_path / "scratch")))
    assert not folder.exists()


def test_a_video_without_an_index_is_fetched_once_for_all_its_segments(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.options = 320, 240, {"g": "10", "qp": "10"}
        noise = np.random.default_rng(0)
        for _ in range(60):
            picture = noise.integers(0, 255, (240, 320, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode())

    def times(uri: str) -> list[float]:
        found = []
        for start_s in range(6):
            with Decoder(uri, start_s, start_s + 1.0) as decoder:
                found += [frame.time_s for frame in decoder]
        return found

    assert times(f"far://{path}") == times(str(path))
    size_bytes = path.stat().st_size
    # Each of the six segments also asks the store for the head, here the whole of a small file.
    assert size_bytes <= NETWORK.fetched_bytes <= 8 * size_bytes
    assert len(copies_in(tmp_path)) == 1
