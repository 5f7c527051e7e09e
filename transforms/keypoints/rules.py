"""The rules that tell topology, times and places of keypoints; each refuses in one line."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import BY_COUNT, TOPOLOGIES, twenty_five
from repscore.transforms.keypoints.span import NotKeypoints

SAMPLE: Final = 300
"""How many frames with people the rules look at."""

_SHARES: Final = 2.0
"""Nobody is two pixels high; estimators place landmarks a little outside the picture."""

_FACE: Final = 4
_FACE_SHARE: Final = 0.5
"""Eyes and ears are less than half as far from the nose as the farthest joint."""

_UNITS: Final = (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
_CLOSEST_S, _FARTHEST_S = 0.004, 2.0
_DAY_S: Final = 86_400.0

Scale = npt.NDArray[np.float64]
"""(2, 3): factor and offset of x, y and z that give pixels."""


def topology_of(
    uri: str,
    landmarks: int,
    declared: str | None,
    places: npt.NDArray[np.floating] | None = None,
) -> str:
    """The topology that a file declares, or that the number of its landmarks and `places` tell.

    `places` are (N, L, 2 or more). Raises NotKeypoints where the topology is unknown or has another
    number of landmarks.
    """
    known = ", ".join(f"{name} ({count})" for name, (count, _) in TOPOLOGIES.items())
    name = BY_COUNT.get(landmarks)
    if declared is not None:  # people write BODY_25B and COCO-17
        name = declared.lower().replace("_", "").replace("-", "")
    elif landmarks == TOPOLOGIES["body25b"][0] and places is not None:
        name = twenty_five(places)
    elif name == "coco17" and places is not None and not _has_face_first(places):
        raise NotKeypoints(
            f"{uri}: expected the 17 landmarks of COCO, which begin with nose, eyes and ears, "
            "found the first five far apart, as in Human3.6M; write them in the order of COCO"
        )
    if name is None or TOPOLOGIES.get(name, (None,))[0] != landmarks:
        called = "" if declared is None else f" called {declared!r}"
        raise NotKeypoints(f"{uri}: expected landmarks of {known}, found {landmarks}{called}")
    return name


def _has_face_first(places: npt.NDArray[np.floating]) -> bool:
    """Whether landmarks 1 to 4 lie beside landmark 0, for the size of the figure; (N, 17, 2+)."""
    points = places[..., :2].astype(np.float64)
    away = np.linalg.norm(points - points[:, :1], axis=-1)
    with_face = np.isfinite(away[:, : _FACE + 1]).all(axis=1)
    usable = with_face & ((np.nan_to_num(away) > 0).sum(axis=1) > 2 * _FACE)
    if not usable.any():
        return True
    share = away[usable, 1 : _FACE + 1].max(axis=1) / np.nanmax(away[usable], axis=1)
    return bool(np.median(share) < _FACE_SHARE)


def seconds_of(
    uri: str, written: npt.NDArray[Any], *, stream: bool = False
) -> npt.NDArray[np.float64]:
    """The times (N,) as they are written, in seconds from the start.

    The usual distance of frames tells the unit: up to 2 are seconds, and where it makes sense as
    4 ms to 2 s they are milli-, micro- or nanoseconds. A clock that begins after a day (Unix time,
    the time since a machine was started) is counted from the first frame. The chunks of a `stream`
    share a clock in seconds, which is kept. Raises NotKeypoints for everything else.
    """
    times: npt.NDArray[np.float64] = written.astype(np.float64)
    if not len(times):
        raise NotKeypoints(f"{uri}: expected frames, found none")
    steps = np.diff(times)
    if not (np.isfinite(times).all() and times[0] >= 0 and (steps > 0).all()):
        raise NotKeypoints(
            f"{uri}: expected times that increase from 0 s on, each a frame, found "
            f"{times[0]:g} s to {times[-1]:g} s, not all in order"
        )
    if not len(steps):
        return times if stream or times[0] < _DAY_S else times - times[0]
    step = float(np.median(steps))
    if not stream and len(steps) > 1 and (steps % 1 == 0).all() and step == 1:
        raise NotKeypoints(
            f"{uri}: expected times in seconds, found the numbers of frames; leave the times out "
            "and give the rate with --fps"
        )
    if step > _FARTHEST_S:
        units = [unit for _, unit in _UNITS if _CLOSEST_S <= step * unit <= _FARTHEST_S]
        if stream or not units:
            raise NotKeypoints(
                f"{uri}: expected times in seconds, found {step:g} between frames; write seconds "
                "from the start"
            )
        times, steps = times * units[0], steps * units[0]
    if stream:
        return times
    if steps.max() > _DAY_S:
        raise NotKeypoints(
            f"{uri}: expected times of one clock, found a step of {steps.max():g} s; write seconds "
            "from the start, or a file for each recording"
        )
    return times - times[0] if times[0] >= _DAY_S else times


def are_shares(places: npt.NDArray[np.floating]) -> bool:
    """Whether places (..., 2 or more) are shares of the picture, and no pixels."""
    seen = np.abs(places[..., :2][np.isfinite(places[..., :2])])
    return bool(len(seen)) and float(np.quantile(seen, 0.99)) <= _SHARES


def scale_to_px(
    uri: str,
    places: npt.NDArray[np.floating],
    picture_px: tuple[int, int] | None,
    *,
    centred: bool = False,
) -> Scale | None:
    """What makes pixels of places (..., 2 or more); None where they are pixels already.

    Shares go from 0 to 1; where `centred` allows it also from -1 to 1, which negative ones tell
    (`--keypoint_scale 4` of OpenPose). Raises NotKeypoints for shares of a picture whose size
    is not known, and for places around 0, which are metres.
    """
    if not are_shares(places):
        return None
    if picture_px is None:
        raise NotKeypoints(
            f"{uri}: expected places in pixels, found shares of the picture; give its size with "
            "--picture-size WIDTHxHEIGHT"
        )
    width, height = map(float, picture_px)
    size = np.array([width, height, width])
    seen = places[..., :2][np.isfinite(places[..., :2])]
    negative = float((seen < 0).mean())
    if centred and negative > 0:
        return np.stack([size / 2, size / 2 * [1, 1, 0]])
    if negative > 1 / 4:
        raise NotKeypoints(
            f"{uri}: expected places in the picture, found {negative:.0%} of them negative, as of "
            "landmarks in metres around the hips; write the landmarks of the image"
        )
    return np.stack([size, 0 * size])


def to_px(places: npt.NDArray[np.floating], scale: Scale | None) -> npt.NDArray[np.float64]:
    """Places (..., 2 or 3) in pixels."""
    wide = places.astype(np.float64)
    if scale is None:
        return wide
    return wide * scale[0, : wide.shape[-1]] + scale[1, : wide.shape[-1]]


def size_px_of(uri: str, width: float, height: float) -> tuple[int, int]:
    """The size of a picture; raises NotKeypoints where it is none."""
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise NotKeypoints(
            f"{uri}: expected width and height of the picture (`size_px`), found {width:g} x "
            f"{height:g}"
        )
    return round(width), round(height)
