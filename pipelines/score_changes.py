"""What became of repetitions between two states of a dataset: pure functions over their rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

COMPARED: Final = (
    *("video_id", "video_uri", "person", "repetition", "start_s", "end_s"),
    *("exercise", "score", "scorable"),
)
_POINT: Final = 1.0
"""A score that changes by less has not moved."""

Row = Mapping[str, Any]


def pairs_of(
    before: Sequence[Row], after: Sequence[Row], video: str = "video_id"
) -> list[tuple[Row, Row]]:
    """The repetitions that both states have, in the order of `after`.

    Two are the same where video and person are, and they share more than half of the longer one:
    other poses move a boundary by some frames.

    Args:
        video: the column that names a video in both.
    """
    earlier: dict[tuple[Any, Any], list[Row]] = defaultdict(list)
    for row in sorted(before, key=lambda row: row["start_s"]):
        earlier[row[video], row["person"]].append(row)
    pairs: dict[int, Row] = {}
    reached: dict[tuple[Any, Any], int] = defaultdict(int)
    for index, row in sorted(enumerate(after), key=lambda each: each[1]["start_s"]):
        key = row[video], row["person"]
        rows = earlier[key]
        while reached[key] < len(rows) and rows[reached[key]]["end_s"] <= row["start_s"]:
            reached[key] += 1
        for other in rows[reached[key] :]:
            if other["start_s"] >= row["end_s"]:
                break
            if _share(other, row) > 0.5:
                pairs[index] = other
    return [(pairs[index], row) for index, row in enumerate(after) if index in pairs]


def _share(one: Row, other: Row) -> float:
    """Of the longer one, what both cover."""
    shared_s = min(one["end_s"], other["end_s"]) - max(one["start_s"], other["start_s"])
    return float(shared_s / max(row["end_s"] - row["start_s"] for row in (one, other)))


def moved_by(before: Row, after: Row) -> float | None:
    """By how much the score moved; None where it did not, or one of them has none."""
    if before["score"] is None or after["score"] is None:
        return None
    shift = float(after["score"] - before["score"])
    return shift if abs(shift) >= _POINT else None


def score_changes(
    before: Sequence[Row], after: Sequence[Row], video: str = "video_id"
) -> dict[str, Any]:
    """How repetitions changed: counts, and the five largest changes of a score."""
    pairs = pairs_of(before, after, video)
    shifts = [
        new["score"] - old["score"]
        for old, new in pairs
        if old["score"] is not None and new["score"] is not None
    ]
    moved = [(shift, old, new) for old, new in pairs if (shift := moved_by(old, new)) is not None]
    return {
        "compared": len(pairs),
        "appeared": len(after) - len(pairs),
        "vanished": len(before) - len(pairs),
        "exercise": sum(old["exercise"] != new["exercise"] for old, new in pairs),
        "score": len(moved),
        "now_scorable": sum(new["scorable"] and not old["scorable"] for old, new in pairs),
        "no_longer_scorable": sum(old["scorable"] and not new["scorable"] for old, new in pairs),
        "mean_shift": sum(shifts) / len(shifts) if shifts else None,
        "largest": [
            {
                "video_uri": new["video_uri"],
                "repetition": new["repetition"],
                "before": old["score"],
                "after": new["score"],
            }
            for _, old, new in sorted(moved, key=lambda shift: -abs(shift[0]))[:5]
        ],
    }
