"""Numbered pictures as a video."""

import itertools
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repscore.transforms.discover.changes import Changes
from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.plan.segments import plan_segments
from repscore.transforms.pose.version import pose_version
from repscore.transforms.records import PoseConfig
from repscore.transforms.video.images import ImageSequence, NoRate, probe_images


def sequence(folder: Path, numbers: list[int], suffix: str = "png") -> str:
    """Pictures as bright as their number, and the name of the sequence."""
    for number in numbers:
        cv2.imwrite(
            str(folder / f"frame_{number:04d}.{suffix}"), np.full((24, 32, 3), number, "u1")
        )
    return str(folder / f"frame_%d.{suffix}")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> str:
    numbers = [n for n in range(5, 105) if not 40 <= n < 50]
    return sequence(tmp_path_factory.mktemp("frames"), numbers)


def read(uri: str, *span: float, sample_fps: float | None = None) -> list[tuple[float, int, bool]]:
    with ImageSequence(uri, *span, fps=25.0, sample_fps=sample_fps, warm_up_s=0.2) as pictures:
        return [(f.time_s, int(f.bgr.mean()), f.warm_up) for f in pictures]


def test_numbers_are_times_and_holes_are_holes(frames: str) -> None:
    got = read(frames)
    assert [shown for _, shown, _ in got] == [n for n in range(5, 105) if not 40 <= n < 50]
    assert all(time_s == pytest.approx((shown - 5) / 25) for time_s, shown, _ in got)
    probed, times = probe_images(frames, 25.0)
    assert (probed.frames, probed.width_px, probed.height_px, probed.codec) == (90, 32, 24, "png")
    assert probed.duration_s == pytest.approx(4.0)
    assert probed.notes == ("10 numbers without a picture",)
    assert times == [time_s for time_s, _, _ in got]


@given(
    cuts=st.lists(st.floats(0.01, 4.2), max_size=3, unique=True).map(sorted),
    sample_fps=st.sampled_from([None, 15.0, 7.0]),
)
def test_spans_add_up_to_one_pass(frames: str, cuts: list[float], sample_fps: float | None) -> None:
    whole = read(frames, sample_fps=sample_fps)
    parts = [
        frame
        for span in itertools.pairwise([0.0, *cuts, math.inf])
        for frame in read(frames, *span, sample_fps=sample_fps)
        if not frame[2]
    ]
    assert parts == whole


def test_a_damaged_picture_is_said(tmp_path: Path) -> None:
    uri = sequence(tmp_path, list(range(10)), "jpg")
    (tmp_path / "frame_0004.jpg").write_bytes(b"no picture")
    (tmp_path / "frame_0006.jpg").write_bytes(b"")
    with ImageSequence(uri, fps=10.0) as pictures:
        assert len(list(pictures)) == 8
    assert (pictures.held, pictures.decoded) == (10, 8)
    said = "of 10 pictures of this segment 2 could not be decoded: frame_0004.jpg, frame_0006.jpg"
    assert said in str(pictures.shortfall)


def test_pictures_need_a_rate(frames: str) -> None:
    with pytest.raises(NoRate, match=r"give its rate, e\.g\. --fps 30"):
        probe_images(frames, None)


def test_a_folder_of_pictures_is_one_input_where_a_rate_is_given(tmp_path: Path) -> None:
    uri = sequence(tmp_path, list(range(3)))
    assert list(list_inputs([str(tmp_path)])) == []
    (named,) = list_inputs([uri])
    (found,) = list_inputs([str(tmp_path)], pictures=True)
    assert found == named
    assert found.uri == uri
    video = Changes({}, "c").decide(found)[0]
    poses = PoseConfig(estimator="fakes:Brightness", fps=25.0)
    (segment,) = plan_segments(video, poses)
    assert segment.video.failure is None
    versions = {
        pose_version(PoseConfig(estimator="fakes:Brightness", fps=f), video) for f in (5, 6)
    }
    assert len(versions) == 2
    (refused,) = plan_segments(video, PoseConfig(estimator="fakes:Brightness"))
    assert refused.video.failure is not None
    assert refused.video.failure.error_class == "NoRate"
    (tmp_path / "frame_0001.png").write_bytes(b"another")
    (changed,) = list_inputs([uri])
    assert changed.stamp != found.stamp
