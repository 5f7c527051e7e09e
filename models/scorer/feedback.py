"""What kept a repetition from being better: measured against expected, joint by joint."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.distance import TEMPO_FREE, TEMPO_SPREAD
from repscore.models.scorer.represent import (
    FIRST,
    GROUPS,
    PHASE_SAMPLES,
    WINDOWS,
    Execution,
    Group,
    Phases,
    mirrored_name,
    phase_times_s,
)
from repscore.models.scorer.score import Phase, Remark

MOST: Final = 3
"""Remarks per repetition: nobody corrects more at once."""

EXPECTED_SPREADS: Final = 1.64
"""Half width of an expected range: holds nine of ten good executions of a normal spread."""

_ROWS: Final[tuple[Phase, ...]] = (*WINDOWS, "whole")
_SPANS: Final = dict(zip(_ROWS, (*WINDOWS.values(), (0, PHASE_SAMPLES)), strict=True))
_IN_PHASE: Final = np.array(
    [
        (start <= np.arange(PHASE_SAMPLES)) & (np.arange(PHASE_SAMPLES) < stop)
        for start, stop in _SPANS.values()
    ],
    float,
)
_SINGLE: Final = np.array([group.axes == 1 for group in GROUPS])
_DIRECTION: Final = np.array([group.quantity == "direction" for group in GROUPS])
_INDEX: Final = {group: index for index, group in enumerate(GROUPS)}
_DURATIONS: Final[tuple[tuple[Phase, str], ...]] = (
    ("whole", "the_repetition"),
    ("out", "the_way_out"),
    ("back", "the_way_back"),
)
_WHOLE_LIKENESS: Final = 0.6
"""Share of the worst deviation that all phases must show, so that a remark is on all of them."""

_LIMBS: Final = {
    "nose": "head", "neck": "trunk", "shoulder": "shoulder_line", "elbow": "upper_arm",
    "wrist": "forearm", "hip": "hip_line", "knee": "thigh", "ankle": "shank",
}  # fmt: skip
_DISTAL: Final = {
    "shoulder": ("shoulder", "elbow", "wrist", "neck"), "elbow": ("elbow", "wrist"),
    "hip": ("hip", "knee", "ankle", "neck"), "knee": ("knee", "ankle"),
}  # fmt: skip
"""Limbs that point elsewhere, or lie elsewhere, because of the angle at a joint."""


@dataclass(frozen=True, eq=False)
class Expected:
    """A good repetition in 64 phases, on the sides of the person who is judged.

    Attributes:
        values, spread: (64, C) float32 as in `Phases`; mask: (64, C) bool.
        log_duration: (3,) of the repetition, its way out, its way back.
    """

    values: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    spread: npt.NDArray[np.float32]
    log_duration: npt.NDArray[np.float32]


class _Measure(NamedTuple):
    """One group in one phase: measured and expected value, spread, signed deviation in spreads."""

    phase: Phase
    measured: float
    expected: float
    spread: float

    @property
    def deviation(self) -> float:
        return (self.measured - self.expected) / self.spread

    @property
    def beyond(self) -> bool:
        return abs(self.deviation) > EXPECTED_SPREADS


class _Ranked(NamedTuple):
    effect: float
    remark: Remark


def remarks_on(
    execution: Execution,
    phases: Phases,
    expected: Expected,
    effect: Sequence[float],
    tempo_effect: float,
) -> tuple[Remark, ...]:
    """At most three remarks, those first that cost most.

    Args:
        phases: the execution alone (R = 1).
        effect: (G,) points of score that each group costs; 0 where it was not compared.
        tempo_effect: points that the tempo costs.
    """
    table = _table(phases, expected)
    measures = {
        group: _worst(table, index) for index, group in enumerate(GROUPS) if effect[index] > 0
    }
    cost = {group: effect[index] for index, group in enumerate(GROUPS)}
    beyond = {group: m for group, m in measures.items() if m is not None and m.beyond}
    ranked = _angles(execution, table, beyond, cost)
    explained = {joint for group in beyond for joint in _explains(group)}
    ranked += [
        _Ranked(cost[group], _away(execution, group, measure))
        for group, measure in beyond.items()
        if group.quantity in ("direction", "position") and group.joint not in explained
    ]
    duration = _duration(execution, phases, expected) if tempo_effect > 0 else None
    if duration is not None:
        ranked.append(_Ranked(tempo_effect, duration))
    ranked.sort(key=lambda each: -each.effect)
    return tuple(each.remark for each in ranked[:MOST])


def _explains(group: Group) -> tuple[str, ...]:
    """The joints whose directions and positions are off because this angle is."""
    if group.quantity not in ("angle", "knee inward"):
        return ()
    side, _, kind = group.joint.partition("_")
    return tuple(name if name == "neck" else f"{side}_{name}" for name in _DISTAL[kind])


class _Table(NamedTuple):
    """Every group in every phase: all (4, G); rows in the order of `_ROWS`."""

    measured: npt.NDArray[np.float64]
    expected: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    shown: npt.NDArray[np.bool_]

    def measure(self, phase: Phase, group: int) -> _Measure | None:
        """None where less than half of the phase was seen."""
        at = (_ROWS.index(phase), group)
        if not self.shown[at]:
            return None
        numbers = (float(part[at]) for part in (self.measured, self.expected, self.spread))
        return _Measure(phase, *numbers)


def _table(phases: Phases, expected: Expected) -> _Table:
    both = (phases.mask[0] & expected.mask).astype(float)
    count = _IN_PHASE @ both
    share = np.maximum(count, 1.0)
    found = _IN_PHASE @ (both * phases.values[0]) / share  # (4, C)
    wanted = _IN_PHASE @ (both * expected.values) / share
    spread = (_IN_PHASE @ (both * expected.spread) / share)[:, FIRST]
    apart = np.sqrt(np.add.reduceat((found - wanted) ** 2, FIRST, axis=1))
    product = np.add.reduceat(found * wanted, FIRST, axis=1)
    lengths = np.sqrt(
        np.add.reduceat(found**2, FIRST, axis=1) * np.add.reduceat(wanted**2, FIRST, axis=1)
    )
    cosine = product / np.where(lengths > 0, lengths, 1.0)
    away_deg = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return _Table(
        measured=np.select([_SINGLE, _DIRECTION], [found[:, FIRST], away_deg], apart),
        expected=np.where(_SINGLE, wanted[:, FIRST], 0.0),
        spread=np.where(_DIRECTION, np.degrees(np.arcsin(np.minimum(spread, 1.0))), spread),
        shown=(2 * count >= _IN_PHASE.sum(axis=1, keepdims=True))[:, FIRST],
    )


def _worst(table: _Table, group: int) -> _Measure | None:
    """The phase in which a group deviates most; `whole` where all of them deviate alike."""
    each = [table.measure(phase, group) for phase in WINDOWS]
    known = [measure for measure in each if measure is not None]
    if not known:
        return None
    worst = max(known, key=lambda measure: abs(measure.deviation))
    least = min(measure.deviation * math.copysign(1.0, worst.deviation) for measure in known)
    if len(known) == len(WINDOWS) and least > _WHOLE_LIKENESS * abs(worst.deviation):
        return table.measure("whole", group) or worst
    return worst


def _angles(
    execution: Execution,
    table: _Table,
    beyond: dict[Group, _Measure],
    cost: dict[Group, float],
) -> list[_Ranked]:
    """Remarks on single numbers; both sides that fail alike are one remark on the worse side."""
    ranked = []
    for group, measure in beyond.items():
        if group.quantity not in ("angle", "knee inward"):
            continue
        other_group = group._replace(joint=mirrored_name(group.joint))
        other = table.measure(measure.phase, _INDEX[other_group])
        alike = (
            other_group in beyond
            and other is not None
            and other.beyond
            and other.deviation * measure.deviation > 0
        )
        if other is not None and alike:
            if (cost[other_group], other_group.joint) > (cost[group], group.joint):
                continue
            remark = _number(execution, group, measure, other)
            ranked.append(_Ranked(cost[group] + cost[other_group], remark))
            continue
        remark = _number(execution, group, measure, None)
        if other is not None and not other.beyond and group.quantity == "angle":
            remark = _asymmetry(execution, group, measure, other) or remark
        ranked.append(_Ranked(cost[group], remark))
    return ranked


def _number(
    execution: Execution, group: Group, measure: _Measure, other: _Measure | None
) -> Remark:
    low, high = _range(measure)
    measured, least, most = told_apart(measure.measured, low, high, 0)
    values = {
        "joint": f"@{group.joint}",
        "other": f"@{mirrored_name(group.joint)}",
        "measured": measured,
        "low": least,
        "high": most,
        **_when(execution, measure.phase),
    }
    key = "knee_is_inward"
    if group.quantity == "angle":
        key = "joint_reaches" if measure.phase == "turn" else "joint_is_at"
    if other is not None:
        key += "_as_other"
        values["other_measured"] = f"{other.measured:.0f}"
    return _remark(execution, group.joint, group.quantity, measure, (low, high), (key, values))


def _asymmetry(
    execution: Execution, group: Group, measure: _Measure, other: _Measure
) -> Remark | None:
    """One side fails and the other does not: the difference says it better, if it is beyond."""
    difference = _Measure(
        measure.phase,
        measure.measured - other.measured,
        measure.expected - other.expected,
        math.hypot(measure.spread, other.spread),
    )
    if not difference.beyond:
        return None
    low, high = _range(difference)
    apart, least, most = told_apart(difference.measured, low, high, 0)
    values = {
        "joint": f"@{group.joint}",
        "other": f"@{mirrored_name(group.joint)}",
        "measured": f"{measure.measured:.0f}",
        "apart": apart.removeprefix("-"),
        "low": least,
        "high": most,
        **_when(execution, measure.phase),
    }
    key = "sides_differ_more" if difference.measured > 0 else "sides_differ_less"
    return _remark(execution, group.joint, "asymmetry", difference, (low, high), (key, values))


def _away(execution: Execution, group: Group, measure: _Measure) -> Remark:
    high = EXPECTED_SPREADS * measure.spread
    is_direction = group.quantity == "direction"
    away, _, most = told_apart(measure.measured, 0.0, high, 0 if is_direction else 2)
    part = group.joint
    if is_direction:
        side, _, kind = group.joint.rpartition("_")
        part = f"{side}_{_LIMBS[kind]}".removeprefix("_")
    values = {
        "part": f"@{part}",
        "measured": away,
        "high": most,
        **_when(execution, measure.phase),
    }
    key = "limb_points_away" if is_direction else "joint_lies_away"
    return _remark(execution, group.joint, group.quantity, measure, (0.0, high), (key, values))


def _duration(execution: Execution, phases: Phases, expected: Expected) -> Remark | None:
    ratio = phases.log_duration[0].astype(float) - expected.log_duration.astype(float)
    free = np.log(TEMPO_FREE)
    beyond = np.maximum(-ratio - free[:, 0], ratio - free[:, 1])
    worst = int(beyond.argmax())
    if beyond[worst] <= 0:
        return None
    phase, name = _DURATIONS[worst]
    usual_s = math.exp(expected.log_duration[worst])
    low, high = usual_s / TEMPO_FREE[worst][0], usual_s * TEMPO_FREE[worst][1]
    measured_s = math.exp(phases.log_duration[0, worst])
    measure = _Measure(phase, ratio[worst], 0.0, math.log(TEMPO_SPREAD))
    took, least, most = told_apart(measured_s, low, high, 1)
    values = {"part": f"@{name}", "measured": took, "low": least, "high": most}
    said = ("takes_time", values)
    remark = _remark(execution, "mid_hip", "duration", measure, (low, high), said)
    turn_s, start_s, end_s = execution.turn_s, execution.start_s, execution.end_s
    span_s = {"whole": (start_s, end_s), "out": (start_s, turn_s), "back": (turn_s, end_s)}[phase]
    start_frame, end_frame = _frames(execution, *span_s)
    return replace(
        remark,
        measured=measured_s,
        start_s=span_s[0],
        end_s=span_s[1],
        start_frame=start_frame,
        end_frame=end_frame,
    )


def told_apart(measured: float, low: float, high: float, digits: int) -> tuple[str, str, str]:
    """What lies outside of a range, and the range, in words: rounding must not hide that it does.

    Three digits at most, `digits` where they suffice.
    """
    words = f"{measured:.{digits}f}", f"{low:.{digits}f}", f"{high:.{digits}f}"
    hidden = float(words[1]) <= float(words[0]) <= float(words[2])
    return told_apart(measured, low, high, digits + 1) if hidden and digits < 3 else words


def _range(measure: _Measure) -> tuple[float, float]:
    reach = EXPECTED_SPREADS * measure.spread
    return measure.expected - reach, measure.expected + reach


def _remark(
    execution: Execution,
    joint: str,
    quantity: str,
    measure: _Measure,
    expected: tuple[float, float],
    said: tuple[str, dict[str, str]],
) -> Remark:
    start_s, end_s = _span_s(execution, measure.phase)
    start_frame, end_frame = _frames(execution, start_s, end_s)
    return Remark(
        joint=joint,
        quantity=quantity,
        phase=measure.phase,
        start_s=start_s,
        end_s=end_s,
        start_frame=start_frame,
        end_frame=end_frame,
        measured=measure.measured,
        expected_low=expected[0],
        expected_high=expected[1],
        deviation=measure.deviation,
        key=said[0],
        values=said[1],
    )


def _span_s(execution: Execution, phase: Phase) -> tuple[float, float]:
    times_s = phase_times_s(execution)
    start, stop = _SPANS[phase]
    return float(times_s[start]), float(times_s[stop])


def _frames(execution: Execution, start_s: float, end_s: float) -> tuple[int, int]:
    """Rows in [start_s, end_s); the nearest row where the span lies between two."""
    start, stop = np.searchsorted(execution.time_s, [start_s, end_s])
    start = min(int(start), len(execution.time_s) - 1)
    return start, max(int(stop), start + 1)


def _when(execution: Execution, phase: Phase) -> dict[str, str]:
    """Values of a message that say in which part of the repetition it is."""
    start_s, end_s = _span_s(execution, phase)
    return {
        "when": f"@when_{phase}",
        "start": f"{start_s:.1f}",
        "end": f"{end_s:.1f}",
        "turn": f"{execution.turn_s:.1f}",
    }
