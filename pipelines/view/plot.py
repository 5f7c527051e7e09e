"""`repscore plot`: motion, boundaries of repetitions and joint angles of a video, for papers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from repscore.models.skeleton import ANGLES
from repscore.models.torso import torso_px
from repscore.pipelines.movement import main_movement
from repscore.pipelines.ready import check_file
from repscore.pipelines.terminal import line
from repscore.pipelines.view.drawing import LEFT, RIGHT
from repscore.pipelines.view.find import CannotView, ScoredVideo
from repscore.pipelines.view.moments import Shown, shown_by_person
from repscore.pipelines.view.people import follow, whole
from repscore.transforms.files import replacing
from repscore.transforms.repetitions.clean import RATE_HZ, Samples, clean, seen
from repscore.transforms.repetitions.measure import angles_deg
from repscore.transforms.repetitions.normalise import flatten

FORMATS: Final = (".png", ".svg", ".pdf")

_WIDTH_IN: Final = 7.0
"""Two columns of a paper (IEEE: 7.16 inches)."""
_FONT_PT: Final = 8.0
_DPI: Final = 200
_NAMES: Final = list(ANGLES)
_JOINTS: Final = ("elbow", "shoulder", "hip", "knee")

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """A person's movement.

    Attributes:
        time_s: (N,) instants of the grid on which repetitions are found.
        motion: (N,) place along the main movement in torso lengths, turning points up; NaN where
            the person is not seen.
        filtered_deg: (N, 8) the named angles on the grid, cleaned as for the score.
        raw_time_s, raw_deg: (M,), (M, 8) the same of the frames as they were estimated.
    """

    time_s: Array
    motion: Array
    filtered_deg: Array
    raw_time_s: Array
    raw_deg: Array


def curves(samples: Samples, repetitions: Sequence[Shown]) -> Curves:
    """The movement of a person from all frames and repetitions."""
    first = math.floor(samples.time_s[0] * RATE_HZ)
    count = math.ceil(samples.time_s[-1] * RATE_HZ) - first + 1
    size_px = torso_px(samples.image_px, samples.world_m)
    joints, _ = clean(seen(samples), first, count, size_px)
    time_s = (first + np.arange(count)) / RATE_HZ
    flat, world = flatten(joints, size_px), joints[..., 3:]
    return Curves(
        time_s=time_s,
        motion=main_movement(
            time_s,
            flat.reshape(count, -1),
            [(each.start_s, sum(each.turn_s) / 2, each.end_s) for each in repetitions],
        ),
        filtered_deg=angles_deg(flat, world),
        raw_time_s=samples.time_s,
        raw_deg=angles_deg(samples.image_px[..., :2], samples.world_m),
    )


def plot(video: ScoredVideo, target: str, person: int | None, span_s: tuple[float, float]) -> None:
    """Draw a person of the video, by default the one with most repetitions, into a file.

    Raises CannotView, and NotReady for a file that cannot be written.
    """
    check_file(target)
    followed = follow(video.segments, video.subjects)
    people = whole(video.segments, followed.names)
    shown = shown_by_person(video.repetitions, video.feedback)
    if not people:
        raise CannotView(f"{video.stored.video.uri}: nobody was found in it")
    chosen = max(people, key=lambda each: (len(shown.get(each, [])), -each))
    chosen = chosen if person is None else person
    if chosen not in people:
        known = ", ".join(str(each) for each in sorted(people))
        raise CannotView(f"--person {chosen}: expected one of {known} in {video.name}")
    found = curves(people[chosen], shown.get(chosen, []))
    whose = f", person {chosen}" if len(people) > 1 else ""
    figure = draw(found, shown.get(chosen, []), f"{line(video.name)}{whose}", span_s)
    with replacing(target) as file:
        figure.savefig(file, format=PurePosixPath(target).suffix.lower()[1:], dpi=_DPI)


def draw(
    found: Curves, repetitions: Sequence[Shown], title: str, span_s: tuple[float, float]
) -> Any:
    """A figure: motion above, a row for each pair of angles below, boundaries through all."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    styles: dict[Any, Any] = {"font.size": _FONT_PT, "axes.linewidth": 0.6, "svg.fonttype": "none"}
    with mpl.rc_context(styles):
        figure = Figure(figsize=(_WIDTH_IN, 6.2), layout="constrained")
        rows: Any = figure.subplots(5, 1, sharex=True, height_ratios=[1.4, 1, 1, 1, 1])
        low_s = max(span_s[0], float(found.time_s[0]))
        high_s = min(span_s[1], float(found.time_s[-1]))
        inside = [each for each in repetitions if each.end_s > low_s and each.start_s < high_s]
        motion, *angles = rows
        motion.plot(found.time_s, found.motion, color="0.15", lw=1.0)
        motion.set_ylabel("motion (torso lengths)")
        motion.set_title(title, loc="left", fontsize=_FONT_PT + 1)
        for axes, joint in zip(angles, _JOINTS, strict=True):
            for side, colour in (("right", RIGHT), ("left", LEFT)):
                column, paint = _NAMES.index(f"{side}_{joint}"), [part / 255 for part in colour]
                axes.plot(found.raw_time_s, found.raw_deg[:, column], ".", color=paint, ms=1.5,
                          alpha=0.6)  # fmt: skip
                axes.plot(found.time_s, found.filtered_deg[:, column], color=paint, lw=1.1,
                          label=side)  # fmt: skip
            axes.set_ylabel(f"{joint} (deg)")
        angles[0].plot([], [], ".", color="0.4", ms=3, label="raw")
        angles[0].plot([], [], "-", color="0.4", lw=1.1, label="filtered")
        angles[0].legend(ncols=4, loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False,
                         borderpad=0.0, borderaxespad=0.2)  # fmt: skip
        for axes in rows:
            for each in inside:
                axes.axvspan(each.start_s, each.end_s, color="0.5", alpha=0.1, lw=0)
                for at_s in (each.start_s, each.end_s):
                    axes.axvline(at_s, color="0.5", lw=0.5)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xlim(low_s, high_s)
            axes.margins(y=0.08)
        top = motion.get_xaxis_transform()
        for number, each in enumerate(repetitions):
            if each in inside and len(inside) <= 40:
                score = "" if each.score is None else f"\n{each.score:.0f}"
                middle = (max(each.start_s, low_s) + min(each.end_s, high_s)) / 2
                motion.text(middle, 0.99, f"{number + 1}{score}", transform=top, ha="center",
                            va="top", fontsize=_FONT_PT - 1.5, color="0.35")  # fmt: skip
        motion.set_ymargin(0.35)
        rows[-1].set_xlabel("time (s)")
    return figure
