"""What is to say of a person at an instant: count, phase, score and remark."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from repscore.pipelines.terminal import line

Row = Mapping[str, Any]
Phase = Literal["out", "turn", "back", "rest"]


@dataclass(frozen=True)
class Shown:
    """A repetition as it is shown; times in seconds.

    Attributes:
        turn_s: the stretch [start, end) near the turning point.
        score: 0..100; None where it has none, then `reason` says why.
        remark: what kept it from being better most; empty where nothing is to say.
    """

    start_s: float
    turn_s: tuple[float, float]
    end_s: float
    exercise: str | None
    score: float | None
    reason: str | None
    remark: str


@dataclass(frozen=True)
class Moment:
    """A person at an instant.

    Attributes:
        count: repetitions that have ended.
        phase: of the repetition in progress; `rest` between repetitions.
        repetition: the one in progress, else the last one; None before the first.
    """

    count: int
    phase: Phase
    repetition: Shown | None


def shown_by_person(repetitions: Sequence[Row], feedback: Sequence[Row]) -> dict[int, list[Shown]]:
    """Rows of `repetitions` in time order and of `feedback`, the worst first, person by person."""
    remarks: dict[tuple[int, int], str] = {}
    for row in feedback:
        remarks.setdefault((row["person"], row["repetition"]), line(row["message"]))
    people: dict[int, list[Shown]] = defaultdict(list)
    for row in repetitions:
        out_s = row["start_s"] + row["out_s"]
        people[row["person"]].append(
            Shown(
                start_s=row["start_s"],
                turn_s=(out_s, out_s + row["hold_s"]),
                end_s=row["end_s"],
                exercise=None if row["exercise"] is None else line(row["exercise"]),
                score=row["score"],
                reason=row["unscorable_reason"] and line(row["unscorable_reason"]),
                remark=remarks.get((row["person"], row["repetition"]), ""),
            )
        )
    return dict(people)


def moment_at(repetitions: Sequence[Shown], time_s: float) -> Moment:
    """What a person's repetitions, in time order, say of an instant."""
    begun = bisect_right(repetitions, time_s, key=lambda each: each.start_s)
    count = bisect_right(repetitions, time_s, key=lambda each: each.end_s)
    latest = repetitions[begun - 1] if begun else None
    return Moment(count, _phase(latest, time_s), latest)


def _phase(repetition: Shown | None, time_s: float) -> Phase:
    if repetition is None or time_s >= repetition.end_s:
        return "rest"
    begins_s, ends_s = repetition.turn_s
    return "out" if time_s < begins_s else "turn" if time_s < ends_s else "back"
