"""Rows of inputs that are gone."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from deltalake import DeltaTable

from repscore.transforms.tables.delta import CHILDREN, ON_THIS_SNAPSHOT, on_newest, quoted

_AT_ONCE: Final = 1000
"""Inputs in one condition."""


def drop_inputs(root: str, uris: Sequence[str]) -> None:
    """Remove all rows of inputs, and of contents that were first found as one of them.

    An input that another run adds meanwhile may go with them; the next run finds it again. Killed
    at any moment, an input counts as out of date until all its rows are gone.

    Raises:
        WriteConflictError: other processes kept committing; call it again.
    """
    for start in range(0, len(uris), _AT_ONCE):
        gone = quoted(uris[start : start + _AT_ONCE])
        of_videos = f"uri IN ({gone}) OR duplicate_of IN ({gone})"
        on_newest(root, "videos", partial(_outdate, where=of_videos))
        _drop_children(root, gone)
        on_newest(root, "videos", partial(_drop, where=of_videos))


def _drop_children(root: str, gone: str) -> None:
    for name in CHILDREN:
        column = "uri" if name == "failures" else "video_uri"
        on_newest(root, name, partial(_drop, where=f"{column} IN ({gone})"))


def _outdate(table: DeltaTable, where: str) -> None:
    table.update({"config": "''"}, predicate=where, commit_properties=ON_THIS_SNAPSHOT)


def _drop(table: DeltaTable, where: str) -> None:
    table.delete(where, commit_properties=ON_THIS_SNAPSHOT)
