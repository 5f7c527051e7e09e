"""Pictures of the videos that were counted worst: the movement, true and found boundaries."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt

from repscore.pipelines.evaluate.baselines import first_component
from repscore.pipelines.evaluate.metrics import OVERLAPS, Outcome, matches
from repscore.transforms.records import PoseFrames

_WORST = 12
_TRUE, _FOUND = "tab:green", "tab:red"


def draw_worst(
    outcomes: Sequence[Outcome], poses: Callable[[str], PoseFrames | None], folder: Path
) -> list[Path]:
    """Draw the videos whose count is off by most, then those whose boundaries match least."""
    folder.mkdir(parents=True, exist_ok=True)
    worst = sorted(outcomes, key=_badness, reverse=True)[:_WORST]
    drawn = []
    for rank, outcome in enumerate(worst):
        if _badness(outcome) == (0, 0.0):
            break
        path = folder / f"{rank:02d}_{outcome.name}.png"
        _draw(outcome, poses(outcome.name), path)
        drawn.append(path)
    return drawn


def _badness(outcome: Outcome) -> tuple[int, float]:
    if outcome.truth is None:
        return abs(outcome.off), 0.0
    both = len(outcome.found) + len(outcome.truth)
    hits = matches(outcome.found, outcome.truth, OVERLAPS[0])
    return abs(outcome.off), 1.0 - 2 * hits / both if both else 0.0


def _draw(outcome: Outcome, poses: PoseFrames | None, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(14, 3.5))
    if poses is not None:
        course = first_component(poses)
        scale = np.abs(course).max(initial=0.0) or 1.0
        time_s = poses.time_s[0] + np.arange(len(course)) / 15.0
        axes.plot(time_s, course / scale, color="0.4", label="first principal component")
    for spans, colour, low, label in (
        (outcome.truth or (), _TRUE, 0.0, "true"),
        (outcome.found, _FOUND, -1.1, "found"),
    ):
        for number, (start_s, end_s) in enumerate(spans):
            axes.vlines([start_s, end_s], low, low + 1.1, colors=colour, lw=0.8)
            axes.fill_between([start_s, end_s], low, low + 1.1, color=colour, alpha=0.08)
            axes.text((start_s + end_s) / 2, low + 0.03, str(number + 1), fontsize=6, ha="center")
        axes.plot([], [], color=colour, label=label)
    axes.set_title(
        f"{outcome.name} ({outcome.exercise}): {outcome.count} true, {len(outcome.found)} found"
    )
    axes.set_xlabel("seconds")
    axes.legend(loc="upper right", fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
