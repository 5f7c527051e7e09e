"""Who is who: people keep their identity through crossings and short absences.

The landmark model answers for the region it is shown, not for a person: where two people cross,
both regions may end on one of them, or change over. So what is seen is assigned to who is known
at least cost: how far it lies from where the person was heading, and how unlike the person's
clothes it looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.smoothing import Smoothed
from repscore.models.people import pairs_within

Array = npt.NDArray[np.float64]

# Lengths in sides of the region, about 1.25 body heights.
NEAR: Final = 0.15
SAME_POSE: Final = 0.06
REACH: Final = 0.5
REACH_PER_S: Final = 0.5
OTHER_REGION: Final = 0.1
APPEARANCE: Final = 1.0
MAX_UNLIKE: Final = 0.55
ANY_COST: Final = 1e6
"""More than any cost of a possible pair; those of impossible ones are infinite."""

_BINS: Final = 4
_GRID: Final = 12
_SHOULDERS_AND_HIPS: Final = (11, 12, 23, 24)


@dataclass(frozen=True, eq=False)
class Sighting:
    """A person in a frame who is not yet named.

    Attributes:
        image_px: (33, 3). world_m: (33, 3). visibility: (33,).
        region: (4,), where to look in the next frame.
        appearance: (64,) share of each colour on the torso; None where it was not noted.
    """

    image_px: Array
    world_m: Array
    visibility: Array
    region: Array
    appearance: Array | None


@dataclass(frozen=True, eq=False)
class Track:
    """A person with a name, as seen last.

    Attributes:
        seen: the last sighting; `seen.region` is where to look next.
        time_s: when that was.
        velocity: (2,) of the region's centre, pixels per second.
        appearance: the torso's colours, averaged over time; None before they were noted.
        smoothed: memory of the smoothing filters, None where there are none.
    """

    identity: int
    seen: Sighting
    time_s: float
    velocity: Array
    appearance: Array | None
    smoothed: Smoothed | None = None

    @property
    def region(self) -> Array:
        """Where to look in the next frame."""
        return self.seen.region

    def expected(self, time_s: float) -> Array:
        """Centre (2,) at a time at most half a second after it was seen; later it stays there."""
        return self.region[:2] + self.velocity * min(time_s - self.time_s, 0.5)


def assign(
    tracks: Sequence[Track],
    lost: Sequence[Track],
    seen: Sequence[Sighting | None],
    time_s: float,
    next_identity: int,
    remember_s: float,
) -> tuple[tuple[Track, ...], tuple[Track, ...], int]:
    """Name what is seen: (tracks, lost, next identity) after this frame.

    `seen[i]` comes from the region of `tracks[i]`; what lies beyond them from the detector.
    """
    if len(tracks) == len(seen) == 1 and seen[0] is not None and not lost:  # common and cheap
        return (_continued(tracks[0], seen[0], time_s),), (), next_identity
    sightings = [(i, s) for i, s in enumerate(seen) if s is not None]
    sightings = _without_doubles(sightings, tracks, time_s)
    followed: dict[int, Track] = {}  # position in `sightings` -> track
    for t, s in pairs_within(_track_costs(tracks, sightings, time_s), ANY_COST):
        followed[s] = _continued(tracks[t], sightings[s][1], time_s)
    named = {track.identity for track in followed.values()}
    away = [track for track in (*lost, *tracks) if track.identity not in named]
    away = [track for track in away if time_s - track.time_s <= remember_s]
    free = [s for s in range(len(sightings)) if s not in followed]
    for t, f in pairs_within(
        _return_costs(away, [sightings[s][1] for s in free], time_s), ANY_COST
    ):
        followed[free[f]] = _begun(away[t].identity, sightings[free[f]][1], time_s)
    for s in free:
        if s not in followed:
            followed[s] = _begun(next_identity, sightings[s][1], time_s)
            next_identity += 1
    named = {track.identity for track in followed.values()}
    kept = tuple(replace(t, smoothed=None) for t in away if t.identity not in named)
    return tuple(followed[s] for s in sorted(followed)), kept, next_identity


def are_near(some: Regions, others: Regions) -> npt.NDArray[np.bool_]:
    """Which of `some` (N, 4) are about the same person as one of `others` (M, 4)."""
    apart = np.linalg.norm(some[:, None, :2] - others[None, :, :2], axis=2)
    larger = np.maximum(some[:, None, 2], others[None, :, 2])
    near: npt.NDArray[np.bool_] = (apart < NEAR * larger).any(axis=1)
    return near


def appearances(
    crops: npt.NDArray[np.uint8], points: npt.NDArray[np.floating]
) -> list[npt.NDArray[np.float64] | None]:
    """Colours of the torsos in crops (B, S, S, 3) with points (B, 39, 3) in 0..1: (64,) each.

    The torso is sampled between shoulders and hips; a share per cell of a 4x4x4 cube of colours.
    """
    side = crops.shape[1]
    left_top, right_top, left_low, right_low = (
        points[:, None, None, joint, :2] for joint in _SHOULDERS_AND_HIPS
    )
    across, down = np.meshgrid(*[np.linspace(0.1, 0.9, _GRID)] * 2)
    across, down = across[..., None], down[..., None]
    top = left_top + (right_top - left_top) * across
    low = left_low + (right_low - left_low) * across
    spots = np.clip((top + (low - top) * down) * side, 0, side - 1).astype(np.intp)
    colours = crops[np.arange(len(crops))[:, None, None], spots[..., 1], spots[..., 0]]
    cells = (colours // (256 // _BINS)).astype(np.intp) @ np.array([_BINS**2, _BINS, 1])
    counts = [np.bincount(c.ravel(), minlength=_BINS**3) / c[0].size / len(c) for c in cells]
    return list(counts)


def unlikeness(one: Array | None, other: Array | None) -> float:
    """Hellinger distance of two appearances: 0 the same colours, 1 none in common; 0 if unknown."""
    if one is None or other is None:
        return 0.0
    return float(np.sqrt(max(1.0 - np.sqrt(one * other).sum(), 0.0)))


def _continued(track: Track, seen: Sighting, time_s: float) -> Track:
    step_s = max(time_s - track.time_s, 1e-3)
    velocity = (seen.region[:2] - track.region[:2]) / step_s
    appearance = track.appearance
    if appearance is None:
        appearance = seen.appearance
    elif seen.appearance is not None:
        appearance = appearance + 0.05 * (seen.appearance - appearance)
    return Track(
        track.identity,
        seen,
        time_s,
        track.velocity + 0.5 * (velocity - track.velocity),
        appearance,
        track.smoothed,
    )


def _begun(identity: int, seen: Sighting, time_s: float) -> Track:
    return Track(identity, seen, time_s, np.zeros(2), seen.appearance)


def _without_doubles(
    sightings: list[tuple[int, Sighting]], tracks: Sequence[Track], time_s: float
) -> list[tuple[int, Sighting]]:
    """Of two regions that ended on one body, the one that had less far to come is kept."""
    if len(sightings) < 2:
        return sightings

    def surprise(entry: tuple[int, Sighting]) -> float:
        i, seen = entry
        if i >= len(tracks):
            return np.inf
        apart = np.linalg.norm(seen.region[:2] - tracks[i].expected(time_s)) / seen.region[2]
        return float(apart) + unlikeness(tracks[i].appearance, seen.appearance)

    kept: list[tuple[int, Sighting]] = []
    for entry in sorted(sightings, key=surprise):
        if not any(_is_same_body(entry[1], other) for _, other in kept):
            kept.append(entry)
    return sorted(kept, key=lambda entry: entry[0])


def _is_same_body(one: Sighting, other: Sighting) -> bool:
    apart = np.linalg.norm(one.image_px[:, :2] - other.image_px[:, :2], axis=1)
    size = float(max(one.region[2], other.region[2]))
    return float(np.median(apart)) < SAME_POSE * size


def _track_costs(
    tracks: Sequence[Track], sightings: Sequence[tuple[int, Sighting]], time_s: float
) -> Array:
    costs = np.full((len(tracks), len(sightings)), np.inf)
    for t, track in enumerate(tracks):
        for s, (source, seen) in enumerate(sightings):
            apart = np.linalg.norm(seen.region[:2] - track.expected(time_s)) / track.region[2]
            if source == t or apart < REACH:
                costs[t, s] = apart + OTHER_REGION * (source != t)
                costs[t, s] += APPEARANCE * unlikeness(track.appearance, seen.appearance)
    return costs


def _return_costs(away: Sequence[Track], seen: Sequence[Sighting], time_s: float) -> Array:
    costs = np.full((len(away), len(seen)), np.inf)
    for t, track in enumerate(away):
        for s, sighting in enumerate(seen):
            apart = np.linalg.norm(sighting.region[:2] - track.expected(time_s)) / track.region[2]
            unlike = unlikeness(track.appearance, sighting.appearance)
            if apart < REACH + REACH_PER_S * (time_s - track.time_s) and unlike < MAX_UNLIKE:
                costs[t, s] = apart + APPEARANCE * unlike
    return costs
