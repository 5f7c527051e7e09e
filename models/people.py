"""Who is who from frame to frame, told by place alone: for sources without identities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import JOINT

Array = npt.NDArray[np.floating]

MEMORY_S: Final = 1.0
"""Somebody who was away for longer is somebody new."""

_REACH_TORSOS: Final = 0.5
_REACH_TORSOS_PER_S: Final = 0.5
"""How far from where they are expected people are found, and how that grows while unseen."""

_LEAST_JOINTS: Final = 4
"""Fewer joints make nobody new: they belong to somebody known, or are a speck."""

_COMMON_JOINTS: Final = 2
_VELOCITY_S: Final = 0.15
_SIZE_S: Final = 1.0

# Bones and their length in torsos, on an adult.
_BONES: Final = (
    ("neck", "mid_hip", 1.0),
    *((f"{side}_shoulder", f"{side}_elbow", 0.6) for side in ("right", "left")),
    *((f"{side}_elbow", f"{side}_wrist", 0.5) for side in ("right", "left")),
    *((f"{side}_hip", f"{side}_knee", 0.8) for side in ("right", "left")),
    *((f"{side}_knee", f"{side}_ankle", 0.8) for side in ("right", "left")),
)
_STARTS: Final = [JOINT[start] for start, _, _ in _BONES]
_ENDS: Final = [JOINT[end] for _, end, _ in _BONES]
_TORSOS: Final = np.array([length for _, _, length in _BONES])


def load_matching() -> Callable[[Array], tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """SciPy's solver of the assignment problem, which takes half a second the first time."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment


def pairs_within(costs: Array, most: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of costs (R, C), each index once, chosen together for the least in all.

    No pair costs more than `most`; infinity is allowed and never chosen.
    """
    if not costs.size:
        return []
    rows, columns = load_matching()(np.minimum(costs, 2 * most))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if costs[row, column] <= most]


def torso_px(joints_px: Array) -> Array:
    """Torso lengths (P,) of bodies (P, 15, 2), also where the torso is foreshortened or unseen.

    The upper quartile of what each bone in sight says by its usual proportion; without any bone a
    third of the joints' extent; NaN where fewer than two joints are seen.
    """
    bones = np.linalg.norm(joints_px[:, _ENDS] - joints_px[:, _STARTS], axis=-1) / _TORSOS
    told = np.sort(bones, axis=1)  # NaN comes last
    count = np.isfinite(told).sum(axis=1)
    quartile = told[np.arange(len(told)), np.maximum(0, np.ceil(0.75 * count).astype(int) - 1)]
    seen = np.isfinite(joints_px[..., 0])
    low = np.where(seen[..., None], joints_px, np.inf).min(axis=1)
    high = np.where(seen[..., None], joints_px, -np.inf).max(axis=1)
    several = seen.sum(axis=1) >= 2
    extent = np.linalg.norm(np.where(several[:, None], high, np.nan) - low, axis=-1) / 3
    size: Array = np.where(count > 0, quartile, extent)
    return np.where(size > 0, size, np.nan)


def ways_px(before_px: Array, after_px: Array) -> Array:
    """Median way (A, B) of the joints of bodies, from before (B, 15, 2) to after (A, 15, 2).

    Infinite where fewer than two joints are in sight on both sides.
    """
    ways = np.linalg.norm(after_px[:, None] - before_px[None], axis=-1)
    count = np.isfinite(ways).sum(axis=-1)
    middle = np.take_along_axis(
        np.sort(ways, axis=-1), np.maximum(0, count - 1)[..., None] // 2, -1
    )
    median: Array = np.where(count >= _COMMON_JOINTS, middle[..., 0], np.inf)
    return median


@dataclass(frozen=True, eq=False)
class Track:
    """Where somebody was last seen.

    Attributes:
        time_s: when that was.
        joints_px: (15, 2), a joint out of sight where it would be if it moved with the body.
        velocity_px_s: (2,) of the body as a whole.
        torso_px: its size.
    """

    time_s: float
    joints_px: Array
    velocity_px_s: Array
    torso_px: float


@dataclass(frozen=True, eq=False)
class Following:
    """The people in sight or lost for less than MEMORY_S; no number is given twice."""

    tracks: Mapping[int, Track] = field(default_factory=dict)
    next_person: int = 0


def follow(
    following: Following, time_s: float, joints_px: Array
) -> tuple[Following, npt.NDArray[np.int32]]:
    """Identities (P,) of the bodies (P, 15, 2) in the next frame; -1 for a speck that is nobody.

    Everybody is expected where their velocity leads. Pairs are chosen together for the least
    distance, in torso lengths, and the fewest joints that go out of sight, so that a part of
    somebody yields to the whole; who is too far from all of them is new.
    """
    known = {
        person: track
        for person, track in following.tracks.items()
        if time_s - track.time_s <= MEMORY_S
    }
    person = np.full(len(joints_px), -1, np.int32)
    tracks = dict(known)
    sizes_px = torso_px(joints_px)
    if known and len(joints_px):
        names, elapsed_s = list(known), np.array([time_s - t.time_s for t in known.values()])
        expected_px = np.stack([_expected(track, time_s) for track in known.values()])
        reach_px = np.array([track.torso_px for track in known.values()]) * (
            _REACH_TORSOS + _REACH_TORSOS_PER_S * elapsed_s
        )
        away = ways_px(expected_px, joints_px) / reach_px
        costs = np.where(away <= 1, away + _hidden(expected_px, joints_px), np.inf)
        for row, column in pairs_within(costs, 2.0):
            person[row] = names[column]
            before = known[names[column]]
            tracks[names[column]] = _seen(before, time_s, joints_px[row], float(sizes_px[row]))
    next_person = following.next_person
    several = np.isfinite(joints_px[..., 0]).sum(axis=1) >= _LEAST_JOINTS
    for row in np.flatnonzero((person < 0) & several & np.isfinite(sizes_px)).tolist():
        person[row] = next_person
        still = np.zeros(2)
        tracks[next_person] = Track(time_s, joints_px[row], still, float(sizes_px[row]))
        next_person += 1
    return Following(tracks, next_person), person


def _hidden(before_px: Array, after_px: Array) -> Array:
    """Share (A, B) of the joints known before, (B, 15, 2), that are out of sight after."""
    known, seen = np.isfinite(before_px[..., 0]), np.isfinite(after_px[..., 0])
    share: Array = (known & ~seen[:, None]).sum(axis=-1) / np.maximum(1, known.sum(axis=-1))
    return share


def _expected(track: Track, time_s: float) -> Array:
    expected: Array = track.joints_px + track.velocity_px_s * (time_s - track.time_s)
    return expected


def _seen(track: Track, time_s: float, joints_px: Array, size_px: float) -> Track:
    """The track after its body was found in another frame, of a size or NaN."""
    elapsed_s = time_s - track.time_s
    moved_px = (joints_px - track.joints_px)[np.isfinite(joints_px + track.joints_px).all(axis=-1)]
    way_px = np.median(moved_px, axis=0)
    new = 1 - np.exp(-elapsed_s / _VELOCITY_S)
    velocity_px_s = track.velocity_px_s + new * (way_px / elapsed_s - track.velocity_px_s)
    grown = 1 - np.exp(-elapsed_s / _SIZE_S)
    change_px = float(grown * (size_px - track.torso_px)) if np.isfinite(size_px) else 0.0
    carried_px = np.where(np.isfinite(joints_px), joints_px, track.joints_px + way_px)
    return Track(time_s, carried_px, velocity_px_s, track.torso_px + change_px)
