"""Intervals of counts: `python -m research.count_intervals FOLDER... [--once]`.

Fits the factors of `transforms/score/sets.py` on the part of each folder to choose on (see
`phases/split.py`), every video counted by a network that was trained without it, and prints how
often the interval holds the truth. With --once also on the part that is looked at once.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from repscore.models.phases import network
from repscore.transforms.repetitions import motion
from repscore.transforms.score.sets import (
    COUNTS_TOO_FEW,
    COUNTS_TOO_MANY,
    UNSURE,
    count_interval,
    doubt,
)
from research.layout import name_of, read_image_poses
from research.phases.folds import fold_networks
from research.phases.split import kept_apart

SHARE: Final = 0.90
"""Of the counts the interval is meant to hold; half of the others lie on either side."""


@dataclass(frozen=True)
class Counted:
    """A video in which repetitions were found: the true count and their confidences."""

    truth: int
    confidences: tuple[float, ...]

    @property
    def interval(self) -> tuple[int, int]:
        """As `sets` has it."""
        return count_interval(self.confidences)


def fit(videos: Sequence[Counted]) -> tuple[float, float]:
    """Doubts by which the truth lies below and above the count, at most, in SHARE of the videos.

    Split conformal prediction: the quantile has a finite-sample correction.
    """
    errors = np.array([video.truth - len(video.confidences) for video in videos])
    doubts = np.array([doubt(video.confidences) for video in videos])
    rank = math.ceil((1 + SHARE) / 2 * (len(videos) + 1)) - 1
    many, few = (np.sort(np.maximum(sign * errors, 0) / doubts)[rank] for sign in (-1, 1))
    return math.ceil(100 * many) / 100, math.ceil(100 * few) / 100  # to hold them all


def show(title: str, videos: Sequence[Counted], none_found: int) -> None:
    """Coverage, width, and how well sure and unsure counts hold."""
    low, high = np.array([video.interval for video in videos]).T
    truth = np.array([video.truth for video in videos])
    count = np.array([len(video.confidences) for video in videos])
    unsure = high - low > UNSURE
    within = np.abs(count - truth) <= 1
    held = np.mean((low <= truth) & (truth <= high))
    print(
        f"{title}: {len(videos)} videos, {none_found} more without a repetition found; the "
        f"interval holds the truth in {held:.2f}, median width {np.median(high - low):.0f}; "
        f"unsure {unsure.mean():.2f}, within one {within[unsure].mean():.2f} of these and "
        f"{within[~unsure].mean():.2f} of the others"
    )


def main() -> None:
    """Print the factors, and what the ones in use hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--once", action="store_true", help="also the part to look at once")
    options = parser.parse_args()
    parts: dict[bool, list[Counted]] = {False: [], True: []}
    none_found = {False: 0, True: 0}
    for folder in options.folders:
        videos = read_image_poses(folder)
        apart = kept_apart([labelled for labelled, _ in videos])
        for labelled, poses in videos:
            once = name_of(labelled) in apart
            if once and not options.once:
                continue
            phases = fold_networks().get(name_of(labelled), network.shipped())
            state, completed = motion.step(motion.start(0), poses, phases)
            found = (*completed, *motion.finish(state, phases))
            if found:
                confidences = tuple(repetition.confidence for repetition in found)
                parts[once].append(Counted(labelled.count, confidences))
            else:
                none_found[once] += 1
    many, few = fit(parts[False])
    print(f"too many {many:.2f}, too few {few:.2f}; in use {COUNTS_TOO_MANY}, {COUNTS_TOO_FEW}")
    show("to choose on", parts[False], none_found[False])
    if options.once:
        show("looked at once", parts[True], none_found[True])


if __name__ == "__main__":
    main()
