"""A whole recording in one JSON or CSV file, as people's scripts export it; read as a whole."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import People
from repscore.transforms.files import open_binary
from repscore.transforms.inputs import head_of
from repscore.transforms.keypoints.export_csv import csv_rows
from repscore.transforms.keypoints.export_json import json_rows
from repscore.transforms.keypoints.export_rows import Points, Row, number_of
from repscore.transforms.keypoints.rules import (
    SAMPLE,
    scale_to_px,
    seconds_of,
    size_px_of,
    to_px,
    topology_of,
)
from repscore.transforms.keypoints.span import NotKeypoints, Span, length_of, people_of, rate_of
from repscore.transforms.records import Probe


@dataclass(frozen=True, eq=False)
class _Recording:
    topology: str
    time_s: npt.NDArray[np.float64]
    rate: float
    frames: Sequence[Sequence[Row]]
    px: Sequence[Points]
    picture_px: tuple[int, int] | None
    named: bool


def probe(
    uri: str, fps: float, picture_px: tuple[int, int] | None
) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What the file holds, and the time of each of its frames.

    Raises NotKeypoints or another ProbeError, and OSError.
    """
    found = _recording(uri, fps, picture_px)
    width_px, height_px = found.picture_px or (None, None)
    length_s, kind = length_of(found.time_s, found.rate), _kind(uri)
    codec, count = f"{kind} {found.topology}", len(found.time_s)
    return (
        Probe(width_px, height_px, found.rate, count, length_s, None, codec, found.topology),
        found.time_s,
    )


def read(
    uri: str, start_s: float, end_s: float, *, fps: float, picture_px: tuple[int, int] | None
) -> Span:
    """The frames in [start_s, end_s); raises NotKeypoints, and OSError."""
    found = _recording(uri, fps, picture_px)
    poses: list[tuple[float, People]] = []
    at = 0
    for time_s, rows in zip(found.time_s.tolist(), found.frames, strict=True):
        bodies = [row for row in rows if row.points is not None]
        px, at = found.px[at : at + len(bodies)], at + len(bodies)
        if not start_s <= time_s < end_s:
            continue
        count = len(found.px[0])
        person = np.array([-1 if row.person is None else row.person for row in bodies], np.int64)
        empty = np.empty((0, count, 4))
        points = np.stack(px) if px else empty
        world = None
        if bodies and all(row.world is not None for row in bodies):
            world = np.stack([row.world[:, :3] for row in bodies if row.world is not None])
        sure = np.where(np.isnan(points[..., 3]), 1.0, points[..., 3])
        poses.append((time_s, people_of(person, points[..., :3], world, sure)))
    return Span(found.topology, poses, found.named)


def _kind(uri: str) -> str:
    return uri.lower().rpartition(".")[2]


def _recording(uri: str, fps: float, given_px: tuple[int, int] | None) -> _Recording:
    head_of(uri)
    with open_binary(uri) as file:
        data = file.read()
    about: Mapping[str, Any] = {}
    if _kind(uri) == "csv":
        rows = list(csv_rows(uri, data))
    else:
        rows, about = json_rows(uri, data)
    bodies = [row.points for row in rows if row.points is not None]
    if not bodies:
        raise NotKeypoints(f"{uri}: expected landmarks, found nobody in any frame")
    counts = sorted({len(points) for points in bodies})
    if len(counts) > 1:
        raise NotKeypoints(f"{uri}: expected one topology, found people with {counts} landmarks")
    picture_px = _picture(uri, about) or given_px
    sample = np.stack(bodies[:SAMPLE])
    declared = about.get("topology")
    topology = topology_of(uri, counts[0], declared if isinstance(declared, str) else None, sample)
    scale = scale_to_px(uri, sample, picture_px)
    px = [np.column_stack([to_px(points[:, :3], scale), points[:, 3]]) for points in bodies]
    rate = number_of(about.get("fps"), about.get("frame_rate"))
    keys, frames = _frames_of(uri, rows)
    if rows[0].time is not None:
        time_s = seconds_of(uri, np.array(keys))
        rate = rate_of(time_s)
    else:
        rate = rate if rate and 0 < rate < math.inf else fps
        time_s = np.array(keys) / rate
    if len(frames) == 1:
        raise NotKeypoints(
            f"{uri}: expected a recording, found one frame; name the files of its frames "
            "NAME.<number>.json and write each as OpenPose does"
        )
    named = all(row.person is not None for row in rows if row.points is not None)
    named = named and all(len({row.person for row in frame}) == len(frame) for frame in frames)
    return _Recording(topology, time_s, rate, frames, px, picture_px, named)


def _frames_of(uri: str, rows: Sequence[Row]) -> tuple[list[float], list[list[Row]]]:
    """The rows of each frame by their time, else by their number."""
    timed = [row.time is not None for row in rows]
    numbered = [row.number is not None for row in rows]
    if any(timed) and not all(timed):
        raise NotKeypoints(f"{uri}: expected a time for each frame, found frames without")
    if not any(timed) and not all(numbered):
        raise NotKeypoints(f"{uri}: expected the number of each frame, found frames without")
    frames: dict[float, list[Row]] = {}
    for row in rows:
        key = row.time if row.time is not None else row.number
        frames.setdefault(0.0 if key is None else key, []).append(row)
    keys = list(frames)
    if any(a >= b for a, b in pairwise(keys)) or not np.isfinite(keys).all():
        raise NotKeypoints(f"{uri}: expected frames in the order of time, found others")
    return keys, list(frames.values())


def _picture(uri: str, about: Mapping[str, Any]) -> tuple[int, int] | None:
    width = number_of(about.get("width"), about.get("image_width"), about.get("width_px"))
    height = number_of(about.get("height"), about.get("image_height"), about.get("height_px"))
    sizes = [about.get(name) for name in ("size_px", "image_size", "resolution")]
    size = next((size for size in sizes if isinstance(size, list) and len(size) == 2), None)
    if size is not None:
        width, height = number_of(size[0]), number_of(size[1])
    return None if width is None or height is None else size_px_of(uri, width, height)
