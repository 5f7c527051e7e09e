"""The one layout of labelled data: inputs, and `labels.csv` with what they show.

One row per labelled repetition, or one row per input of which only a count is known:

    input           path relative to the CSV's folder, or the path or URL in table `videos`
    exercise        empty: none of those to learn
    start_s, end_s  the repetition, half open, seconds
    count           instead of them: how many repetitions the whole input shows
    correct         1, 0 or empty
    subject         who performs; empty: the input stands for the subject
    group           optional: figures are also reported by it
"""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from repscore.transforms.files import join, local_path, open_binary

LABELS: Final = "labels.csv"
_COLUMNS: Final = (
    *("input", "exercise", "start_s", "end_s", "count"),
    *("correct", "subject", "group"),
)


class LabelsUnusable(ValueError):
    """A file of labels is missing, or a row of it says nothing that can be used."""


@dataclass(frozen=True)
class LabelledRepetition:
    """A repetition with known boundaries [start_s, end_s).

    Attributes:
        exercise: None where it is none of those to learn.
        correct: None where nobody judged it.
    """

    start_s: float
    end_s: float
    exercise: str | None
    correct: bool | None
    subject: str
    group: str | None


@dataclass(frozen=True)
class LabelledInput:
    """What is known of one input.

    Attributes:
        uri: as in table `videos`.
        exercise: of its first row.
        count: repetitions that it shows; more than `repetitions` where some boundaries are unknown.
        repetitions: those with known boundaries, in order.
        group: of its first row.
    """

    uri: str
    exercise: str | None
    count: int
    repetitions: tuple[LabelledRepetition, ...]
    group: str | None


@dataclass(frozen=True)
class _Row:
    """One row of the file, checked."""

    uri: str
    exercise: str | None
    count: int | None
    repetition: LabelledRepetition | None
    group: str | None


def read_labels(folder: str, labels: str | None = None) -> list[LabelledInput]:
    """The labelled inputs of a folder or URL, in the order of their first rows.

    Args:
        labels: another file than `labels.csv` in the folder.

    Raises LabelsUnusable.
    """
    path = join(folder, LABELS) if labels is None else labels
    try:
        with open_binary(path) as file:
            text = file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelsUnusable(
            f"{path}: expected a CSV file in UTF-8 with the labels, found none ({error}); "
            "see docs/training.md for its columns, or give another path with --labels"
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    found = reader.fieldnames or ()
    unknown = [name for name in found if name not in _COLUMNS]
    if "input" not in found or unknown:
        raise LabelsUnusable(
            f"{path}, row 1: expected the column input and some of {', '.join(_COLUMNS[1:])}; "
            f"found {', '.join(found) or 'nothing'}"
        )
    # Paths are relative to the file with the labels, wherever that lies.
    base = (
        path.rpartition("/")[0] if local_path(path) is None else str(Path(path).absolute().parent)
    )
    rows: dict[str, list[_Row]] = defaultdict(list)
    for cells in reader:
        row = _row(cells, base, f"{path}, row {reader.line_num}")
        rows[row.uri].append(row)
    if not rows:
        raise LabelsUnusable(f"{path}: expected a row per repetition or input, found none")
    return [_input(uri, of_input, path) for uri, of_input in rows.items()]


def _row(cells: Mapping[str, str | None], base: str, place: str) -> _Row:
    """One row; raises LabelsUnusable with its place in the file."""

    def text(column: str) -> str | None:
        return (cells.get(column) or "").strip() or None

    def refuse(column: str, expected: str) -> LabelsUnusable:
        found = text(column)
        return LabelsUnusable(
            f"{place}, column {column}: expected {expected}, found {found or 'nothing'}"
        )

    def number(column: str) -> float | None:
        value = text(column)
        try:
            parsed = None if value is None else float(value)
        except ValueError as error:
            raise refuse(column, "a number of seconds") from error
        if parsed is not None and not 0 <= parsed < float("inf"):
            raise refuse(column, "seconds from 0 on")
        return parsed

    given = text("input")
    if given is None:
        raise refuse("input", "a path or URL")
    uri = (
        given if "://" in given else join(base, given) if "://" in base else str(Path(base, given))
    )
    start_s, end_s = number("start_s"), number("end_s")
    exercise, group, count = text("exercise"), text("group"), text("count")
    if start_s is None:
        if end_s is not None:
            raise refuse("start_s", "the start of the repetition that ends at end_s")
        if count is None or not count.isdecimal():
            raise refuse("count", "a number of repetitions, since start_s is empty")
        return _Row(uri, exercise, int(count), None, group)
    if end_s is None or end_s <= start_s:
        raise refuse("end_s", f"seconds after start_s ({start_s:g})")
    if count is not None:
        raise refuse("count", "nothing, since the row is one repetition; a count has its own row")
    correct = text("correct")
    if correct not in ("1", "0", None):
        raise refuse("correct", "1, 0 or nothing")
    judged = None if correct is None else correct == "1"
    repetition = LabelledRepetition(start_s, end_s, exercise, judged, text("subject") or uri, group)
    return _Row(uri, exercise, None, repetition, group)


def _input(uri: str, rows: list[_Row], path: str) -> LabelledInput:
    repetitions = sorted(
        (row.repetition for row in rows if row.repetition is not None),
        key=lambda repetition: repetition.start_s,
    )
    counts = [row.count for row in rows if row.count is not None]
    if len(counts) > 1 or (counts and counts[0] < len(repetitions)):
        raise LabelsUnusable(
            f"{path}, input {uri}, column count: expected one count of at least the "
            f"{len(repetitions)} repetitions with boundaries, found {counts}"
        )
    count = counts[0] if counts else len(repetitions)
    return LabelledInput(uri, rows[0].exercise, count, tuple(repetitions), rows[0].group)
