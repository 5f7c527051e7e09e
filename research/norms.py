"""Ranges of norms from recorded people: `python -m research.norms DATA`, RepCount-pose converted.

Writes the part below MARKER of each norm whose exercise is in DATA: quantiles over videos, not over
repetitions, so that one who does fifty jumping jacks counts once. Nobody judged these people: a
range says what is usual, and only quantities without a published criterion are taken from it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np

from repscore.models.scorer.norms.norm import FOLDER, UNITS, read_norms
from repscore.models.scorer.norms.quantities import Measurer
from repscore.models.scorer.represent import Execution
from repscore.pipelines.labelled import executions_of
from repscore.pipelines.labels import read_labels
from repscore.transforms.records import PoseFrames

MARKER: Final = "# Written by research/norms.py; edit the script, not the text below."
_VIEWS: Final = ("front", "back", "side", "oblique")
_LEAST_VIDEOS: Final = 8


class Wanted(NamedTuple):
    """A range to take from data: a bound is written where there is something to say beyond it."""

    quantity: str
    phase: str
    views: Sequence[str]
    picture: Sequence[str]
    below: str | None
    above: str | None
    weight: float = 0.5


_TEMPO: Final = Wanted("duration", "mean", _VIEWS, (), "too_fast", None)
WANTED: Final[Mapping[str, Sequence[Wanted]]] = {
    "squat": (_TEMPO,),
    "push_up": (_TEMPO,),
    "pull_up": (_TEMPO,),
    "bench_pressing": (_TEMPO,),
    "front_raise": (_TEMPO,),
    "sit_up": (_TEMPO,),
    "jump_jack": (
        _TEMPO,
        Wanted("feet_apart", "most", ("front", "back"), ("front", "back"), "feet_close", None),
    ),
}


def data_part(videos: Sequence[Sequence[Execution]], wanted: Sequence[Wanted]) -> str:
    """The `[[data]]` of a norm in TOML: 5 % and 95 % of the videos' medians.

    The tolerance is the way from there to the middle of the videos.
    """
    lines = [MARKER]
    for each in wanted:
        medians = [m for video in videos if (m := _median(video, each)) is not None]
        if len(medians) < _LEAST_VIDEOS:
            raise ValueError(f"{each.quantity}: expected {_LEAST_VIDEOS} videos, found {medians}")
        low, middle, high = np.quantile(medians, [0.05, 0.5, 0.95])
        tolerance = max(middle - low if each.below else 0, high - middle if each.above else 0)
        digits = 0 if UNITS[each.quantity] == "degrees" else 2
        lines += ["", "[[data]]", f'quantity = "{each.quantity}"', f'phase = "{each.phase}"']
        lines += [f"views = [{_names(each.views)}]"]
        lines += [f"picture = [{_names(each.picture)}]"] if each.picture else []
        lines += [f"low = {low:.{digits}f}"] if each.below else []
        lines += [f"high = {high:.{digits}f}"] if each.above else []
        lines += [f"tolerance = {tolerance:.{digits}f}", f"weight = {each.weight}"]
        lines += [f'source = "5 % to 95 % of {len(medians)} videos of RepCount-pose"']
        lines += [f'below = "{each.below}"'] if each.below else []
        lines += [f'above = "{each.above}"'] if each.above else []
    return "\n".join(lines) + "\n"


def _median(video: Sequence[Execution], wanted: Wanted) -> float | None:
    measurer = Measurer(video)
    values = [
        measurer.measure(wanted.quantity, wanted.phase, picture=picture).value  # type: ignore[arg-type]
        for picture in (False, True)
    ]
    own = [
        values[each.view in wanted.picture][row]
        for row, each in enumerate(video)
        if each.view in wanted.views
    ]
    known = [value for value in own if np.isfinite(value)]
    return float(np.median(known)) if known else None


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def read_videos(folder: Path) -> dict[str, list[list[Execution]]]:
    """Exercise -> the repetitions of each of its videos, cut at their labels."""
    videos: dict[str, list[list[Execution]]] = defaultdict(list)
    for labelled in read_labels(str(folder)):
        if not labelled.repetitions:
            continue
        with np.load(labelled.uri) as archive:
            fields = ("time_s", "image_px", "world_m", "visibility")
            poses = PoseFrames(str(archive["topology"]), *(archive[name] for name in fields))
        spans_s = [(each.start_s, each.end_s) for each in labelled.repetitions]
        found = [each for each in executions_of(poses, spans_s) if each is not None]
        if found:
            videos[str(labelled.repetitions[0].exercise)].append(found)
    return videos


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
def write_norms(data: Path) -> None:
    """Write the ranges of recorded people into the norms."""
    videos = read_videos(data)
    for exercise, wanted in WANTED.items():
        path = FOLDER / f"{exercise}.toml"
        criteria = path.read_text(encoding="utf-8").partition(MARKER)[0].rstrip()
        path.write_text(f"{criteria}\n\n{data_part(videos[exercise], wanted)}", encoding="utf-8")
    read_norms()


if __name__ == "__main__":
    write_norms()
