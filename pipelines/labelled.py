"""Repetitions with their truth, whatever layout holds them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repscore.models.scorer.network import NONE
from repscore.models.scorer.represent import Execution
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import normalise
from repscore.transforms.repetitions.clean import RATE_HZ, clean, samples_of, seen

_LEAST_INSTANTS = 5
_MIRRORED = {"left": "right", "right": "left"}


@dataclass(frozen=True, eq=False)
class Labelled:
    """One repetition and its truth.

    Attributes:
        subject: who performs it, or the video where nobody says who: never on both sides of a
            split.
        exercise: None where it is none of those that are learned.
        correct: None where nobody judged it, or where the data set calls it poor.
        drawn: nobody has performed it (pipelines/train/drawn.py).
    """

    subject: str
    patient: bool
    exercise: str | None
    correct: bool | None
    execution: Execution
    drawn: bool = False


class Truth:
    """What is known of R repetitions, as arrays.

    Attributes:
        names: of the E exercises, sorted; number: of each of them, NONE of none of them.
        exercise: (R,) int64, index into `names` or NONE.
        correct: (R,) float32, 1, 0 or NaN unjudged.
        subject: (R,) who performs it, or the video.
        mirrored: exercise e of the mirrored person is mirrored[e].
    """

    def __init__(self, items: Sequence[Labelled]) -> None:
        self.names = exercises_of(items)
        self.number: dict[str | None, int] = {name: n for n, name in enumerate(self.names)}
        self.number[None] = NONE
        self.exercise = np.array([self.number[item.exercise] for item in items])
        self.correct = np.array(
            [np.nan if item.correct is None else item.correct for item in items], np.float32
        )
        self.subject = np.array([item.subject for item in items])
        turned = [mirrored(name) for name in self.names]
        self.mirrored = tuple(
            self.names.index(other) if other in self.names else number
            for number, other in enumerate(turned)
        )


def exercises_of(items: Sequence[Labelled]) -> tuple[str, ...]:
    """Their names, sorted."""
    return tuple(sorted({item.exercise for item in items if item.exercise is not None}))


def mirrored(exercise: str) -> str:
    """What the mirrored person performs: left and right in a name change places."""
    return "_".join(_MIRRORED.get(word, word) for word in exercise.split("_"))


def executions_of(poses: PoseFrames, spans_s: Sequence[tuple[float, float]]) -> list[Execution]:
    """Executions in known boundaries [start, end), cleaned as the pipeline does.

    One turns where the person is farthest from the start. Spans of less than five instants of the
    grid, or in which nobody is seen, are left out.
    """
    samples = seen(samples_of(poses))
    torso_px = normalise.torso_px(samples.image_px, samples.world_m)
    torso_m = normalise.torso_m(samples.world_m)
    count = int(np.floor(poses.time_s[-1] * RATE_HZ)) + 1
    joints, visibility = clean(samples, 0, count, torso_px)
    found = []
    for start_s, end_s in spans_s:
        rows = slice(round(start_s * RATE_HZ), min(round(end_s * RATE_HZ), count))
        image, world = joints[rows, :, :3], joints[rows, :, 3:]
        if len(image) < _LEAST_INSTANTS or np.isnan(image[..., 0]).all():
            continue
        flat = normalise.flatten(image, torso_px)
        there = np.flatnonzero(~np.isnan(flat[..., 0]).all(axis=1))
        away = np.nansum(np.linalg.norm(flat - flat[there[0]], axis=-1), axis=1)
        time_s = np.arange(rows.start, rows.start + len(image)) / RATE_HZ
        found.append(
            Execution(
                start_s=float(time_s[0]),
                turn_s=float(time_s[away.argmax()]),
                end_s=(rows.start + len(image)) / RATE_HZ,
                time_s=time_s,
                flat=flat,
                body=normalise.face_forward(world, torso_m),
                visibility=visibility[rows],
            )
        )
    return found
