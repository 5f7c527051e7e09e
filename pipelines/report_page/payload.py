"""A video as the page holds it: rows of the tables and packed arrays, ready for JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from repscore.models.scorer.files import References, scorer_version
from repscore.pipelines.report_page.details import (
    DEVIATION_SCALE,
    Compared,
    Track,
    compare,
    encoded,
    encoded_joints,
    motion_signal,
    quantile,
    skeletons,
)
from repscore.pipelines.report_page.figures import Row
from repscore.pipelines.terminal import printable
from repscore.transforms.records import Repetition

ANGLE_SCALE: Final = 250 / 180
_SIGNAL_STEPS: Final = 250

_OF_REPETITION: Final = (
    "person", "repetition", "start_s", "end_s", "exercise", "score", "score_low", "score_high",
    "score_kind", "unscorable_reason", "confidence", "duration_s", "out_s", "hold_s", "back_s",
    "range_of_motion_deg", "symmetry", "view", "pose_coverage",
)  # fmt: skip
_OF_SET: Final = (
    "person", "set_index", "exercise", "start_s", "end_s", "repetitions", "count_low",
    "count_high", "unsure", "scored", "mean_score", "tempo_per_min", "fatigue_slope",
)  # fmt: skip
_OF_REMARK: Final = (
    "joint", "quantity", "phase", "start_s", "end_s", "measured", "expected_low", "expected_high",
    "deviation", "message",
)  # fmt: skip
_OF_FAILURE: Final = ("segment", "stage", "error_class", "message")


class Followed(NamedTuple):
    """What the poses of a video say: its repetitions with keypoints, and its people's tracks."""

    repetitions: Sequence[Repetition]
    tracks: Mapping[int, Track]


def video_payload(
    tables: Mapping[str, Sequence[Row]],
    followed: Followed,
    references: References | None,
    duration_s: float | None,
) -> Row:
    """All that the page shows of one video.

    Args:
        tables: its rows by table, in order of time.
        followed: its poses; empty where they are not in the store.
        references: of the run that scored it.
        duration_s: its length; None where the container does not say it.
    """
    repetitions, tracks = followed
    length_s = duration_s or max((float(t.time_s[-1]) for t in tracks.values()), default=0.0)
    found = {(each.person, round(each.start_s * 1000)): each for each in repetitions}
    rows = [_texts(row, _OF_REPETITION) for row in tables["repetitions"]]
    keypoints = [found.get((row["person"], round(row["start_s"] * 1000))) for row in rows]
    for row in rows:
        key = (row["person"], row["repetition"])
        row["remarks"] = [
            _texts(remark, _OF_REMARK)
            for remark in tables["feedback"]
            if (remark["person"], remark["repetition"]) == key
        ]
    known = [index for index, each in enumerate(keypoints) if each is not None]
    executions = {index: each for index, each in enumerate(keypoints) if each is not None}
    if known:
        for index, joints in zip(known, skeletons(list(executions.values())), strict=True):
            rows[index]["pose"] = encoded_joints(joints)
            rows[index]["turn_s"] = round(executions[index].turn_s, 3)
    sets = [
        _set(number, row, rows, tables["repetitions"], executions, references)
        for number, row in enumerate(tables["sets"])
    ]
    return {
        "duration_s": length_s,
        "signals": [
            _signal(person, motion_signal(track, [e for e in repetitions if e.person == person],
                                          length_s))
            for person, track in sorted(tracks.items())
        ],
        "sets": sets,
        "repetitions": rows,
        "failures": [_texts(row, _OF_FAILURE) for row in tables["failures"]],
    }  # fmt: skip


def _set(
    number: int,
    row: Row,
    repetitions: list[Row],
    stored: Sequence[Row],
    executions: Mapping[int, Repetition],
    references: References | None,
) -> Row:
    """A set; its repetitions get what sets them apart from what was expected of them."""
    members = [
        index
        for index, each in enumerate(repetitions)
        if each["person"] == row["person"] and row["start_s"] <= each["start_s"] < row["end_s"]
    ]
    for index in members:
        repetitions[index]["set"] = number
    there = [index for index in members if index in executions]
    versions = {stored[index]["scorer_version"] for index in members}
    used = references if references and versions == {scorer_version(references)} else None
    shown = _texts(row, _OF_SET)
    compared = compare([executions[index] for index in there], used, row["exercise"])
    if compared is None:
        return shown
    for place, index in enumerate(there):
        repetitions[index] |= _apart(compared, place)
    by_reference = used is not None and row["exercise"] in used.names
    return shown | {
        "angle": compared.angle,
        "expected": encoded_joints(compared.expected),
        "expected_is": "reference" if by_reference else "median",
        **{
            name: encoded(quantile(compared.curves, share), 0.0, ANGLE_SCALE)
            for name, share in (("low", 0.1), ("median", 0.5), ("high", 0.9))
        },
    }


def _apart(compared: Compared, place: int) -> Row:
    return {
        "curve": encoded(compared.curves[place], 0.0, ANGLE_SCALE),
        "odd": bool(compared.odd[place]),
        "mirrored": bool(compared.mirrored[place]),
        "apart": encoded(compared.deviation[place], 0.0, DEVIATION_SCALE),
    }


def _signal(person: int, signal: np.ndarray[Any, np.dtype[np.float64]]) -> Row:
    known = signal[np.isfinite(signal)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    scale = _SIGNAL_STEPS / max(high - low, 1e-6)
    return {
        "person": person,
        "low": round(low, 4),
        "scale": round(scale, 4),
        "values": encoded(signal, low, scale),
    }


def _texts(row: Row, names: Sequence[str]) -> Row:
    """These columns: texts printable, numbers short."""
    return {name: _short(row[name]) for name in names}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return round(value, 3) if isinstance(value, float) else value
