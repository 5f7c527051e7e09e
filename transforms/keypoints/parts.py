"""A finite part of a stream of keypoints: its chunks, read one after the other.

Times of a part count from its start; those in the chunks are on the clock of the stream.
"""

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import People
from repscore.transforms.inputs import ProbeError
from repscore.transforms.keypoints import npz, openpose, parquet
from repscore.transforms.keypoints.names import StreamPart, chunk_files, kind_of, part_of
from repscore.transforms.keypoints.span import NotKeypoints, Span, length_of, rate_of
from repscore.transforms.records import Probe

_NAMED: Final = 3
"""How many faults a failure names."""


def probe(uri: str, fps: float) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What a part holds, and the times of its frames.

    Raises NotKeypoints where none of its chunks can be read, and OSError.
    """
    part = _part(uri)
    if kind_of(part.stream) == "openpose":
        files = chunk_files(part)
        times = np.array([number for number, _ in files], np.float64) / fps
        topology = openpose.layout_of(part.stream, files, None)[0] if files else None
        codec, rate = "openpose", fps
    else:
        times, topology, fault = np.zeros(0), None, "none has come"
        for _, place in chunk_files(part):
            try:
                probed, time_s = times_of(place, fps)
            except ProbeError as error:
                fault = str(error)
                continue
            topology = topology or probed.topology
            times = np.concatenate([times, time_s[time_s > times[-1]] if len(times) else time_s])
        if not len(times):
            raise NotKeypoints(f"{uri}: expected chunks of keypoints, found none: {fault}")
        codec, rate = kind_of(part.stream), rate_of(times)
    times = times[(times >= part.start_s) & (times < part.end_s)] - part.start_s
    if not len(times):
        raise NotKeypoints(f"{uri}: expected frames in that span, found none")
    length_s, name = length_of(times, rate), f"stream of {codec}"
    return Probe(None, None, rate, len(times), length_s, None, name, topology), times


def times_of(place: str, fps: float) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What a single chunk holds and the times of its frames on the stream's clock."""
    if kind_of(place) == "npz":
        return npz.probe(place, fps, stream=True)
    return parquet.probe(place, stream=True)


def read(uri: str, start_s: float, end_s: float, *, fps: float, topology: str) -> Span:
    """The frames in [start_s, end_s) of a part; a chunk that is missing or broken is a hole.

    What is missing is told with the first frames of the part. Raises OSError.
    """
    part = _part(uri)
    files = chunk_files(part)
    begin_s, until_s = part.start_s + start_s, min(part.start_s + end_s, part.end_s)
    faults = _missing(part, [number for number, _ in files]) if start_s == 0 else []
    poses: list[tuple[float, People]] = []
    named = True
    if kind_of(part.stream) == "openpose":
        until_s = min(until_s, (part.last + 0.5) / fps)
        span = openpose.read(part.stream, begin_s, until_s, fps=fps, topology=topology)
        poses, named = list(span.poses), span.named
        faults += [span.shortfall] if span.shortfall else []
        files = []
    for _, place in files:
        try:
            _, time_s = times_of(place, fps)
            if time_s[-1] < begin_s or time_s[0] >= until_s:
                continue
            if poses and time_s[0] <= poses[-1][0]:
                raise NotKeypoints(
                    f"{place}: expected times after {poses[-1][0]:g} s, on the stream's clock, "
                    f"found {time_s[0]:g} s"
                )
            if kind_of(place) == "npz":
                span = npz.read(place, begin_s, until_s, fps=fps, stream=True)
            else:
                span = parquet.read(place, begin_s, until_s, stream=True)
            if span.topology != topology:
                raise NotKeypoints(f"{place}: expected {topology}, found {span.topology}")
        except ProbeError as error:
            faults.append(str(error))
            continue
        poses += span.poses
        named = named and span.named
    shifted = [(time_s - part.start_s, people) for time_s, people in poses]
    more = "; ..." if len(faults) > _NAMED else ""
    return Span(topology, shifted, named, "; ".join(faults[:_NAMED]) + more if faults else None)


def _part(uri: str) -> StreamPart:
    part = part_of(uri)
    assert part is not None, f"{uri} is no part of a stream"  # noqa: S101
    return part


def _missing(part: StreamPart, numbers: list[int]) -> list[str]:
    """The holes among the numbers of a part, in words."""
    around = [part.first - 1, *numbers, part.last + 1]
    return [
        f"{part.stream}: chunks {a + 1} to {b - 1} never came: what was there is kept"
        for a, b in pairwise(around)
        if b - a > 1
    ]
