"""Repetitions of a known exercise against its norm: a score, an interval and remarks."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.norms.norm import SCALARS, UNITS, Expectation, Norm, Unit
from repscore.models.scorer.norms.quantities import JOINTS_OF, Measured, Measurer
from repscore.models.scorer.represent import WINDOWS, Execution, phase_times_s
from repscore.models.scorer.score import Phase, Remark, Score, unscorable

Array = npt.NDArray[np.float64]

ERROR: Final[Mapping[Unit, float]] = {
    "degrees": 6.0, "torsos": 0.1, "seconds": 3 / 15, "share": 0.1,
}  # fmt: skip
"""What one camera errs by: 6 degrees of an angle (see `distance.ANGLE_DEG`), of a place the sine of
it, of a duration one or two instants of the grid at either end."""
SCALE: Final[Mapping[Unit, tuple[float, float]]] = {
    "degrees": (-180.0, 180.0), "torsos": (-10.0, 10.0), "seconds": (0.0, 3600.0),
    "share": (-1.0, 1.0),
}  # fmt: skip
"""The ends of what a quantity can be: expected where a norm has no bound."""
LEAST_WEIGHT: Final = 1 / 3
"""Share of a norm's weight that must be seen for a score."""
MOST: Final = 3
"""Remarks per repetition: nobody corrects more at once."""
LEAST_FRAMES: Final = 5


class _Deviations(NamedTuple):
    """Of R repetitions from X expectations; each (R, X), NaN where not seen.

    Attributes:
        value: measured; at_s: when.
        beyond: how far outside of the bounds, signed; 0 within.
        sure: the same, less the camera's error; 0 where the error may explain it.
        doubt: the same, plus the error.
    """

    value: Array
    at_s: Array
    beyond: Array
    sure: Array
    doubt: Array


def judge(
    norm: Norm, executions: Sequence[Execution], measurer: Measurer | None = None
) -> list[Score]:
    """A score for each execution, in order; a batch says the same as one by one.

    Each expectation multiplies the score by 2^-(weight (deviation / tolerance)²), so that a larger
    deviation never raises it. What the view does not show does not count.

    Args:
        measurer: of these executions, where there is one.
    """
    if not executions:
        return []
    found = _deviations(norm, measurer or Measurer(executions))
    weight = np.array([each.weight for each in norm.expectations])
    tolerance = np.array([each.tolerance for each in norm.expectations])
    seen = np.isfinite(found.value)
    share = (seen * weight).sum(axis=1) / weight.sum()

    def score_of(beyond: Array) -> Array:
        cost = np.where(seen, weight * (beyond / tolerance) ** 2, 0.0)
        return np.asarray(100.0 * 2.0 ** -cost.sum(axis=1))

    score, low, high = (score_of(part) for part in (found.beyond, found.doubt, found.sure))
    scores = []
    for row, execution in enumerate(executions):
        reason = _unusable(norm, execution, float(share[row]))
        if reason is not None:
            scores.append(unscorable("norm", reason))
            continue
        scores.append(
            Score(
                score=float(score[row]),
                score_low=float(low[row]),
                score_high=float(high[row]),
                score_kind="norm",
                exercise=norm.exercise,
                remarks=_remarks(norm, execution, _row(found, row)),
                unseen=tuple(
                    f"{each.quantity}, {each.phase}"
                    for each, known in zip(norm.expectations, seen[row], strict=True)
                    if not known
                ),
            )
        )
    return scores


def _deviations(norm: Norm, measurer: Measurer) -> _Deviations:
    columns = [_column(each, measurer.from_views(each)) for each in norm.expectations]
    return _Deviations(*(np.stack(parts, axis=1) for parts in zip(*columns, strict=True)))


def performs(norm: Norm, measurer: Measurer) -> npt.NDArray[np.bool_]:
    """(R,) whether each repetition is seen to be one of the exercise, good or not.

    What its view cannot show does not count; joints that are not seen are no evidence.
    """
    fits = np.ones(len(measurer), bool)
    for each in norm.movement:
        value = measurer.from_views(each).value
        low = -np.inf if each.low is None else each.low
        high = np.inf if each.high is None else each.high
        fits &= ((value >= low) & (value <= high)) | ~measurer.seen_from(each.views)
    return fits


def _column(expectation: Expectation, measured: Measured) -> _Deviations:
    """One expectation of all repetitions; each (R,)."""
    value, at_s = measured
    low = -np.inf if expectation.low is None else expectation.low
    high = np.inf if expectation.high is None else expectation.high
    error = ERROR[UNITS[expectation.quantity]]
    over, under = np.maximum(value - high, 0.0), np.maximum(low - value, 0.0)
    beyond = over - under
    sure = np.maximum(value - error - high, 0.0) - np.maximum(low - value - error, 0.0)
    worst = np.maximum(value + error - high, low - (value - error))
    return _Deviations(value, at_s, beyond, sure, np.maximum(worst, 0.0))


def _row(found: _Deviations, row: int) -> _Deviations:
    return _Deviations(*(part[row] for part in found))


def _unusable(norm: Norm, execution: Execution, share: float) -> str | None:
    start, stop = np.searchsorted(execution.time_s, [execution.start_s, execution.end_s])
    if stop - start < LEAST_FRAMES:
        return (
            f"too short: {stop - start} frames in the repetition, expected {LEAST_FRAMES} or more"
        )
    if share >= LEAST_WEIGHT:
        return None
    place = f"from the {execution.view}" if execution.view else "from an unknown side"
    return (
        f"too little visible: {100 * share:.0f} % of what the norm of {norm.exercise} asks for, "
        f"seen {place}, expected {100 * LEAST_WEIGHT:.0f} % or more"
    )


def _remarks(norm: Norm, execution: Execution, found: _Deviations) -> tuple[Remark, ...]:
    """Those deviations that the camera's error does not explain, first what costs most."""
    cost = {
        index: each.weight * (found.sure[index] / each.tolerance) ** 2
        for index, each in enumerate(norm.expectations)
        if np.isfinite(found.sure[index]) and found.sure[index] != 0
    }
    worst = sorted(cost, key=lambda index: -cost[index])[:MOST]
    return tuple(
        _remark(
            norm.expectations[index],
            execution,
            float(found.value[index]),
            float(found.at_s[index]),
            float(found.beyond[index]),
        )
        for index in worst
    )


def _remark(
    expectation: Expectation, execution: Execution, value: float, at_s: float, beyond: float
) -> Remark:
    whole = expectation.quantity in SCALARS or expectation.phase in ("range", "mean")
    step_s = float(np.median(np.diff(execution.time_s)))
    start_s, end_s = (at_s, min(at_s + step_s, execution.end_s))
    if whole:
        start_s, end_s = execution.start_s, execution.end_s
    start, stop = np.searchsorted(execution.time_s, [start_s, end_s])
    start = min(int(start), len(execution.time_s) - 1)
    key, values = said(expectation, value)
    lowest, highest = SCALE[UNITS[expectation.quantity]]
    return Remark(
        joint=JOINTS_OF.get(expectation.quantity, "mid_hip"),
        quantity=expectation.quantity,
        phase="whole" if whole else _phase_at(execution, at_s),
        start_s=start_s,
        end_s=end_s,
        start_frame=start,
        end_frame=max(int(stop), start + 1),
        measured=value,
        expected_low=lowest if expectation.low is None else expectation.low,
        expected_high=highest if expectation.high is None else expectation.high,
        deviation=beyond / expectation.tolerance,
        key=key,
        values=values | ({} if whole else {"at": f"{at_s:.1f}"}),
    )


def said(expectation: Expectation, value: float) -> tuple[str, dict[str, str]]:
    """Key and values of the sentence on a value outside of the bounds."""
    over = expectation.high is not None and value > expectation.high
    key, bound = (
        (expectation.above, expectation.high) if over else (expectation.below, expectation.low)
    )
    assert key is not None  # noqa: S101 - a bound has a sentence
    assert bound is not None  # noqa: S101
    if bound < 0:  # the sentence says to which side
        value, bound = -value, -bound
    digits = expectation.digits
    return key, {"measured": f"{value:.{digits}f}", "expected": f"{bound:.{digits}f}"}


def _phase_at(execution: Execution, at_s: float) -> Phase:
    row = int(np.searchsorted(phase_times_s(execution), at_s, side="right")) - 1
    for name, (_, stop) in WINDOWS.items():
        if row < stop:
            return name
    return "back"
