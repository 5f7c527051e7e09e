"""What a run would do and how long, from rows that were written by hand."""

import subprocess
import sys

import pytest

from repscore.pipelines.forecast import Row, duration_s, lengths_of, work_of
from repscore.transforms.discover.sources import Source
from repscore.transforms.records import Known

SOURCE = Source("/a.mp4", 100, "stamp")


@pytest.mark.parametrize(
    ("stamp", "config", "poses", "work"),
    [
        ("stamp", "now", "v2", "unchanged"),
        ("other", "now", "v2", "changed"),
        ("stamp", "before", "v2", "scored again"),
        ("stamp", "before", "v1", "poses again"),
    ],
)
def test_what_would_be_done(stamp: str, config: str, poses: str, work: str) -> None:
    known = Known("/a.mp4", stamp, "content", 100, config)
    assert work_of(SOURCE, known, {"pose_version": poses}, "now", "v2") == work


def test_what_is_new_and_what_failed_for_now() -> None:
    assert work_of(SOURCE, None, None, "now", "v2") == "new"
    assert work_of(SOURCE, None, {"pose_version": "v2"}, "now", "v2") == "tried again"


def test_without_a_configuration_all_is_scored_again() -> None:
    known = Known("/a.mp4", "stamp", "content", 100, "before")
    assert work_of(SOURCE, known, {"pose_version": "v2"}, None, "v2") == "scored again"


def test_lengths_follow_the_size_as_in_known_files_of_the_suffix() -> None:
    rows: list[Row] = [
        {"uri": "/a.mp4", "size_bytes": 100, "duration_s": 10.0},
        {"uri": "/b.MP4", "size_bytes": 300, "duration_s": 10.0},
        {"uri": "/c.avi", "size_bytes": 100, "duration_s": None},
    ]
    asked: list[str] = []

    def probed(uri: str) -> float | None:
        asked.append(uri)
        return {"/1.avi": 8.0}.get(uri)

    sources = [
        SOURCE,
        Source("/new.mp4", 40, ""),
        Source("/1.avi", 4, ""),
        Source("/x.json", 9, ""),
    ]
    assert lengths_of(sources, rows, probed) == [10.0, 2.0, 8.0, None]
    assert sorted(asked) == ["/1.avi", "/x.json"], "a known suffix is not probed"


def run(videos: int, frames: int, wall_s: float, start_s: float, fps: float | None) -> Row:
    return {
        "videos": videos, "frames": frames, "frames_per_s": fps, "decoded_s": frames / 10,
        "wall_s": wall_s, "start_up_s": start_s,
    }  # fmt: skip


def test_the_duration_comes_from_earlier_runs() -> None:
    """Start 5 s; 100 s of video in 20 s; 2 s for each of 5 inputs: 35 s."""
    earlier = run(5, 1000, wall_s=35.0, start_s=5.0, fps=50.0)
    assert duration_s([earlier], 5, 100.0) == pytest.approx(35.0)
    assert duration_s([earlier], 10, 0.0) == pytest.approx(25.0), "without poses"
    assert duration_s([earlier], 0, 0.0) == 0.0


def test_what_no_earlier_run_says_is_not_known() -> None:
    only_scores = run(5, 0, wall_s=15.0, start_s=5.0, fps=None)
    assert duration_s([], 5, 100.0) is None
    assert duration_s([only_scores], 5, 100.0) is None
    assert duration_s([only_scores], 5, None) is None
    assert duration_s([only_scores], 5, 0.0) == pytest.approx(15.0)


def test_a_dry_run_waits_for_no_beam() -> None:
    code = "import sys, repscore.pipelines.forecast; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
