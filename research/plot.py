"""Plots of the videos that were counted worst: the movement, true and predicted boundaries."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt

from repscore.models.phases.metrics import OVERLAPS, CountingResult, matches
from repscore.transforms.records import PoseFrames
from research.baselines import RATE_HZ, first_component

_WORST = 12


def plot_worst(
    results: Sequence[CountingResult], poses: Mapping[str, PoseFrames], folder: Path
) -> None:
    """Plot the videos whose count is off by most, then those whose boundaries match least."""
    folder.mkdir(parents=True, exist_ok=True)
    for rank, result in enumerate(sorted(results, key=_badness, reverse=True)[:_WORST]):
        if _badness(result) > (0, 0.0):
            _plot(result, poses[result.name], folder / f"{rank:02d}_{Path(result.name).name}.png")


def _badness(result: CountingResult) -> tuple[int, float]:
    if not result.truth:
        return abs(result.error), 0.0
    hits = matches(result.predicted, result.truth, OVERLAPS[0])
    return abs(result.error), 1 - 2 * hits / (len(result.predicted) + len(result.truth))


def _plot(result: CountingResult, poses: PoseFrames, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(14, 3.5))
    course = first_component(poses)
    time_s = poses.time_s[0] + np.arange(len(course)) / RATE_HZ
    scale = np.abs(course).max(initial=0.0) or 1.0
    axes.plot(time_s, course / scale, color="0.4", label="first principal component")
    for spans, colour, low, label in (
        (result.truth or (), "tab:green", 0.0, "true"),
        (result.predicted, "tab:red", -1.1, "predicted"),
    ):
        for number, (start_s, end_s) in enumerate(spans):
            axes.vlines([start_s, end_s], low, low + 1.1, colors=colour, lw=0.8)
            axes.fill_between([start_s, end_s], low, low + 1.1, color=colour, alpha=0.08)
            axes.text((start_s + end_s) / 2, low + 0.03, str(number + 1), fontsize=6, ha="center")
        axes.plot([], [], color=colour, label=label)
    axes.set_title(
        f"{result.name} ({result.exercise}): {result.count} true, {len(result.predicted)} counted"
    )
    axes.set_xlabel("seconds")
    axes.legend(loc="upper right", fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
