"""Who is who: the bodies in a frame are assigned to the people of the frames before.

One measure serves every source: how far the joints lie from where they are expected (median over
the joints), in torso lengths of the person.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.torso import torsos_px

Array = npt.NDArray[np.floating]

REVISION: Final = 2
"""Rises with every change that gives other identities for the same bodies."""

MEMORY_S: Final = 1.0
"""Somebody who was away for longer is somebody new, where place alone identifies people."""

REACH_TORSOS: Final = 0.5
"""Distance from the expected place within which a body is the same person: half a torso is about
the width of a trunk, and people who stand side by side are farther apart."""

SPEED_TORSOS_PER_S: Final = 2.5
"""How the reach grows while a person is unseen: walking at 1.3 m/s, with a torso of 0.5 m."""

_COAST_S: Final = 0.5
"""A person who is unseen is expected to go on for so long, then to stand."""

_LEAST_JOINTS: Final = 4
"""A body with fewer joints is a fragment and nobody: the trunk alone has four."""

_VELOCITY_S: Final = 0.15
"""Time constant of the velocity: a few frames, since a person turns around in half a second."""

BODY_S: Final = 1.0
"""Time constant of what hardly changes: the size of the torso, the colours of the clothes."""


def load_matching() -> Callable[[Array], tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """SciPy's solver of the assignment problem, which takes half a second the first time."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment


def pairs_within(costs: Array, most: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of costs (R, C), each index once, with the least sum.

    No pair costs more than `most`; infinity is allowed and never chosen.
    """
    if not costs.size:
        return []
    rows, columns = load_matching()(np.minimum(costs, 2 * most))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if costs[row, column] <= most]


def distances_px(some_px: Array, others_px: Array) -> Array:
    """Median distance (...) of the joints of bodies (..., J, 2); infinite without common joints."""
    distances = np.sort(np.linalg.norm(some_px - others_px, axis=-1), axis=-1)  # NaN comes last
    count = np.isfinite(distances).sum(axis=-1)
    middle = np.maximum(0, count - 1)[..., None] // 2
    median: Array = np.take_along_axis(distances, middle, -1)[..., 0]
    return np.where(count > 0, median, np.inf)


@dataclass(frozen=True, eq=False)
class Track:
    """Where a person was last seen.

    Attributes:
        time_s: when that was.
        joints_px: (15, 2), a joint out of sight where it would be if it moved with the body.
        velocity_px_s: (2,) of the body as a whole.
        torso_px: its size; NaN where no bone was seen.
    """

    time_s: float
    joints_px: Array
    velocity_px_s: Array
    torso_px: float

    def expected_px(self, time_s: float) -> Array:
        """Joints (15, 2) at a later time."""
        expected: Array = self.joints_px + self.velocity_px_s * min(time_s - self.time_s, _COAST_S)
        return expected


def moved(tracks: Sequence[Track], times_s: Sequence[float], joints_px: Array) -> list[Track]:
    """The tracks after each body was seen again, at joints (N, 15, 2)."""
    if not tracks:
        return []
    before_px = np.array([track.joints_px for track in tracks])
    velocity_px_s = np.array([track.velocity_px_s for track in tracks])
    torso_px = np.array([track.torso_px for track in tracks])
    elapsed_s = np.array(times_s) - [track.time_s for track in tracks]
    step_px = _middle_px(joints_px - before_px)
    share = (1 - np.exp(-elapsed_s / _VELOCITY_S))[:, None]
    velocity_px_s = velocity_px_s + share * (step_px / elapsed_s[:, None] - velocity_px_s)
    change_px = (1 - np.exp(-elapsed_s / BODY_S)) * (torsos_px(joints_px) - torso_px)
    torso_px = np.where(np.isfinite(change_px), torso_px + change_px, torso_px)
    joints_px = np.where(np.isnan(joints_px), before_px + step_px[:, None], joints_px)
    return [
        Track(*row)
        for row in zip(times_s, joints_px, velocity_px_s, torso_px.tolist(), strict=True)
    ]


def _middle_px(steps_px: Array) -> Array:
    """Medians (N, 2) over the joints that are known of steps (N, J, 2); 0 where none is."""
    unknown = np.asarray(np.isnan(steps_px).any(axis=-1))
    ordered = np.sort(np.where(unknown[..., None], np.inf, steps_px), axis=1)  # those come last
    count = (~unknown).sum(axis=1)[:, None, None]
    low, high = (
        np.take_along_axis(ordered, np.maximum(0, place), axis=1)[:, 0]
        for place in ((count - 1) // 2, count // 2)
    )
    middle: Array = np.where(count[:, 0] > 0, (low + high) / 2, 0.0)
    return middle


def begin(time_s: float, joints_px: Array) -> Track:
    """The track of a person who is seen for the first time, at joints (15, 2)."""
    return Track(time_s, joints_px, np.zeros(2), float(torsos_px(joints_px[None])[0]))


def match(
    tracks: Sequence[Track],
    times_s: Sequence[float],
    joints_px: Array,
    *,
    memory_s: float = MEMORY_S,
    unlikeness: Array | None = None,
) -> dict[int, int]:
    """Bodies (P, 15, 2) at times (P,) -> the track of each; who is in none is missing.

    The assignment has the least sum of distances, as shares of the reach, of shares of joints that
    go out of sight (so that a part of a person yields to the whole), and of `unlikeness` (P, T),
    where that is known.
    """
    costs = np.full((len(joints_px), len(tracks)), np.inf)
    for column, track in enumerate(tracks):
        elapsed_s = np.asarray(times_s, np.float64) - track.time_s
        expected_px = np.array([track.expected_px(time_s) for time_s in times_s]).reshape(-1, 15, 2)
        distances = distances_px(expected_px, joints_px) / track.torso_px
        shares = distances / (REACH_TORSOS + SPEED_TORSOS_PER_S * elapsed_s)
        known, seen = ~np.isnan(track.joints_px[:, 0]), ~np.isnan(joints_px[..., 0])
        hidden = (known & ~seen).sum(axis=-1) / max(1, known.sum())
        costs[:, column] = np.where(
            (shares <= 1) & (elapsed_s <= memory_s), shares + hidden, np.inf
        )
    if unlikeness is not None:
        costs += unlikeness
    return dict(pairs_within(costs, 3.0))  # a sum of three shares, each at most 1


@dataclass(frozen=True, eq=False)
class Following:
    """The people in sight or lost for less than MEMORY_S; no number is given twice."""

    tracks: Mapping[int, Track] = field(default_factory=dict)
    next_person: int = 0


def follow(
    following: Following, time_s: float, joints_px: Array
) -> tuple[Following, npt.NDArray[np.int32]]:
    """Identities (P,) of the bodies (P, 15, 2) in the next frame; -1 for a fragment."""
    person = np.full(len(joints_px), -1, np.int32)
    tracks = {p: t for p, t in following.tracks.items() if time_s - t.time_s <= MEMORY_S}
    several = (~np.isnan(joints_px[..., 0])).sum(axis=1) >= _LEAST_JOINTS
    rows = np.flatnonzero(several & np.isfinite(torsos_px(joints_px)))
    names = list(tracks)
    pairs = match(list(tracks.values()), [time_s] * len(rows), joints_px[rows])
    next_person = following.next_person
    again = [index for index in range(len(rows)) if index in pairs]
    known = [names[pairs[index]] for index in again]
    person[rows[again]] = known
    after = moved([tracks[p] for p in known], [time_s] * len(known), joints_px[rows[again]])
    tracks |= dict(zip(known, after, strict=True))
    for row in np.delete(rows, again).tolist():
        person[row] = next_person
        tracks[next_person] = begin(time_s, joints_px[row])
        next_person += 1
    return Following(tracks, next_person), person
