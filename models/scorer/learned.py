"""Scores repetitions with a trained network: which exercise, how well, and when to say nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from repscore.models.scorer.model import ScorerModel, version_of
from repscore.models.scorer.network import ScorerNetwork, mirror
from repscore.models.scorer.reference import LEAST_FRAMES, ReferenceScorer
from repscore.models.scorer.represent import Execution
from repscore.models.scorer.score import Score, unscorable
from repscore.models.scorer.sequences import Sequences, sequences_of
from repscore.models.skeleton import BONE_LENGTHS, JOINT, JOINTS

BATCH: Final = 64
"""Rows of every batch; the last one is filled up, so the network sees one shape only."""
NEAREST: Final = 5
"""Learned executions that decide a distance: one alone may be odd."""
LEAST_SEEN: Final = 0.5
"""Share of joints and phases that a repetition must show."""

Floats = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """What the network says of R repetitions, the mean over each one and its mirror image.

    `named` (R, E) probabilities; `correct` (R,) logit; `place` (R, D) unit vectors.
    """

    named: Floats
    correct: Floats
    place: npt.NDArray[np.float32]


def look(model: ScorerNetwork, sequences: Sequences, mirrored: Sequence[int]) -> Seen:
    """The network over all repetitions, in batches of one shape; rows do not see each other."""
    parts = []
    for start in range(0, len(sequences), BATCH):
        rows = np.arange(start, min(start + BATCH, len(sequences)))
        full = np.resize(rows, BATCH)
        joints = torch.from_numpy(sequences.joints[full])
        extras = torch.from_numpy(sequences.extras[full])
        with torch.inference_mode():
            plain = model.embedded(joints, extras)
            other = model.embedded(mirror(joints), extras)
            (named, correct), (swapped, turned) = model.heads(plain), model.heads(other)
            likely = (named.softmax(dim=1) + swapped.softmax(dim=1)[:, list(mirrored)]) / 2
            place = functional.normalize(plain + other, dim=1)
        count = len(rows)
        parts.append((likely[:count].double().numpy(),
                      ((correct + turned) / 2)[:count].double().numpy(),
                      place[:count].numpy()))  # fmt: skip
    if not parts:
        size = model.embed.out_features
        return Seen(np.zeros((0, len(mirrored))), np.zeros(0), np.zeros((0, size), np.float32))
    return Seen(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def distances(
    place: npt.NDArray[np.float32],
    exercise: npt.NDArray[np.int64],
    places: npt.NDArray[np.float32],
    place_exercise: npt.NDArray[np.int64],
) -> Floats:
    """(R,) mean of one minus cosine to the nearest five learned executions of the exercise."""
    found = np.empty(len(place))
    for name in np.unique(exercise):
        rows, own = exercise == name, places[place_exercise == name]
        away = np.sort(1.0 - place[rows].astype(np.float64) @ own.T.astype(np.float64), axis=1)
        found[rows] = away[:, :NEAREST].mean(axis=1)
    return found


def as_seen_by(sensor: str, execution: Execution) -> Execution:
    """What a scorer of the sensor may look at.

    One that learned on pictures sees no depth; another one sees a body of usual proportions, so
    that the length of somebody's limbs does not matter.
    """
    if sensor == "picture":
        return replace(execution, body=np.full_like(execution.body, np.nan))
    return replace(execution, body=of_usual_proportions(np.asarray(execution.body, np.float64)))


def of_usual_proportions(body: Floats) -> Floats:
    """Joints (N, 15, 3) with every bone of an adult's usual length, in torso lengths.

    Directions stay. A joint is NaN where it, or one between it and the mid-hip, is.
    """
    places = np.zeros_like(body)
    places[:, JOINT["mid_hip"]] = body[:, JOINT["mid_hip"]] * 0.0
    for (parent, child), length in BONE_LENGTHS.items():
        bone = body[:, JOINT[child]] - body[:, JOINT[parent]]
        size = np.linalg.norm(bone, axis=-1, keepdims=True)
        along = bone / np.where(size > 0, size, np.nan)
        places[:, JOINT[child]] = places[:, JOINT[parent]] + length * along
    return places


class LearnedScorer:
    """A trained scorer; exercises that were added by clips are asked first, by their distance.

    A repetition is not scored, and the reason says why, where it is too short, too little of it is
    visible, its sensor is none that was learned, the likeliest exercise was not learned from its
    view, or it is no exercise that was learned.
    The score of a judged exercise comes from the correctness head (50 is the border); that of any
    other one from its likeness with what was learned, which need not be right.
    """

    def __init__(self, model: ScorerModel) -> None:
        self.model = model
        rules = model.rules
        self._network = ScorerNetwork(len(rules.exercises), 1, rules.recipe)
        state = {name: torch.from_numpy(np.array(each)) for name, each in model.weights.items()}
        self._network.load_state_dict(state)
        self._network.eval()
        self._exemplars = ReferenceScorer(model.exemplars) if model.exemplars else None
        self._coach = ReferenceScorer(model.coach) if model.coach else None

    @property
    def version(self) -> str:
        """`learned-<hash of what decides a score>`."""
        return version_of(self.model)

    def score(self, executions: Sequence[Execution]) -> list[Score]:
        """A score for each execution, in order; a batch says the same as one by one."""
        if not executions:
            return []
        rules = self.model.rules
        own = [as_seen_by(rules.sensor, execution) for execution in executions]
        sequences = sequences_of(own)
        seen, away = self.judge(sequences)
        exercise = seen.named.argmax(axis=1)
        scores = [
            self._refused(execution, joints, rules.exercises[int(name)])
            or self._unknown(int(name), one, float(far))
            for execution, joints, name, one, far in zip(
                own, sequences.joints, exercise, seen.named, away, strict=True
            )
        ]
        known = np.flatnonzero([score is None for score in scores])
        scored = dict(zip(known.tolist(), self._scored(executions, known, seen, away), strict=True))
        first = [score or scored[index] for index, score in enumerate(scores)]
        if self._coach is None:
            return first
        asked = self._coach.score(executions)
        return [
            mine if theirs.score is None else theirs
            for mine, theirs in zip(first, asked, strict=True)
        ]

    def judge(self, sequences: Sequences) -> tuple[Seen, Floats]:
        """What the network says of 64 phases each, whatever they show of whomever.

        With it the distance (R,) from the learned executions of the likeliest exercise.
        """
        seen = look(self._network, sequences, self.model.rules.mirrored)
        model, exercise = self.model, seen.named.argmax(axis=1)
        return seen, distances(seen.place, exercise, model.places, model.place_exercise)

    def _refused(
        self, execution: Execution, joints: npt.NDArray[np.float32], named: str
    ) -> Score | None:
        rules = self.model.rules
        start, stop = np.searchsorted(execution.time_s, [execution.start_s, execution.end_s])
        if stop - start < LEAST_FRAMES:
            return unscorable(
                "learned",
                f"broken repetition: {stop - start} frames, expected {LEAST_FRAMES} or more",
            )
        if rules.sensor != "picture" and not np.isfinite(execution.body).any():
            return unscorable(
                "learned", f"no depth: the scorer learned on joints in space ({rules.sensor})"
            )
        share = joints[..., 3].mean(axis=0)  # (15,) of the phases
        if share.mean() < LEAST_SEEN:
            missing = [JOINTS[joint].replace("_", " ") for joint in np.argsort(share)[:4]]
            return unscorable(
                "learned",
                f"too little visible: {100 * share.mean():.0f} % of the joints seen, expected "
                f"{100 * LEAST_SEEN:.0f} % or more; missing: {', '.join(missing)}",
            )
        learned = rules.views.get(named, ())
        if learned and execution.view is not None and execution.view not in learned:
            return unscorable(
                "learned",
                f"unfit view: seen from the {execution.view}, the scorer learned {named} from "
                f"{', '.join(learned)}",
            )
        return None

    def _unknown(self, exercise: int, named: Floats, away: float) -> Score | None:
        rules = self.model.rules
        if away <= rules.unknown:
            return None
        return replace(
            unscorable(
                "learned",
                f"unknown exercise: nearest is {rules.exercises[exercise]} at distance "
                f"{away:.2f}, expected at most {rules.unknown:.2f}",
            ),
            exercise_confidence=float(named[exercise]),
            distance=away,
        )

    def _scored(
        self, executions: Sequence[Execution], rows: npt.NDArray[np.intp], seen: Seen, away: Floats
    ) -> list[Score]:
        """Scores of the rows that can be scored."""
        rules = self.model.rules
        exercise = [rules.exercises[int(name)] for name in seen.named[rows].argmax(axis=1)]
        alike = np.stack(rules.alike.scores(-away[rows]))
        correct = alike if rules.correct is None else np.stack(
            rules.correct.scores(seen.correct[rows])
        )  # fmt: skip
        judged = np.array([name in rules.judged for name in exercise], bool)
        score, low, high = np.where(judged, correct, alike)
        remarks: dict[int, Score] = {}
        if self._exemplars is not None and judged.any():
            which = np.flatnonzero(judged)
            names = [exercise[row] for row in which]
            compared = self._exemplars.score([executions[rows[row]] for row in which], names)
            remarks = dict(zip(which.tolist(), compared, strict=True))
        return [
            Score(
                score=float(score[row]),
                score_low=None if np.isnan(low[row]) else float(low[row]),
                score_high=None if np.isnan(high[row]) else float(high[row]),
                score_kind="learned",
                exercise=name,
                exercise_confidence=float(seen.named[rows[row]].max()),
                distance=float(away[rows[row]]),
                remarks=remarks[row].remarks if row in remarks else (),
            )
            for row, name in enumerate(exercise)
        ]
