"""A dataset from Python: `repscore.open(DATASET)`."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from repscore.pipelines.query import QueryError, connect, query


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of a repetition; row i is the instant time_s[i] of a grid of 15 Hz.

    Attributes:
        time_s: (N,) seconds from the start of the video.
        flat: (N, 15, 2) joints of `models.skeleton.JOINTS` in the picture: origin at mid-hip,
            torso length one, y down; NaN where not seen.
        body: (N, 15, 3) in space: x the person's left, y up, z forward, torso length one; NaN
            where there is no depth.
        visibility: (N, 15) 0..1.
    """

    time_s: npt.NDArray[np.float64]
    flat: npt.NDArray[np.float16]
    body: npt.NDArray[np.float16]
    visibility: npt.NDArray[np.float16]


class Dataset:
    """The tables of a dataset, and the keypoints of its repetitions; nothing in it is changed.

    A dataset that is not there, and SQL that is wrong, raise QueryError, a ValueError.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        connect(root).close()

    def __repr__(self) -> str:
        return f"Dataset({self.root!r})"

    def arrow(self, sql_or_table: str) -> pa.Table:
        """A table by its name, or the result of SQL over all tables, as a pyarrow Table."""
        text = sql_or_table.strip()
        found = query(self.root, text if " " in text else f"SELECT * FROM {text}")
        if found is None:
            raise QueryError(f"{sql_or_table!r}: expected a table's name or SQL")
        table: pa.Table = found.to_arrow_table()
        return table

    def polars(self, sql_or_table: str) -> Any:
        """The same as a polars DataFrame; raises ImportError without polars."""
        return _installed("polars").from_arrow(self.arrow(sql_or_table))

    def pandas(self, sql_or_table: str) -> Any:
        """The same as a pandas DataFrame; raises ImportError without pandas."""
        _installed("pandas")
        return self.arrow(sql_or_table).to_pandas()

    def keypoints(self, video: str, repetition: int, person: int = 0) -> Keypoints:
        """The keypoints of a repetition, as its row in `repetitions` names it.

        Args:
            video: its video_id, path, URL or file name.

        Raises ValueError (CannotView) where there is no such repetition.
        """
        from repscore.pipelines.view.find import CannotView, find_video
        from repscore.pipelines.view.people import follow

        scored = find_video(self.root, video)
        key = (person, repetition)
        rows = [row for row in scored.repetitions if (row["person"], row["repetition"]) == key]
        if not rows:
            raise CannotView(
                f"repetition {repetition} of person {person}: {scored.name} has "
                f"{len(scored.repetitions)} repetitions, none of them is this one"
            )
        start_s = rows[0]["start_s"]
        for found in follow(scored.segments, scored.subjects).repetitions:
            if found.person == person and abs(found.start_s - start_s) < 1e-6:
                time_s = found.time_s.astype(np.float64)
                return Keypoints(time_s, found.flat, found.body, found.visibility)
        raise CannotView(
            f"{scored.name}: this version finds other repetitions in its poses than its rows "
            f"hold: run `repscore rescore {self.root}`"
        )


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"{name} is not installed: `pip install {name}`") from error
