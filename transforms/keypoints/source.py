"""Keypoints of any source: what they are, and the people in a segment of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import People
from repscore.models.people import Following, follow
from repscore.models.skeleton import to_canonical
from repscore.transforms.keypoints import exports, npz, openpose, parquet, parts
from repscore.transforms.keypoints.names import REVISION, kind_of
from repscore.transforms.keypoints.span import Span
from repscore.transforms.records import Probe, Segment

_NOBODYS: str = "body25"
"""What a recording in which nobody is ever seen is written as."""


@dataclass(frozen=True, eq=False)
class Imported:
    """The poses of a segment, ready for the pose store.

    Attributes:
        identity: what the poses come from, as an estimator tells it.
        shortfall: why the segment is not complete, None if it is.
    """

    topology: str
    identity: Mapping[str, str]
    poses: Sequence[tuple[float, People]]
    shortfall: str | None


def probe_keypoints(
    uri: str, fps: float, picture_px: tuple[int, int] | None = None
) -> tuple[Probe, npt.NDArray[np.float64]]:
    """What a file or recording of keypoints is, and the times of its frames.

    `fps` is the rate of what says nothing of time, `picture_px` the size of a picture whose file
    says none. Raises NotKeypoints or another ProbeError that
    says why it is none, and OSError.
    """
    kind = kind_of(uri)
    if kind == "stream":
        return parts.probe(uri, fps)
    if kind == "openpose":
        return openpose.probe(uri, fps, picture_px)
    if kind in ("json", "csv"):
        return exports.probe(uri, fps, picture_px)
    return npz.probe(uri, fps, picture_px) if kind == "npz" else parquet.probe(uri, picture_px)


def read_keypoints(
    segment: Segment, fps: float, picture_px: tuple[int, int] | None = None
) -> Imported:
    """Every frame of a segment of keypoints; people without a name are linked by place.

    Raises NotKeypoints and OSError.
    """
    uri = segment.video.location
    kind = kind_of(uri)
    if kind == "stream":
        topology = (segment.probe and segment.probe.topology) or _NOBODYS
        span = parts.read(uri, segment.start_s, segment.end_s, fps=fps, topology=topology)
    elif kind == "openpose":
        topology = (segment.probe and segment.probe.topology) or _NOBODYS
        span = openpose.read(
            uri,
            segment.start_s,
            segment.end_s,
            fps=fps,
            topology=topology,
            picture_px=picture_px,
        )
    elif kind in ("json", "csv"):
        span = exports.read(uri, segment.start_s, segment.end_s, fps=fps, picture_px=picture_px)
    elif kind == "npz":
        span = npz.read(uri, segment.start_s, segment.end_s, fps=fps, picture_px=picture_px)
    else:
        span = parquet.read(uri, segment.start_s, segment.end_s, picture_px=picture_px)
    identity = {"importer": kind, "revision": str(REVISION), "named": str(span.named)}
    poses = list(span.poses if span.named else _linked(span))
    return Imported(span.topology, identity, poses, span.shortfall)


def _linked(span: Span) -> Iterator[tuple[float, People]]:
    """The same people with identities that hold from frame to frame; specks are left out."""
    if not span.poses:
        return
    following, end = Following(), 0
    everybody = np.concatenate([people.image_px[..., :2] for _, people in span.poses])
    joints_px = to_canonical(everybody, span.topology)
    for time_s, people in span.poses:
        begin, end = end, end + len(people.person)
        following, person = follow(following, time_s, joints_px[begin:end])
        known = person >= 0
        yield (
            time_s,
            People(
                person=person[known],
                image_px=people.image_px[known],
                world_m=people.world_m[known],
                visibility=people.visibility[known],
            ),
        )
