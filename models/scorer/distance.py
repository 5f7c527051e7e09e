"""How far phase-aligned repetitions lie from a good one, and what a good one is: prototypes."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from repscore.models.scorer.represent import (
    FIRST,
    GROUP_OF,
    GROUPS,
    IS_BODY,
    PHASE_SAMPLES,
    WINDOWS,
    Phases,
    mirror,
    row,
)

ANGLE_DEG: Final = 10.0
"""The least spread of an angle: what another good person may differ by. Among healthy people who
perform one gesture correctly, a joint's angle spreads by up to 7.6 degrees in three of four cases
(IntelliRehabDS, standing, depth camera), and a single camera adds its own error of some 6."""

KNEE_INWARD_DEG: Final = 6.0
"""The same of a knee's sideways offset, which lies mostly in the picture. With ANGLE_DEG instead
the demo's squat with knees inward scores 83 and not 78, beside 87 of the clean one."""

JITTER_PHASES: Final = 2.0
"""Timing error of a phase: one frame at 15 fps is two phases of a repetition of two seconds.
Without it three executions of a lift separate good from bad less well (AUC 0.75, with it 0.77;
Pose Trainer)."""

LEAST_WEIGHT: Final = 0.25
"""Of a joint that keeps still in the reference, against the one that moves most. At 0 the AUC of
biceps curls falls from 0.71 to 0.50 (Pose Trainer): elbows that should keep still, and do not."""
NORM: Final = 4.0
"""Exponent of the mean over joints: between the mean (1) and the worst (infinity)."""
LEAST_SEEN: Final = 0.5
"""Share of phases that a joint, and of what matters that a repetition, must show."""
SCALE: Final = 3.5
"""Distance at which a score is 100 / e: repetitions of one person score 94, half a range 43."""
TEMPO_FREE: Final = ((1.5, 2.0), (2.0, 3.0), (2.0, 3.0))
"""Duration ratios that cost nothing (faster, slower) of the repetition, its way out, its way back:
tempo is a choice within limits, and the turn between the ways is known to a frame or two only."""
TEMPO_SPREAD: Final = 1.25
"""The further factor in duration that counts as one spread."""

Array = npt.NDArray[np.float32]


def floors() -> Array:
    """(C,) the least spread of each channel.

    The sine of ANGLE_DEG for components of directions, and for positions in torso lengths: a joint
    one torso length away that is seen under that angle.
    """
    sine = math.sin(math.radians(ANGLE_DEG))
    kinds = {"angle": ANGLE_DEG, "knee inward": KNEE_INWARD_DEG}
    each = [kinds.get(group.quantity, sine) for group in GROUPS]
    return np.array(each, np.float32)[GROUP_OF]


def group_deviations(
    values: torch.Tensor,
    mask: torch.Tensor,
    expected: torch.Tensor,
    expected_mask: torch.Tensor,
    spread: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Deviation of each group in spreads (R, G), and its share of the expected phases seen.

    Root mean square over the window (way out, turn, way back) that is worst: half a range is a
    fault of the turn, which a mean over the whole repetition would water down. Windows seen less
    than half do not count. Values and mask (R, 64, C); the expectation (64, C).
    """
    windows, groups = _sums(values)
    both = (mask & expected_mask).to(values.dtype)
    square = both * ((values - expected) / spread) ** 2
    total = (windows @ square) @ groups  # (R, 3, G)
    first = torch.as_tensor(FIRST, device=values.device)
    count = (windows @ both)[..., first]
    possible = (windows @ expected_mask.to(values.dtype))[..., first]  # (3, G)
    shown = (count > 0) & (2 * count >= possible)
    deviation = (total / count.clamp(min=1)).sqrt() * shown
    seen = count.sum(dim=1) / possible.sum(dim=0).clamp(min=1)
    return deviation.amax(dim=1), seen


def _sums(like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrices that add phases up to windows (3, 64) and channels up to groups (C, G)."""
    phase = torch.arange(PHASE_SAMPLES, device=like.device)
    windows = torch.stack([(phase >= a) & (phase < b) for a, b in WINDOWS.values()])
    group_of = torch.as_tensor(GROUP_OF, device=like.device)
    groups = group_of[:, None] == torch.arange(len(GROUPS), device=like.device)
    return windows.to(like.dtype), groups.to(like.dtype)


def combine(deviation: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Deviations (R, G) of the groups as one distance (R,): a power mean, near to the worst joint.

    A plain mean would hide one bad joint among many that merely keep still.
    """
    total = weight.sum(dim=-1).clamp(min=1e-6)
    return ((weight * deviation**NORM).sum(dim=-1) / total) ** (1 / NORM)


def tempo_deviation(log_duration: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """(R, 3) log seconds of the repetition, way out, way back -> (R,) deviation in spreads."""
    faster = expected - log_duration
    free = torch.tensor(TEMPO_FREE, device=faster.device).log()  # (3, 2)
    beyond = torch.maximum(faster - free[:, 0], -faster - free[:, 1]).clamp(min=0)
    return beyond.amax(dim=-1) / math.log(TEMPO_SPREAD)


def score_of(distance: torch.Tensor) -> torch.Tensor:
    """0..100, falling with the distance in spreads."""
    return 100.0 * torch.exp(-((distance / SCALE) ** 2))


def tensors(
    phases: Phases, device: torch.device | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `ReferenceScorer.forward` takes."""
    arrays = (phases.values, phases.mask, phases.log_duration)
    values, mask, log_duration = (torch.from_numpy(array).to(device) for array in arrays)
    return values, mask, log_duration


class Prototype(NamedTuple):
    """What a clip says a good execution is; as `Phases`, without the first axis.

    `weight` (G,): 0 where nothing is expected of a group.
    """

    expected: Array
    expected_mask: npt.NDArray[np.bool_]
    spread: Array
    weight: Array
    log_duration: Array


def prototype_of(phases: Phases, rows: npt.NDArray[np.intp]) -> Prototype:
    """The median execution of a clip; channels that half of the executions show are expected."""
    chosen = Phases(phases.values[rows], phases.mask[rows], phases.log_duration[rows])
    turned = _one_sided(chosen)
    mask = 2 * turned.mask.sum(axis=0) >= len(turned)
    mask &= turned.mask.any(axis=0)
    expected = np.where(mask, _median(turned.values, turned.mask), 0.0)
    around = np.abs(turned.values - expected)
    deviation = np.where(mask, 1.4826 * _median(around, turned.mask), 0.0)
    slope = np.gradient(np.where(mask, expected, np.nan), axis=0)
    timing = JITTER_PHASES * np.nan_to_num(slope)
    spread = np.sqrt(floors() ** 2 + deviation**2 + timing**2)
    return Prototype(
        expected=expected.astype(np.float32),
        expected_mask=mask,
        spread=spread.astype(np.float32),
        weight=_weights(expected, mask),
        log_duration=np.median(turned.log_duration, axis=0).astype(np.float32),
    )


def _one_sided(phases: Phases) -> Phases:
    """Executions that alternate between the sides, all turned to the side of a typical one."""
    if len(phases) == 1:
        return phases
    probes = np.unique(np.linspace(0, len(phases) - 1, 9).astype(int))
    apart = [_apart(phases, row(phases, int(probe))) for probe in probes]
    plain, swapped = apart[int(np.argmin([np.minimum(*each).sum() for each in apart]))]
    turn = swapped < plain
    other = mirror(phases)
    return Phases(
        np.where(turn[:, None, None], other.values, phases.values),
        np.where(turn[:, None, None], other.mask, phases.mask),
        phases.log_duration,
    )


def _apart(phases: Phases, probe: Phases) -> tuple[Array, Array]:
    """Distances (R,) of executions, plain and mirrored, from one of them."""
    values, mask, _ = tensors(probe)
    spread = torch.from_numpy(floors())
    distances = []
    for each in (phases, mirror(phases)):
        deviation, seen = group_deviations(*tensors(each)[:2], values[0], mask[0], spread)
        distances.append(combine(deviation, (seen >= LEAST_SEEN).float()).numpy())
    return distances[0], distances[1]


def _median(values: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_]) -> Array:
    """Median over the first axis of what the mask admits; 0 where it admits nothing."""
    ordered = np.sort(np.where(mask, values, np.inf), axis=0)
    count = mask.sum(axis=0)
    middle = [
        np.take_along_axis(ordered, np.maximum(place, 0)[None], axis=0)[0]
        for place in ((count - 1) // 2, count // 2)
    ]
    return np.where(count > 0, (middle[0] + middle[1]) / 2, 0.0).astype(np.float32)


def _weights(expected: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_]) -> Array:
    """(G,) from LEAST_WEIGHT to 1 by how far a group moves; 0 where nothing is expected of it."""
    moved = np.zeros(len(GROUPS))
    for index, group in enumerate(GROUPS):
        shown = mask[:, FIRST[index]]
        if shown.any():
            channels = slice(FIRST[index], FIRST[index] + group.axes)
            low, high = np.quantile(expected[shown, channels], [0.05, 0.95], axis=0)
            unit = 1.0 if group.axes == 1 else math.degrees(1.0)
            moved[index] = unit * np.linalg.norm(high - low)
    for side in ("right", "left"):  # a knee that falls inwards matters as the knee does
        knee = next(i for i, g in enumerate(GROUPS) if g[:3] == ("body", "angle", f"{side}_knee"))
        inward = next(i for i, g in enumerate(GROUPS) if g[1:3] == ("knee inward", f"{side}_knee"))
        moved[inward] = moved[knee]
    most = np.where(IS_BODY, moved[IS_BODY].max(), moved[~IS_BODY].max())
    relative = moved / np.where(most > 0, most, 1.0)
    expected_at_all = mask[:, FIRST].any(axis=0)
    return np.where(expected_at_all, np.maximum(relative, LEAST_WEIGHT), 0.0).astype(np.float32)
