"""One person's landmarks in, repetitions out: clean, normalise, segment and measure as a stream.

The stream is worked off in hops of a fixed number of grid instants that lie at the same times
however the frames arrive, and every hop sees the same neighbourhood: cutting the frames into
other blocks changes nothing. A repetition leaves at most about eight seconds after its end.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions import measure, normalise, segment
from repscore.transforms.repetitions.clean import (
    MARGIN,
    MAX_GAP_S,
    RATE_HZ,
    Samples,
    clean,
    no_samples,
    samples_of,
)
from repscore.transforms.repetitions.segment import HOP, LAG, WINDOW, Cycle, Tuning

REVISION = 1
"""Rises with every change that gives other repetitions for the same poses."""

Array = npt.NDArray[np.float64]

_TUNING = Tuning()
_BREAK_S = 20.0  # frames farther apart do not belong to one movement
_TORSOS = 8  # hops over which the torso is measured
_MIN_COVERAGE = 0.5


@dataclass(frozen=True)
class MotionState:
    """What is remembered of one person between blocks of frames; its size is bounded.

    Attributes:
        samples: frames that a hop to come still needs.
        hop: first grid instant of the next hop; None before the first frame.
        settled: grid instant up to which all repetitions have been given out.
        anchor: grid instant of the last return to a start position.
        torsos: (px, m) of the torso in the latest hops with the person.
        joints: (n, 15, 6) of the latest grid instants, at most WINDOW; the last one is hop - 1.
        visibility: (n, 15).
        steps: (n, segment.FEATURES) motion.
    """

    person: int
    samples: Samples
    hop: int | None
    settled: int
    anchor: int | None
    torsos: tuple[tuple[float, float], ...]
    joints: Array
    visibility: Array
    steps: Array


def start(person: int) -> MotionState:
    """The state before the first frame of a person."""
    return MotionState(
        person=person,
        samples=no_samples(),
        hop=None,
        settled=0,
        anchor=None,
        torsos=(),
        joints=np.zeros((0, 15, 6)),
        visibility=np.zeros((0, 15)),
        steps=np.zeros((0, segment.FEATURES)),
    )


def step(state: MotionState, poses: PoseFrames) -> tuple[MotionState, tuple[Repetition, ...]]:
    """Take the next frames of the person; give out the repetitions that they settle.

    Frames must be later than all before them. Blocks may have any length: the same frames give
    the same repetitions.
    """
    samples = samples_of(poses)
    if len(samples.time_s) == 0:
        return state, ()
    known = state.samples.time_s[-1:]
    times = np.concatenate([known, samples.time_s])
    if not (np.diff(times) > 0).all():
        raise ValueError(
            f"frames of person {state.person} must come in order of time, expected later than "
            f"{times[:-1][np.diff(times) <= 0][0]:.3f} s; release segments in order"
        )
    given: list[Repetition] = []
    breaks = np.flatnonzero(np.diff(times) > _BREAK_S) + 1 - len(known)
    for part, begin in enumerate((0, *breaks)):
        end = breaks[part] if part < len(breaks) else len(samples.time_s)
        if part > 0 or (len(breaks) and breaks[0] == 0):
            given.extend(finish(state))
            state = start(state.person)
        if end > begin:
            frames = samples.between(
                samples.time_s[begin], np.nextafter(samples.time_s[end - 1], np.inf)
            )
            state, settled = _advance(state, frames)
            given.extend(settled)
    return state, tuple(given)


def finish(state: MotionState) -> tuple[Repetition, ...]:
    """The repetitions that are still open when no more frames come."""
    if state.hop is None:
        return ()
    given: list[Repetition] = []
    last = int(np.floor(state.samples.time_s[-1] * RATE_HZ))
    while state.hop is not None and state.hop <= last:
        count = min(HOP, last + 1 - state.hop)
        state, settled = _hop(state, count, final=count < HOP or state.hop + HOP > last)
        given.extend(settled)
    return tuple(given)


def _advance(state: MotionState, samples: Samples) -> tuple[MotionState, list[Repetition]]:
    """Take frames without a break; work off the hops that they complete."""
    if state.hop is None:
        first = int(np.floor(samples.time_s[0] * RATE_HZ / HOP)) * HOP
        state = replace(state, hop=first, settled=first)
    state = replace(state, samples=state.samples.then(samples))
    given: list[Repetition] = []
    while state.hop is not None:
        needed_s = (state.hop + HOP + MARGIN) / RATE_HZ + MAX_GAP_S
        if state.samples.time_s[-1] < needed_s:
            return state, given
        state, settled = _hop(state, HOP, final=False)
        given.extend(settled)
    return state, given


def _hop(state: MotionState, count: int, *, final: bool) -> tuple[MotionState, list[Repetition]]:
    """Clean `count` grid instants, add them to the window and look for cycles in it."""
    assert state.hop is not None  # noqa: S101
    first, after = state.hop, state.hop + count
    reach_s = MARGIN / RATE_HZ + MAX_GAP_S
    near = state.samples.between((first - 1) / RATE_HZ - reach_s, after / RATE_HZ + reach_s)
    own = near.between(first / RATE_HZ, after / RATE_HZ)
    torso = normalise.torso_px(own.image_px, own.world_m), normalise.torso_m(own.world_m)
    torsos = (*state.torsos, torso)[-_TORSOS:] if np.isfinite(torso[0]) else state.torsos
    torso_px = normalise.median(np.array([px for px, _ in torsos]))
    joints, visibility = clean(near, first - 1, count + 1, torso_px)
    steps = segment.increments(segment.features(joints[..., :2], torso_px), _TUNING)[1:]
    state = replace(
        state,
        samples=state.samples.between((after - 1) / RATE_HZ - reach_s, np.inf),
        hop=after,
        torsos=torsos,
        joints=np.concatenate([state.joints, joints[1:]])[-WINDOW:],
        visibility=np.concatenate([state.visibility, visibility[1:]])[-WINDOW:],
        steps=np.concatenate([state.steps, steps])[-WINDOW:],
    )
    return _settle(state, after if final else after - LAG)


def _settle(state: MotionState, until: int) -> tuple[MotionState, list[Repetition]]:
    """Give out the cycles that end at grid instant `until` or earlier."""
    assert state.hop is not None  # noqa: S101
    origin = state.hop - len(state.steps)
    settled = max(0, state.settled - origin)
    present = np.atleast_1d(np.isfinite(state.joints[..., 0]).any(axis=1))
    if state.anchor is None and segment.starts_still(state.steps, present):
        state = replace(state, anchor=origin)
    anchor = None if state.anchor is None or state.anchor < origin else state.anchor - origin
    given = []
    if (len(state.steps) - settled) / RATE_HZ > _TUNING.shortest_s and state.steps.any():
        for cycle in segment.find_cycles(state.steps, settled, anchor, _TUNING):
            if cycle.end + origin > until:
                break
            state = replace(state, settled=cycle.end + origin, anchor=cycle.end + origin)
            repetition = _measured(state, cycle, origin)
            if repetition is not None:
                given.append(repetition)
    return state, given


def _measured(state: MotionState, cycle: Cycle, origin: int) -> Repetition | None:
    """A cycle of the window as a repetition; None where the person was hardly seen."""
    rows = slice(cycle.start, cycle.end)
    joints, visibility = state.joints[rows], state.visibility[rows]
    seen = ~np.isnan(joints[..., 0]).all(axis=1)
    if seen.mean() < _MIN_COVERAGE:
        return None
    torso_px, torso_m = (
        normalise.median(np.array(column)) for column in zip(*state.torsos, strict=True)
    )
    image, world = joints[..., :3], joints[..., 3:]
    flat = normalise.flatten(image, torso_px)
    body = normalise.face_forward(world, torso_m)
    angles = measure.angles_deg(flat, body)
    height = measure.rise(state.joints[cycle.start : cycle.end + 1, :, :3], torso_px)
    concentric_s, eccentric_s = measure.lifting_s(
        height, 0, cycle.turn - cycle.start, len(height) - 1, RATE_HZ
    )
    return Repetition(
        person=state.person,
        start_s=(cycle.start + origin) / RATE_HZ,
        turn_s=(cycle.turn + origin) / RATE_HZ,
        end_s=(cycle.end + origin) / RATE_HZ,
        confidence=cycle.confidence,
        concentric_s=concentric_s,
        eccentric_s=eccentric_s,
        range_of_motion_deg=measure.range_of_motion_deg(angles),
        symmetry=measure.symmetry(angles),
        view=measure.view(flat, body, world),
        pose_coverage=float(seen.mean()),
        time_s=(np.arange(cycle.start, cycle.end) + origin) / RATE_HZ,
        flat=flat.astype(np.float16),
        body=body.astype(np.float16),
        visibility=visibility.astype(np.float16),
    )
