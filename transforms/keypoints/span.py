"""What every source of keypoints gives: the poses of a span, and why a file is refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.estimator import People
from repscore.transforms.inputs import ProbeError

_BEYOND: Final = 1e9


class NotKeypoints(ProbeError):
    """A file does not hold keypoints in a layout that is known."""


@dataclass(frozen=True, eq=False)
class Span:
    """The frames of a half-open span of time.

    Attributes:
        topology: a key of `skeleton.TOPOLOGIES`.
        poses: the people at each time, in order.
        named: whether the source says who is who; if not, `People.person` is -1.
        shortfall: what of the span could not be read, None if all of it was.
    """

    topology: str
    poses: Sequence[tuple[float, People]]
    named: bool
    shortfall: str | None = None


def rate_of(time_s: npt.NDArray[np.float64]) -> float:
    """Frames per second by the usual distance of frames; 0 for a single one."""
    return float(1 / np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def length_of(time_s: npt.NDArray[np.float64], rate_fps: float) -> float:
    """Seconds from the start to the end of the last frame."""
    return float(time_s[-1]) + (1 / rate_fps if rate_fps else 0.0)


def people_of(
    person: npt.NDArray[Any],
    image_px: npt.NDArray[Any],
    world_m: npt.NDArray[Any] | None,
    visibility: npt.NDArray[Any] | None,
) -> People:
    """The people of a frame, those without any landmark left out.

    image_px is (P, L, 2) or, with depth, (P, L, 3), world_m (P, L, 3), visibility (P, L). A
    landmark that is not seen is NaN with visibility 0; one without visibility has 1.
    """
    (people,) = people_of_frames(
        person[None],
        image_px[None],
        None if world_m is None else world_m[None],
        None if visibility is None else visibility[None],
    )
    return people


def people_of_frames(
    person: npt.NDArray[Any],
    image_px: npt.NDArray[Any],
    world_m: npt.NDArray[Any] | None,
    visibility: npt.NDArray[Any] | None,
) -> Iterator[People]:
    """The same for N frames with equally many people: all arrays have N as their first axis."""
    image = np.full((*image_px.shape[:-1], 3), np.nan, np.float32)
    image[..., : image_px.shape[-1]] = _finite(image_px)
    image[np.isnan(image[..., :2]).any(axis=-1)] = np.nan
    seen = np.isfinite(image[..., 0])
    sure = np.ones(seen.shape) if visibility is None else _finite(visibility)
    sure = np.where(seen, np.clip(np.nan_to_num(sure), 0, 1), 0).astype(np.float32)
    there: npt.NDArray[np.bool_] = np.asarray(seen.any(axis=-1))
    world = np.full(image.shape, np.nan, np.float32) if world_m is None else _finite(world_m)
    for row, who in enumerate(there):
        yield People(
            person=person[row, who].astype(np.int32),
            image_px=image[row, who],
            world_m=world[row, who],
            visibility=sure[row, who],
        )


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Float32, NaN for infinity and what is beyond all pictures."""
    return np.where(np.abs(values) < _BEYOND, values, np.nan).astype(np.float32)
