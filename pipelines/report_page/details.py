"""What the page shows of one video: its motion over time, its repetitions, and how they differ.

Arrays in, arrays out; `encoded` packs them for the page.
"""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.consistency import LEAST_SET, MOST_COMPARED
from repscore.models.scorer.files import References
from repscore.models.scorer.represent import (
    FIRST,
    GROUPS,
    IS_BODY,
    PHASE_SAMPLES,
    Execution,
    Phases,
    mirror,
    phase_times_s,
    represent,
    resampler,
)
from repscore.models.skeleton import JOINT, MIRROR
from repscore.models.torso import torso_m, torso_px
from repscore.pipelines.movement import main_movement
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import Repetition, SegmentPoses
from repscore.transforms.repetitions.clean import samples_of
from repscore.transforms.repetitions.normalise import face_forward, flatten
from repscore.transforms.repetitions.order import OpenRecording, finish, release
from repscore.transforms.repetitions.subject import Subjects, of_the_kept

SIGNAL_HZ: Final = 5.0
GAP_S: Final = 0.5
"""Without a frame this near, the person was not seen."""
STEPS: Final = 32
"""Instants of a repetition that the page holds: every second phase."""
BINS: Final = 16
"""Columns of the heat map: four phases each."""
ODD: Final = 3.0
"""Spreads (1.4826 times the median absolute deviation) beyond which one of many is an outlier:
Hampel's rule."""
JOINT_SCALE: Final = 40.0
"""Steps per torso length of joints in the page: within a centimetre."""
DEVIATION_SCALE: Final = 20.0
MISSING: Final = 255

_POSITIONS: Final = [i for i, group in enumerate(GROUPS) if group.quantity == "position"]
_ANGLES: Final = np.array([i for i, group in enumerate(GROUPS) if group.quantity == "angle"])

Array = npt.NDArray[np.float64]
Array32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Track:
    """A person through a whole recording.

    Attributes:
        time_s: (N,) increasing, about SIGNAL_HZ.
        joints: (N, D) coordinates of the normalised joints in torso lengths, in space where there
            is depth, else in the picture; NaN where not seen.
    """

    time_s: Array
    joints: Array32


def follow(
    segments: Sequence[SegmentPoses], subjects: Subjects
) -> tuple[tuple[Repetition, ...], dict[int, Track]]:
    """The repetitions of a recording with their keypoints, and the subjects' tracks by number."""
    recording = OpenRecording()
    parts: dict[int, list[tuple[Array, Array32]]] = defaultdict(list)
    for segment in segments:
        held = read_people(segment.path) if segment.path else None
        recording = release(recording, segment, held)
        people = held.people if held else {}
        for name, person in recording.identities.items() if people else ():
            samples = samples_of(people[name])
            rate_hz = (len(samples.time_s) - 1) / max(float(np.ptp(samples.time_s)), 1e-9)
            every = max(1, round(rate_hz / SIGNAL_HZ))
            size_px, size_m = torso_px(samples.image_px, samples.world_m), torso_m(samples.world_m)
            joints = face_forward(samples.world_m, size_m)
            if np.isnan(joints).all():
                joints = flatten(samples.image_px, size_px)
            joints = joints.reshape(len(joints), -1)
            parts[person].append((samples.time_s[::every], joints[::every].astype(np.float32)))
    repetitions, kept = finish(recording, subjects)
    tracks = {}
    for person, number in kept.items():
        width = max(joints.shape[1] for _, joints in parts[person])
        same = [part for part in parts[person] if part[1].shape[1] == width]
        tracks[number] = Track(
            np.concatenate([times for times, _ in same]), np.concatenate([part for _, part in same])
        )
    return tuple(of_the_kept(repetitions, kept)), tracks


def motion_signal(track: Track, repetitions: Sequence[Repetition], duration_s: float) -> Array:
    """Where the body is on the way of its main movement, at SIGNAL_HZ from 0 s; NaN: not seen.

    In torso lengths from its mean.
    """
    grid = np.arange(int(duration_s * SIGNAL_HZ) + 1) / SIGNAL_HZ
    spans = [(each.start_s, each.turn_s, each.end_s) for each in repetitions]
    course = main_movement(track.time_s, track.joints, spans)
    there = np.isfinite(course)
    if not there.any():
        return np.full(len(grid), np.nan)
    times = track.time_s[there]
    place = np.searchsorted(times, grid)
    nearest = np.minimum(
        np.abs(grid - times[np.clip(place - 1, 0, len(times) - 1)]),
        np.abs(grid - times[np.clip(place, 0, len(times) - 1)]),
    )
    return np.where(nearest <= GAP_S, np.interp(grid, times, course[there]), np.nan)


@dataclass(frozen=True, eq=False)
class Compared:
    """Repetitions of a set beside what was expected, on the side of the expectation.

    Attributes:
        angle: the joint whose angle moves most; None where none is seen.
        curves: (R, STEPS) that angle in degrees, NaN where not seen.
        odd: (R,) bool, the curve lies apart from those of the others.
        deviation: (R, 15, BINS) of each joint on the person's own side, in tolerances; NaN where
            not compared.
        expected: (STEPS, 15, 2) x right, y down, in torso lengths; NaN where unknown.
        mirrored: (R,) bool, the mirror image of the expectation is meant.
    """

    angle: str | None
    curves: Array
    odd: npt.NDArray[np.bool_]
    deviation: Array
    expected: Array
    mirrored: npt.NDArray[np.bool_]


def compare(
    repetitions: Sequence[Execution], references: References | None, exercise: str | None
) -> Compared | None:
    """A set against the references of its exercise, else against its median.

    None where there are no references and too few repetitions for a median.
    """
    if references is not None and exercise not in references.names:
        references = None
    if references is None and len(repetitions) < LEAST_SET:
        return None
    import torch  # takes seconds

    from repscore.models.scorer.distance import tensors
    from repscore.models.scorer.reference import ReferenceScorer

    torch.set_num_threads(1)  # a set is small: threads would wait for each other
    phases = represent(repetitions)
    if references is None:
        typical = np.unique(
            np.linspace(0, len(phases) - 1, min(len(phases), MOST_COMPARED)).round().astype(int)
        )
        zeros = np.zeros(len(typical), np.int64)
        chosen = Phases(phases.values[typical], phases.mask[typical], phases.log_duration[typical])
        references, exercise = References(("set",), chosen, zeros, zeros), "set"
    scorer = ReferenceScorer(references)
    column = references.names.index(exercise or "")
    distances = scorer(*tensors(phases))
    mirrored = distances.mirrored[:, column].numpy()
    prototype = int(np.bincount(distances.prototype[:, column].numpy()).argmax())
    other = mirror(phases)
    values = np.where(mirrored[:, None, None], other.values, phases.values)
    mask = np.where(mirrored[:, None, None], other.mask, phases.mask)
    expected = scorer.expectation(prototype, mirrored=False)
    both = mask & expected.mask
    square = np.where(both, ((values - expected.values) / expected.spread) ** 2, 0.0)
    angle, curves = _main_angle(expected.values, expected.mask, values, mask)
    return Compared(
        angle=angle,
        curves=curves,
        odd=odd_ones(curves),
        deviation=_joint_deviations(square, both, mirrored),
        expected=_positions(expected.values, expected.mask)[::2],
        mirrored=mirrored,
    )


def odd_ones(curves: Array) -> npt.NDArray[np.bool_]:
    """(R,) whether a curve (R, S) lies apart from the median curve: outliers by Hampel's rule."""
    if not len(curves) or np.isnan(curves).all():
        return np.zeros(len(curves), bool)
    middle = quantile(curves, 0.5)
    gaps = np.abs(curves - middle)
    known = np.isfinite(gaps)
    away = np.where(known, gaps, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    typical = float(np.median(away))
    spread = 1.4826 * float(np.median(np.abs(away - typical)))
    return np.asarray(away > typical + ODD * max(spread, 1.0))  # below a degree is no difference


def quantile(curves: Array, share: float) -> Array:
    """(S,) of curves (R, S), NaN left out; NaN where none is known."""
    known = np.isfinite(curves).any(axis=0)
    result = np.full(curves.shape[1], np.nan)
    if known.any():
        result[known] = np.nanquantile(curves[:, known], share, axis=0)
    return result


def skeletons(repetitions: Sequence[Execution]) -> Array:
    """(R, STEPS, 15, 2) joints in the picture at every second phase; NaN where not seen."""
    times_s = np.stack([phase_times_s(each)[:PHASE_SAMPLES:2] for each in repetitions])
    flat: Array = resampler(repetitions, times_s)([each.flat for each in repetitions]).astype(
        np.float64
    )
    return flat


def _main_angle(
    expected: npt.NDArray[np.floating],
    expected_mask: npt.NDArray[np.bool_],
    values: npt.NDArray[np.floating],
    mask: npt.NDArray[np.bool_],
) -> tuple[str | None, Array]:
    """The angle whose expectation spans most, in space where there is depth; and its curves."""
    channels = FIRST[_ANGLES]
    shown = np.where(expected_mask[:, channels], expected[:, channels], np.nan)
    span = quantile(shown, 1.0) - quantile(shown, 0.0)
    in_space = IS_BODY[_ANGLES] & np.isfinite(span)
    span = np.where(in_space == in_space.any(), span, np.nan)
    if np.isnan(span).all():
        return None, np.full((len(values), STEPS), np.nan)
    best = int(np.nanargmax(span))
    channel = channels[best]
    curves = np.where(mask[..., channel], values[..., channel], np.nan)[:, ::2]
    return GROUPS[_ANGLES[best]].joint, curves.astype(np.float64)


def _joint_deviations(
    square: npt.NDArray[np.floating],
    both: npt.NDArray[np.bool_],
    mirrored: npt.NDArray[np.bool_],
) -> Array:
    """(R, 15, BINS): root mean square over a group's axes and a bin; the worst group of a joint."""
    count = len(square)
    shape = (count, BINS, PHASE_SAMPLES // BINS, -1)
    total = square.reshape(shape).sum(axis=2)
    known = both.reshape(shape).sum(axis=2)
    total, known = (np.add.reduceat(part, FIRST, axis=-1) for part in (total, known))
    groups = np.where(known > 0, np.sqrt(total / np.maximum(known, 1)), np.nan)  # (R, BINS, G)
    has_depth = known[..., IS_BODY].any(axis=(1, 2))
    result = np.full((count, 15, BINS), np.nan)
    for index, group in enumerate(GROUPS):
        joint = JOINT[group.joint]
        used = np.where((has_depth == IS_BODY[index])[:, None], groups[..., index], np.nan)
        result[:, joint] = np.fmax(result[:, joint], used)
    swapped = result[:, list(MIRROR)]
    return np.where(mirrored[:, None, None], swapped, result)


def _positions(values: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_]) -> Array:
    """(64, 15, 2) from the channels of positions; the mid-hip is the origin; y down."""
    joints = np.full((PHASE_SAMPLES, 15, 2), np.nan)
    joints[:, JOINT["mid_hip"]] = 0.0
    for index in _POSITIONS:
        channels = slice(FIRST[index], FIRST[index] + 2)
        there = np.where(mask[:, channels], values[:, channels], np.nan)
        joints[:, JOINT[GROUPS[index].joint]] = there * np.array([1.0, -1.0])
    return joints


def encoded(values: npt.NDArray[np.floating], low: float, scale: float) -> str:
    """Base64 of bytes: round((value - low) * scale), cut to 0..254; MISSING for NaN."""
    known = np.isfinite(values)
    steps = np.clip(np.rint((np.where(known, values, low) - low) * scale), 0, MISSING - 1)
    return b64encode(np.where(known, steps, MISSING).astype(np.uint8).tobytes()).decode()


def encoded_joints(joints: npt.NDArray[np.floating]) -> str:
    """Joints in torso lengths from the mid-hip, as the page reads them."""
    return encoded(joints, -127 / JOINT_SCALE, JOINT_SCALE)
