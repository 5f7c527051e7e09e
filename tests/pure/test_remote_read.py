"""How much of a remote video is read: by ranges, and never what lies before or behind a segment."""

from pathlib import Path

import fsspec
import pytest

from benchmarks.remote_read import NETWORK, Store, read_segment, video


@pytest.fixture
def far() -> None:
    fsspec.register_implementation("far", Store, clobber=True)
    NETWORK.latency_s, NETWORK.rate_bytes_s = 0.0, 1e12
    NETWORK.requests = NETWORK.fetched_bytes = 0


@pytest.mark.usefixtures("far")
def test_a_late_segment_reads_its_own_part_of_the_video(tmp_path: Path) -> None:
    """Three minutes, the index at the end, 20 MB a minute: of the third, not the two before."""
    path = tmp_path / "a.mp4"
    length_s = video(path, 60_000_000)

    frames = read_segment(f"far://{path}", length_s - 58)

    assert 57 * 30 <= frames <= 60 * 30
    assert NETWORK.fetched_bytes < 0.5 * path.stat().st_size
    assert NETWORK.requests < 25
