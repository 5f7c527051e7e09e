"""Which videos are learned from and chosen on, and which are looked at once, at the end."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from repscore.pipelines.labels import LabelledInput
from research.layout import name_of

_SEED: Final = 30


def kept_apart(videos: Sequence[LabelledInput]) -> set[str]:
    """Names of a third of the videos of each exercise of a data set, drawn at random."""
    rng = np.random.default_rng(_SEED)
    apart: set[str] = set()
    for exercise in sorted({str(video.exercise) for video in videos}):
        names = np.array(sorted(name_of(v) for v in videos if v.exercise == exercise))
        rng.shuffle(names)
        apart.update(names[: round(len(names) / 3)].tolist())
    return apart
