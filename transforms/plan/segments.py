"""Cut a video into spans that can be processed apart from each other."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.errors import DatasetUnusable, is_of_machine, retried, words_of
from repscore.transforms.keypoints.names import is_keypoints, kind_of
from repscore.transforms.keypoints.source import probe_keypoints
from repscore.transforms.plan.probe import probe
from repscore.transforms.records import PoseConfig, Probe, Segment, Video, failure_of
from repscore.transforms.video.images import probe_images

_ROUNDING_S: Final = 1e-3
"""A keyframe at 60 s may be announced at 60.0000001 s."""


class InputChanged(OSError):
    """A file is another one than when it was listed."""


def plan_segments(video: Video, poses: PoseConfig) -> tuple[Segment, ...]:
    """The segments of an input; one tombstone where it cannot be processed."""
    failure = video.failure
    if failure is None:
        try:
            return retried(lambda: _segments_of(video, poses))
        except Exception as error:  # one input never ends a run
            if is_of_machine(error):
                raise DatasetUnusable(f"{video.location}: {words_of(error)}") from error
            failure = failure_of(video, "probe", error)
    return (Segment(replace(video, failure=failure), 0, 1, 0.0, math.inf, None),)


def _segments_of(video: Video, poses: PoseConfig) -> tuple[Segment, ...]:
    """The segments of an input, if it is still the one that was listed.

    Raises ProbeError, InputNotFound or another OSError.
    """
    if kind_of(video.location) != "stream":  # its chunks are complete before it has a name
        (source,) = list_inputs([video.location])
        if source.stamp != video.stamp_of_location():
            raise InputChanged(
                f"{video.location}: changed while the run was on; run again to take it"
            )
    if is_keypoints(video.location):
        probed, time_s = probe_keypoints(video.location, poses.rate_of_keypoints, poses.picture_px)
        return plan_frames(video, probed, poses.segment_s, time_s)
    how = probe_images if kind_of(video.location) == "images" else probe
    probed, keyframes_s = how(video.location, poses.fps)
    return plan(video, probed, poses.segment_s, keyframes_s)


def wanted_cuts(probe: Probe, segment_s: float) -> list[float]:
    """Where cuts are wanted: the multiples of segment_s within the video."""
    if segment_s <= 0:
        raise ValueError(f"the length of a segment must be positive, found {segment_s} s")
    return [k * segment_s for k in range(1, math.ceil(probe.duration_s / segment_s))]


def plan(
    video: Video, probe: Probe, segment_s: float, keyframes: Sequence[float]
) -> tuple[Segment, ...]:
    """The segments of a video: cut at the last keyframe at or before each multiple of segment_s.

    Where no keyframe lies between two multiples the segment is longer: a cut elsewhere would make
    its decoder run through all that comes since the keyframe before, which is quadratic in a video
    with a single one. The last segment has no end.
    """
    cuts = [0.0]
    for wanted_s in wanted_cuts(probe, segment_s):
        before = bisect_right(keyframes, wanted_s + _ROUNDING_S)
        if before and keyframes[before - 1] > cuts[-1]:
            cuts.append(keyframes[before - 1])
    return _between(video, probe, cuts)


def plan_frames(
    video: Video, probe: Probe, segment_s: float, time_s: npt.NDArray[np.float64]
) -> tuple[Segment, ...]:
    """The segments of keypoints whose frames lie at time_s (N,), increasing, not empty.

    Cut at multiples of segment_s, where frames follow: a hole makes no segment.
    """
    if segment_s <= 0:
        raise ValueError(f"the length of a segment must be positive, found {segment_s} s")
    starts = np.unique(np.floor(time_s / segment_s)) * segment_s
    return _between(video, probe, [0.0, *starts[1:].tolist()])


def _between(video: Video, probe: Probe, cuts: Sequence[float]) -> tuple[Segment, ...]:
    ends = [*cuts[1:], math.inf]
    return tuple(
        Segment(video, index, len(cuts), start_s, end_s, probe)
        for index, (start_s, end_s) in enumerate(zip(cuts, ends, strict=True))
    )
