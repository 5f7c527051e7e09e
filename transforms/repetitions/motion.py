"""One person's landmarks in, repetitions out: clean, normalise, segment and measure as a stream.

The stream is worked off in hops of a fixed number of grid instants that lie at the same times
however the frames arrive, and every hop sees the same neighbourhood: cutting the frames into
other blocks changes nothing. A repetition leaves at most about nine seconds after its end, and
what has left is never corrected.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from repscore.models.phases import network
from repscore.models.phases.network import FEATURES, HOP, LOOKAHEAD, PHASE_CLASSES, PhaseNetwork
from repscore.models.torso import median, torso_m, torso_px
from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions import measure, normalise, segment
from repscore.transforms.repetitions.clean import (
    MARGIN,
    RATE_HZ,
    REACH_S,
    Samples,
    clean,
    no_samples,
    samples_of,
    seen,
)
from repscore.transforms.repetitions.segment import WAIT, WINDOW, Cycle

REVISION = 8
"""Rises with every change that gives other repetitions for the same poses."""

Array = npt.NDArray[np.float64]
Array32 = npt.NDArray[np.float32]

_BREAK_S = WINDOW / RATE_HZ  # frames farther apart do not belong to one movement
_TORSOS = 8  # hops over which the torso is measured
_KEPT = WINDOW + LOOKAHEAD
_HOPS_AT_ONCE = 32  # that are cleaned in one go


@dataclass(frozen=True, eq=False)
class MotionState:
    """What is remembered of one person between blocks of frames; its size is bounded.

    Attributes:
        samples: frames that a hop to come still needs.
        hop: first grid instant of the next hop; None before the first frame.
        first: grid instant at which the stream begins.
        settled: grid instant up to which all repetitions have been given out.
        last_length: length of the repetition that ends at `settled`; None if none does.
        torsos: (px, m) of the torso in the latest hops with the person.
        torso_px: length of the torso as known before and after the latest hop.
        joints: (n, 15, 6) of the latest grid instants, at most _KEPT; the last one is hop - 1.
        visibility: (n, 15).
        vectors: (n, FEATURES), an unseen joint stays where it was last.
        memory: of the network; None before the first hop.
        phases: (m, 1 + PHASE_CLASSES), at most WINDOW; the last one is of instant
            hop - 1 - LOOKAHEAD.
    """

    person: int
    samples: Samples
    hop: int | None
    first: int
    settled: int
    last_length: int | None
    torsos: tuple[tuple[float, float], ...]
    torso_px: tuple[float, ...]
    joints: Array
    visibility: Array
    vectors: Array32
    memory: network.Memory | None
    phases: Array


def start(person: int) -> MotionState:
    """The state before the first frame of a person."""
    return MotionState(
        person=person,
        samples=no_samples(),
        hop=None,
        first=0,
        settled=0,
        last_length=None,
        torsos=(),
        torso_px=(np.nan, np.nan),
        joints=np.zeros((0, 15, 6)),
        visibility=np.zeros((0, 15)),
        vectors=np.zeros((0, FEATURES), np.float32),
        memory=None,
        phases=np.zeros((0, 1 + PHASE_CLASSES)),
    )


def step(
    state: MotionState, poses: PoseFrames, phases: PhaseNetwork | None = None
) -> tuple[MotionState, tuple[Repetition, ...]]:
    """Take the next frames of the person; give out the repetitions that they settle.

    Frames must be later than all before them. Blocks may have any length: the same frames give
    the same repetitions. `phases` is the shipped network unless given.
    """
    phases = phases or network.shipped()
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
    repetitions: list[Repetition] = []
    breaks = np.flatnonzero(np.diff(times) > _BREAK_S) + 1 - len(known)
    for part, begin in enumerate((0, *breaks)):
        end = breaks[part] if part < len(breaks) else len(samples.time_s)
        if part > 0 or (len(breaks) and breaks[0] == 0):
            repetitions.extend(finish(state, phases))
            state = start(state.person)
        if end > begin:
            frames = samples.between(
                samples.time_s[begin], np.nextafter(samples.time_s[end - 1], np.inf)
            )
            state, settled = _advance(state, frames, phases)
            repetitions.extend(settled)
    return state, tuple(repetitions)


def finish(state: MotionState, phases: PhaseNetwork | None = None) -> tuple[Repetition, ...]:
    """The repetitions that are still open when no more frames come."""
    if state.hop is None:
        return ()
    after = int(np.floor(state.samples.time_s[-1] * RATE_HZ)) + 1 + LOOKAHEAD + WAIT
    hops = max(1, -(-(after - state.hop) // HOP))
    return _work_off(state, hops, phases or network.shipped(), final=True)[1]


def _advance(
    state: MotionState, samples: Samples, phases: PhaseNetwork
) -> tuple[MotionState, list[Repetition]]:
    """Take frames without a break; work off the hops that they complete."""
    if state.hop is None:
        first = int(np.floor(samples.time_s[0] * RATE_HZ / HOP)) * HOP
        state = replace(state, hop=first, first=first, settled=first)
    state = replace(state, samples=state.samples.then(samples))
    repetitions: list[Repetition] = []
    assert state.hop is not None  # noqa: S101
    complete = (state.samples.time_s[-1] - REACH_S) * RATE_HZ - MARGIN - state.hop
    ready = int(complete // HOP)
    while ready > 0:
        count = min(ready, _HOPS_AT_ONCE)
        state, settled = _work_off(state, count, phases, final=False)
        repetitions.extend(settled)
        ready -= count
    return state, repetitions


def _work_off(
    state: MotionState, count: int, phases: PhaseNetwork, *, final: bool
) -> tuple[MotionState, tuple[Repetition, ...]]:
    """Clean some hops of grid instants, find their phases and give out what these settle."""
    assert state.hop is not None  # noqa: S101
    first, after = state.hop, state.hop + count * HOP
    reach_s = MARGIN / RATE_HZ + REACH_S
    samples = seen(state.samples)
    torsos, sizes_px = _torsos(state, samples, count)
    # An instant is held against the torso as known before its hop, so hops may come one by one.
    known_px = (*state.torso_px, *sizes_px)
    if not np.isfinite(known_px[1]):
        known_px = (sizes_px[0], sizes_px[0], *sizes_px)
    rows = np.repeat(known_px[: count + 2], HOP)[HOP - MARGIN : (count + 1) * HOP + MARGIN]
    joints, visibility = clean(samples, first, count * HOP, rows)
    measured = network.vectors_of(joints, np.repeat(sizes_px, HOP)[:, None, None])
    state = replace(
        state,
        samples=state.samples.between((after - 1) / RATE_HZ - reach_s, np.inf),
    )
    repetitions: list[Repetition] = []
    for number in range(count):
        hop = slice(number * HOP, (number + 1) * HOP)
        vectors, present = hold_unknown(measured[hop], state.vectors[-1:])
        memory, latest = phases.step(state.memory or phases.start(vectors[0]), vectors, present)
        begin = first + hop.start
        early = max(0, state.first + LOOKAHEAD - begin)  # instants before the first one are none
        state = replace(
            state,
            hop=begin + HOP,
            torsos=torsos[number],
            torso_px=known_px[number + 1 : number + 3],
            joints=np.concatenate([state.joints, joints[hop]])[-_KEPT:],
            visibility=np.concatenate([state.visibility, visibility[hop]])[-_KEPT:],
            vectors=np.concatenate([state.vectors, vectors])[-_KEPT:],
            memory=memory,
            phases=np.concatenate([state.phases, latest[early:]])[-WINDOW:],
        )
        wait = 0 if final and number == count - 1 else WAIT
        state, settled = _settle(state, begin + HOP - LOOKAHEAD - wait)
        repetitions.extend(settled)
    return state, tuple(repetitions)


def _torsos(
    state: MotionState, samples: Samples, count: int
) -> tuple[list[tuple[tuple[float, float], ...]], tuple[float, ...]]:
    """Torsos (px, m) of the latest hops, as of each of the next hops, and their median in px."""
    assert state.hop is not None  # noqa: S101
    latest, lengths = [], []
    torsos = state.torsos
    for begin in range(state.hop, state.hop + count * HOP, HOP):
        hop = samples.between(begin / RATE_HZ, (begin + HOP) / RATE_HZ)
        size_px = torso_px(hop.image_px, hop.world_m)
        if np.isfinite(size_px):
            torsos = (*torsos, (size_px, torso_m(hop.world_m)))[-_TORSOS:]
        latest.append(torsos)
        lengths.append(median(np.array([px for px, _ in torsos])))
    return latest, tuple(lengths)


def hold_unknown(vectors: Array32, before: Array32) -> tuple[Array32, Array32]:
    """Vectors (N, D) that are unknown stay as they were last; and whether anybody was seen.

    `before` (0 or 1, D) is the last row so far. Without one, what is unknown at first is taken
    from its first sight, and is 0 where there is none.
    """
    known = ~np.isnan(vectors)
    present = np.asarray(known.any(axis=1), np.float32)
    if known.all():
        return vectors, present
    if not len(before):
        before = np.nan_to_num(np.take_along_axis(vectors, known.argmax(axis=0)[None], axis=0))
    line = np.concatenate([before, vectors])
    index = np.where(known, np.arange(1, len(vectors) + 1)[:, None], 0)
    index = np.maximum.accumulate(index, axis=0)
    return np.take_along_axis(line, index, axis=0), present


def _settle(state: MotionState, until: int) -> tuple[MotionState, list[Repetition]]:
    """Give out the cycles that end at grid instant `until` or earlier."""
    assert state.hop is not None  # noqa: S101
    origin = state.hop - LOOKAHEAD - len(state.phases)
    begin = max(state.settled, origin)
    last_length = state.last_length if begin == state.settled else None
    repetitions = []
    for cycle in segment.find_cycles(state.phases[begin - origin :], last_length):
        start, end = cycle.start + begin, cycle.end + begin
        if end > until:
            break
        confidence = segment.confidence(state.phases[start - origin : end - origin])
        repetitions.append(_measured(state, Cycle(start, end), confidence))
        state = replace(state, settled=end, last_length=end - start)
    return state, repetitions


def _rows(state: MotionState, cycle: Cycle) -> slice:
    """Where the instants of a cycle lie in the state's arrays."""
    assert state.hop is not None  # noqa: S101
    origin = state.hop - len(state.joints)
    return slice(cycle.start - origin, cycle.end - origin)


def _measured(state: MotionState, cycle: Cycle, confidence: float) -> Repetition:
    """A cycle as a repetition."""
    rows = _rows(state, cycle)
    joints, visibility = state.joints[rows], state.visibility[rows]
    there = ~np.isnan(joints[..., 0]).all(axis=1)
    way = measure.excursion(state.vectors[rows.start : rows.stop + 1])
    size_px, size_m = state.torso_px[-1], median(np.array([m for _, m in state.torsos]))
    image, world = joints[..., :3], joints[..., 3:]
    flat = normalise.flatten(image, size_px)
    body = normalise.face_forward(world, size_m)
    angles = measure.angles_deg(flat, body)
    height = measure.rise(state.joints[rows.start : rows.stop + 1, :, :3], size_px)
    concentric_s, eccentric_s = measure.lifting_s(height, 0, way.turn, len(height) - 1, RATE_HZ)
    return Repetition(
        person=state.person,
        start_s=cycle.start / RATE_HZ,
        turn_s=(cycle.start + way.turn) / RATE_HZ,
        end_s=cycle.end / RATE_HZ,
        hold_s=(way.hold_end - way.hold_start) / RATE_HZ,
        amplitude_torsos=way.amplitude,
        confidence=confidence,
        concentric_s=concentric_s,
        eccentric_s=eccentric_s,
        range_of_motion_deg=measure.range_of_motion_deg(angles),
        symmetry=measure.symmetry(angles),
        view=measure.view(flat, body, world),
        pose_coverage=float(there.mean()),
        time_s=np.arange(cycle.start, cycle.end) / RATE_HZ,
        flat=flat.astype(np.float16),
        body=body.astype(np.float16),
        visibility=visibility.astype(np.float16),
    )
