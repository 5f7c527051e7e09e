"""Who is who among the people whose landmarks come from regions of interest.

The landmark model answers for the region it is shown, not for a person: where two people cross,
both regions may end on one of them, or change over. So poses are assigned to the known people by
place (`people.match`) and by the colours of their clothes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models import people
from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.smoothing import Smoothed
from repscore.models.people import BODY_S, REACH_TORSOS
from repscore.models.skeleton import JOINT
from repscore.models.torso import torsos_px

Array = npt.NDArray[np.float64]

MAX_UNLIKE: Final = 0.55
"""Distance of appearances from which on a pose is somebody else's."""

_BINS: Final = 4
_GRID: Final = 12
_SHOULDERS_AND_HIPS: Final = (11, 12, 23, 24)


@dataclass(frozen=True, eq=False)
class RegionPose:
    """The person in a region of a frame, not yet identified.

    Attributes:
        image_px: (33, 3). world_m: (33, 3). visibility: (33,).
        joints_px: (15, 2), the canonical joints.
        region: (4,), where to look in the next frame.
        appearance: (64,) share of each colour on the torso; None where it was not noted.
    """

    image_px: Array
    world_m: Array
    visibility: Array
    joints_px: Array
    region: Array
    appearance: Array | None


@dataclass(frozen=True, eq=False)
class RegionTrack:
    """A person who is followed, as seen last.

    Attributes:
        pose: the last pose; `pose.region` is where to look next.
        place: when and where that was.
        appearance: the torso's colours, averaged over time; None before they were noted.
        smoothed: memory of the smoothing filters, None where there are none.
    """

    identity: int
    pose: RegionPose
    place: people.Track
    appearance: Array | None
    smoothed: Smoothed | None = None


def assign(
    tracks: Sequence[RegionTrack],
    lost: Sequence[RegionTrack],
    poses: Sequence[RegionPose],
    time_s: float,
    next_identity: int,
    remember_s: float,
) -> tuple[tuple[RegionTrack, ...], tuple[RegionTrack, ...], int]:
    """Identify the poses of a frame: (tracks, lost, next identity) after it.

    Tracks are in the order of their identities, so that of two on one body the older one stays.
    """
    named: dict[int, RegionTrack] = {}  # row of `poses` -> track
    for known in (tracks, lost):  # who was in the last frame comes before who was away
        rows = [row for row in range(len(poses)) if row not in named]
        pairs = _matched(known, [poses[row] for row in rows], time_s, remember_s)
        seen = [rows[index] for index in pairs]
        after = continued(
            [known[track] for track in pairs.values()], [poses[row] for row in seen], time_s
        )
        named |= dict(zip(seen, after, strict=True))
    rows = sorted(named, key=lambda row: named[row].identity)
    rows += [row for row in range(len(poses)) if row not in named]
    followed = []
    for row in _distinct(poses, rows):
        if row in named:
            followed.append(named[row])
        else:
            place = people.begin(time_s, poses[row].joints_px)
            followed.append(RegionTrack(next_identity, poses[row], place, poses[row].appearance))
            next_identity += 1
    identified = {track.identity for track in followed}
    away = (
        replace(track, smoothed=None)
        for track in (*lost, *tracks)
        if track.identity not in identified and time_s - track.place.time_s <= remember_s
    )
    return tuple(followed), tuple(away), next_identity


def are_followed(detected: Regions, tracks: Sequence[RegionTrack]) -> npt.NDArray[np.bool_]:
    """Which of the detected regions (N, 4) are about one of the people who are followed."""
    hips = np.array([track.place.joints_px[JOINT["mid_hip"]] for track in tracks]).reshape(-1, 2)
    torsos = np.array([track.place.torso_px for track in tracks])
    apart = np.linalg.norm(detected[:, None, :2] - hips[None], axis=2)
    near: npt.NDArray[np.bool_] = (apart < REACH_TORSOS * torsos).any(axis=1)
    return near


def appearances(
    crops: npt.NDArray[np.uint8], points: npt.NDArray[np.floating]
) -> list[npt.NDArray[np.float64]]:
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


def unlikeness(some: Array | None, other: Array | None) -> float:
    """Hellinger distance of two appearances: 0 the same colours, 1 none in common; 0 if unknown."""
    if some is None or other is None:
        return 0.0
    return float(np.sqrt(max(1.0 - np.sqrt(some * other).sum(), 0.0)))


def continued(
    tracks: Sequence[RegionTrack], poses: Sequence[RegionPose], time_s: float | Sequence[float]
) -> list[RegionTrack]:
    """The tracks of people who were seen again, each in a pose; each at its time, or all at one."""
    times_s = np.broadcast_to(time_s, len(tracks)).tolist()
    joints_px = np.array([pose.joints_px for pose in poses])
    places = people.moved([track.place for track in tracks], times_s, joints_px)
    return [
        RegionTrack(track.identity, pose, place, _blended(track, pose, place), track.smoothed)
        for track, pose, place in zip(tracks, poses, places, strict=True)
    ]


def _blended(track: RegionTrack, pose: RegionPose, place: people.Track) -> Array | None:
    """The appearance after a pose."""
    if track.appearance is None or pose.appearance is None:
        return pose.appearance if track.appearance is None else track.appearance
    share = 1 - np.exp((track.place.time_s - place.time_s) / BODY_S)
    blended: Array = track.appearance + share * (pose.appearance - track.appearance)
    return blended


def _matched(
    known: Sequence[RegionTrack], poses: Sequence[RegionPose], time_s: float, remember_s: float
) -> dict[int, int]:
    """Row of a pose -> the track that it continues."""
    unlike = np.array([[unlikeness(t.appearance, p.appearance) for t in known] for p in poses])
    unlike = unlike.reshape(len(poses), len(known))
    return people.match(
        [track.place for track in known],
        [time_s] * len(poses),
        np.array([pose.joints_px for pose in poses]).reshape(-1, 15, 2),
        memory_s=remember_s,
        unlikeness=np.where(unlike < MAX_UNLIKE, unlike, np.inf),
    )


def _distinct(poses: Sequence[RegionPose], rows: Sequence[int]) -> list[int]:
    """The rows without those whose region ended on the body of an earlier one."""
    if len(rows) < 2:
        return list(rows)
    sizes_px = torsos_px(np.array([pose.joints_px for pose in poses]))
    kept: list[int] = []
    for row in rows:
        if all(
            people.distances_px(poses[row].joints_px, poses[other].joints_px)
            >= REACH_TORSOS * max(sizes_px[row], sizes_px[other])
            for other in kept
        ):
            kept.append(row)
    return kept
