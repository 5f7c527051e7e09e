"""Whose repetitions are kept where more people are seen than were asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import to_canonical
from repscore.transforms.records import PoseFrames, Repetition

Rule = Literal["exercising", "largest", "most-moving", "most-confident", "first", "all"]

TOGETHER_S: Final = 1.0
"""People who are seen at the same time for longer than this are two."""

_LONGEST_STEP_S: Final = 0.5


@dataclass(frozen=True)
class Subjects:
    """Who is kept.

    Attributes:
        people: how many at a time.
        rule: who comes first: whose repetitions are surest in sum (`exercising`), who is largest in
            the picture, moves most on the spot, is seen most clearly, came first; `all` keeps
            everybody.
    """

    people: int = 1
    rule: Rule = "exercising"


@dataclass(frozen=True, eq=False)
class Presence:
    """What is told of a person's frames so far; sums, so that cuts leave no trace.

    Attributes:
        frames: those in which the person is seen.
        size_px: sum of the diagonals around the visible joints.
        visibility: sum of the mean visibility of the joints.
        way: sum of the mean way of the joints around their middle, in diagonals.
        joints_px: (15, 2) at last_s.
    """

    frames: int = 0
    first_s: float = float("inf")
    last_s: float = float("-inf")
    size_px: float = 0.0
    visibility: float = 0.0
    way: float = 0.0
    joints_px: npt.NDArray[np.float64] | None = None


def observe(before: Presence, poses: PoseFrames) -> Presence:
    """The presence of a person after some more frames, all later than those before."""
    image = to_canonical(poses.image_px[..., :2].astype(np.float64), poses.topology)
    visibility = to_canonical(poses.visibility[..., None], poses.topology)[..., 0]
    seen = np.flatnonzero(np.isfinite(image[..., 0]).any(axis=1))
    if not len(seen):
        return before
    joints, time_s = image[seen], poses.time_s[seen]
    known = np.isfinite(joints)
    spread = np.where(known, joints, -np.inf).max(axis=1) - np.where(known, joints, np.inf).min(
        axis=1
    )
    size_px = np.hypot(*spread.T)
    if before.joints_px is not None:
        joints = np.concatenate([before.joints_px[None], joints])
        time_s = np.concatenate([[before.last_s], time_s])
        steps_size = size_px
    else:
        steps_size = size_px[1:]
    return Presence(
        frames=before.frames + len(seen),
        first_s=min(before.first_s, float(time_s[0])),
        last_s=float(time_s[-1]),
        size_px=before.size_px + float(size_px.sum()),
        visibility=before.visibility + float(np.nan_to_num(visibility[seen]).mean(axis=1).sum()),
        way=before.way + _way(joints, time_s, steps_size),
        joints_px=joints[-1],
    )


def _way(
    joints: npt.NDArray[np.float64],
    time_s: npt.NDArray[np.float64],
    size_px: npt.NDArray[np.float64],
) -> float:
    steps = np.diff(joints, axis=0)  # (N - 1, 15, 2)
    known = np.isfinite(steps[..., 0])
    count = np.maximum(known.sum(axis=1), 1)
    steps = np.where(known[..., None], steps, 0.0)
    middle = steps.sum(axis=1) / count[:, None]
    around = np.where(known, np.hypot(*np.moveaxis(steps - middle[:, None], -1, 0)), 0.0)
    usable = (np.diff(time_s) <= _LONGEST_STEP_S) & (size_px > 0)
    share = around.sum(axis=1) / count / np.where(usable, size_px, 1.0)
    return float(share[usable].sum())


def choose(
    people: Mapping[int, Presence], repetitions: Iterable[Repetition], subjects: Subjects
) -> dict[int, int]:
    """Who is kept, and as which person: identity -> number from 0.

    Somebody who is never seen together with a person of higher rank counts as the same one: after
    a cut of the camera, or a long absence, nobody can tell.
    """
    if subjects.rule == "all":
        return {identity: identity for identity in people}
    sure: dict[int, float] = dict.fromkeys(people, 0.0)
    for repetition in repetitions:
        sure[repetition.person] += repetition.confidence

    def rank(identity: int) -> tuple[float, ...]:
        seen = people[identity]
        frames = max(seen.frames, 1)
        first = {
            "exercising": -sure[identity],
            "largest": -seen.size_px / frames,
            "most-moving": -seen.way,
            "most-confident": -seen.visibility / frames,
            "first": seen.first_s,
        }[subjects.rule]
        return first, -seen.way, identity

    slots: list[list[Presence]] = []
    kept: dict[int, int] = {}
    for identity in sorted(people, key=rank):
        here = people[identity]
        if len(slots) < subjects.people:
            kept[identity] = len(slots)
            slots.append([here])
            continue
        for number, slot in enumerate(slots):
            if not any(_are_together(here, other) for other in slot):
                kept[identity] = number
                slot.append(here)
                break
    return kept


def _are_together(one: Presence, other: Presence) -> bool:
    return min(one.last_s, other.last_s) - max(one.first_s, other.first_s) > TOGETHER_S


def of_the_kept(repetitions: Iterable[Repetition], kept: Mapping[int, int]) -> list[Repetition]:
    """The repetitions of those who are kept, under their numbers, in time order."""
    chosen = [
        replace(repetition, person=kept[repetition.person])
        for repetition in repetitions
        if repetition.person in kept
    ]
    return sorted(chosen, key=lambda found: (found.start_s, found.person))
