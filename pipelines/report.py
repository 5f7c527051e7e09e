"""What a run did: while it goes on, and at its end."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from repscore.pipelines.progress import console
from repscore.pipelines.terminal import echo
from repscore.transforms.pose.figures import PoseFigures
from repscore.transforms.watch.arrivals import ArrivalStatus

_NAMED: Final = 3


@dataclass(frozen=True)
class RunState:
    """What a run has done so far.

    Attributes:
        counts: of the stages, as `<stage> <counter>`.
        frames: of finished segments, those of reference clips not counted.
        decoded_s: length of the video that was estimated for them.
        unchanged: names of inputs whose rows are current.
        arrivals: of `watch`.
    """

    counts: Counter[str]
    poses: PoseFigures
    frames: int = 0
    decoded_s: float = 0.0
    unchanged: int = 0
    arrivals: ArrivalStatus | None = None


@dataclass(frozen=True)
class RunReport:
    """What a run did: a row of the `runs` table.

    Attributes:
        untended: why the tables could not be tended after it; the next run tries again.
        empty: places of known inputs that hold none now; the rows stay.
    """

    row: Mapping[str, Any]
    failed_videos: int
    untended: str | None = None
    empty: Sequence[str] = ()

    @property
    def failure_rate(self) -> float:
        """Share of the processed videos of which nothing could be used."""
        return self.failed_videos / max(1, int(self.row["videos"]))

    def show(self, *, as_json: bool) -> None:
        """One JSON object, or one line for people."""
        if as_json:
            notes = {"untended": self.untended, "empty": list(self.empty)}
            noted = {name: note for name, note in notes.items() if note}
            echo(json.dumps({**self.row, **noted}, default=str))
            return
        row = self.row
        failed = f", {row['failures']} failures (table `failures`)" if row["failures"] else ""
        rate = f" at {row['frames_per_s']:.0f} frames/s" if row["frames_per_s"] else ""
        console().print(
            f"{row['inputs']} inputs: {row['videos']} processed, {row['skipped']} unchanged; "
            f"{row['repetitions']} repetitions{failed}; {row['frames']} frames{rate}, "
            f"{row['wall_s']:.1f} s in all"
        )
        if row.get("vanished"):
            console().print(
                f"{row['vanished']} known inputs were not in their places: rows of "
                f"{row['dropped']} were dropped, those of the others stay (--vanished)"
            )
        if self.empty:
            more = f" and {len(self.empty) - _NAMED} others" if len(self.empty) > _NAMED else ""
            console().print(
                f"no inputs in {', '.join(self.empty[:_NAMED])}{more}, where the dataset knows "
                "some: is a disk not mounted? Their rows stay until the folder is gone, too"
            )
        if self.untended is not None:
            console().print(f"small files were not merged: {self.untended}")
        if row.get("passed_over"):
            console().print(f"in the folders: {row['passed_over']}")
        if row.get("moved"):
            moved = json.loads(row["moved"])
            console().print(
                f"of {moved['compared']} repetitions {moved['score']} moved by a point or more, "
                f"{moved['exercise']} changed their exercise, {moved['now_scorable']} can now be "
                f"scored, {moved['no_longer_scorable']} no longer (table `runs`, column `moved`)"
            )
