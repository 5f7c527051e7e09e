import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from videos import plain

from repscore.transforms.plan.probe import probe
from repscore.transforms.plan.segments import plan, wanted_cuts
from repscore.transforms.records import Probe, Segment, Video

VIDEO = Video("/v.mp4", "0123456789abcdef", "blake2b:1", 1, "1-1", (), "/v.mp4")


def announced(duration_s: float) -> Probe:
    return Probe(640, 480, 25.0, round(duration_s * 25), duration_s, 0, "h264")


def spans(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    return [(segment.start_s, segment.end_s) for segment in segments]


def test_cuts_are_wanted_at_multiples_within_the_video() -> None:
    assert wanted_cuts(announced(59), 60) == []
    assert wanted_cuts(announced(60), 60) == []
    assert wanted_cuts(announced(61), 60) == [60]
    assert wanted_cuts(announced(150), 60) == [60, 120]
    assert wanted_cuts(announced(0), 60) == [], "a container that announces no duration"
    with pytest.raises(ValueError, match="must be positive, found 0"):
        wanted_cuts(announced(60), 0)


def test_each_cut_is_the_last_keyframe_before_a_multiple() -> None:
    segments = plan(VIDEO, announced(150), 60, [10.0, 55.0, 58.0, 61.0, 120.0, 130.0])
    assert spans(segments) == [(0, 58), (58, 120), (120, math.inf)]
    assert [(segment.index, segment.count) for segment in segments] == [(0, 3), (1, 3), (2, 3)]
    assert all(segment.probe == announced(150) for segment in segments)


def test_a_span_without_a_keyframe_makes_a_longer_segment() -> None:
    assert spans(plan(VIDEO, announced(200), 60, [50.0, 170.0])) == [
        (0, 50),
        (50, 170),
        (170, math.inf),
    ]
    assert spans(plan(VIDEO, announced(200), 60, [])) == [(0, math.inf)]


@given(
    st.floats(0, 3000),
    st.floats(5, 300),
    st.lists(st.floats(0, 3000), max_size=30).map(sorted),
)
def test_segments_cover_all_time_once(
    duration_s: float, segment_s: float, keyframes: list[float]
) -> None:
    segments = plan(VIDEO, announced(duration_s), segment_s, keyframes)
    assert segments[0].start_s == 0
    assert segments[-1].end_s == math.inf
    for before, after in itertools.pairwise(segments):
        assert before.end_s == after.start_s
        assert after.start_s in keyframes
    assert all(segment.count == len(segments) for segment in segments)


def test_a_video_is_cut_at_its_keyframes(tmp_path: Path) -> None:
    # The encoder sets a keyframe every 12 frames where nothing moves: every 1.2 s.
    found, keyframes_s = probe(str(plain(tmp_path / "a.mp4", frames=100, fps=10)))
    assert spans(plan(VIDEO, found, 3.0, keyframes_s)) == [
        (0, pytest.approx(2.4)),
        (pytest.approx(2.4), pytest.approx(6.0)),
        (pytest.approx(6.0), pytest.approx(8.4)),
        (pytest.approx(8.4), math.inf),
    ]
