"""The people in a CSV file that holds a whole recording.

A row per frame and person with columns such as `x0`, `nose_x` or `landmark_0_x`, or a row per
landmark.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from repscore.models.skeleton import BLAZEPOSE_NAMES, BY_COUNT
from repscore.transforms.keypoints.export_rows import (
    IDENTITIES,
    NUMBERS,
    SURE,
    TIMES,
    Points,
    Row,
    by_index,
    landmark_of,
    number_of,
)
from repscore.transforms.keypoints.span import NotKeypoints

_AXIS: Final = {"x": 0, "y": 1, "z": 2, **dict.fromkeys(SURE, 3)}
_LANDMARK_COLUMNS: Final = (
    *("landmark", "landmark_id", "landmark_index", "landmark_idx", "landmark_name", "keypoint"),
    *("keypoint_id", "joint", "joint_id"),
)


def columns_of(header: Sequence[str]) -> dict[int, tuple[str, int]] | None:
    """Column -> (landmark, axis) for a row per person; None where these are not landmarks."""
    found: dict[int, tuple[str, int]] = {}
    for column, raw in enumerate(header):
        name = raw.strip().lower()
        axis = "|".join(sorted(_AXIS, key=len, reverse=True))
        match = re.fullmatch(rf"(?P<a>{axis})_?(?P<n>[0-9]+)", name)
        match = match or re.fullmatch(rf"(?P<n>.+?)[_. ](?P<a>{axis})", name)
        match = match or re.fullmatch(rf"(?P<a>{axis})_(?P<n>.+)", name)
        if match is None:
            continue
        digits = re.fullmatch(r"\D*(\d+)", match["n"])
        index = landmark_of(match["n"])
        if digits is not None and index is None:
            found[column] = (f"#{int(digits[1])}", _AXIS[match["a"]])
        elif index is not None:
            found[column] = (BLAZEPOSE_NAMES[index], _AXIS[match["a"]])
    xs = {name for name, axis in found.values() if axis == 0}
    ys = {name for name, axis in found.values() if axis == 1}
    wide = xs == ys and len(xs) in BY_COUNT
    return found if wide else None


def is_long(header: Sequence[str]) -> bool:
    """Whether a header is that of a row per landmark."""
    names = {name.strip().lower() for name in header}
    return {"x", "y"} <= names and bool(names & set(_LANDMARK_COLUMNS))


def header_of(text: str) -> tuple[list[str], str]:
    """The names of the columns in the first line, and what separates them."""
    first = text.lstrip("\ufeff").partition("\n")[0].strip("\r")
    separator = max(",;\t", key=first.count)
    return next(csv.reader([first], delimiter=separator), []), separator


def csv_rows(uri: str, data: bytes) -> Iterator[Row]:
    """The people of all rows, frame by frame; raises NotKeypoints."""
    text = data.decode("utf-8-sig", errors="replace")
    header, separator = header_of(text)
    names = [name.strip().lower() for name in header]
    columns = columns_of(header)
    if columns is None and not is_long(header):
        raise NotKeypoints(
            f"{uri}: expected a header with x and y of each landmark (x0, y0 or nose_x, nose_y), "
            f"or columns landmark, x, y; found {', '.join(header[:6])}"
        )
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))[1:]
    try:
        yield from _wide(names, columns, rows) if columns else _long(names, rows)
    except (ValueError, IndexError, KeyError) as error:
        raise NotKeypoints(
            f"{uri}: expected numbers in each row, found others ({error})"
        ) from error


def _cell(text: str) -> float | None:
    return float(text) if text.strip() else None


def _of(names: Sequence[str], row: Sequence[str], wanted: Sequence[str]) -> float | None:
    lower = [name.lower() for name in wanted]
    column = next((names.index(name) for name in lower if name in names), None)
    return None if column is None else number_of(_cell(row[column]))


def _wide(
    names: Sequence[str], columns: Mapping[int, tuple[str, int]], rows: Sequence[Sequence[str]]
) -> Iterator[Row]:
    keys = sorted({name for name, _ in columns.values() if name.startswith("#")}, key=_order)
    named = not keys
    if named:
        keys = [name for name in BLAZEPOSE_NAMES if name in {key for key, _ in columns.values()}]
    place = {key: index for index, key in enumerate(keys)}
    filled = [row for row in rows if row]
    for index, row in enumerate(filled):
        points = np.full((len(keys), 4), np.nan)
        for column, (name, axis) in columns.items():
            value = _cell(row[column])
            points[place[name], axis] = math.nan if value is None else value
        yield _csv_row(names, row, index, points)


def _order(key: str) -> int:
    return int(key[1:])


def _csv_row(names: Sequence[str], row: Sequence[str], index: int, points: Points) -> Row:
    time, number = _of(names, row, TIMES), _of(names, row, NUMBERS)
    identity = _of(names, row, IDENTITIES)
    points[(points[:, :2] == 0).all(axis=1)] = np.nan
    return Row(
        time,
        float(index) if number is None else number,
        None if identity is None or identity < 0 else int(identity),
        points if np.isfinite(points).any() else None,
    )


def _long(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Row]:
    """Rows of one landmark each: those of one frame and person follow each other."""
    column = next(names.index(name) for name in _LANDMARK_COLUMNS if name in names)
    sure = next((names.index(name) for name in SURE if name in names), None)
    axes = [names.index(name) if name in names else None for name in "xyz"]
    groups: dict[tuple[Any, ...], list[tuple[str, list[float], Sequence[str]]]] = {}
    for row in filter(None, rows):
        key = tuple(_of(names, row, each) for each in (TIMES, NUMBERS, IDENTITIES))
        cells = [None if axis is None else _cell(row[axis]) for axis in (*axes, sure)]
        values = [math.nan if cell is None else cell for cell in cells]
        groups.setdefault(key, []).append((row[column], values, row))
    for index, found in enumerate(groups.values()):
        if all(re.fullmatch(r"\s*\d+\s*", name) for name, _, _ in found):
            ordered = sorted(found, key=lambda one: int(one[0]))
            points: Points | None = np.array([values for _, values, _ in ordered])
        else:
            pairs = [(landmark_of(name), values) for name, values, _ in found]
            known = [(i, values) for i, values in pairs if i is not None]
            points = by_index(known) if len(known) == len(pairs) else None
        if points is None:
            raise ValueError(f"landmarks {', '.join(name for name, _, _ in found[:3])}, ...")
        yield _csv_row(names, found[0][2], index, points)
