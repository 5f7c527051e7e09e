"""Scores repetitions with a trained network: which exercise, how well, or why not."""

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
from repscore.models.scorer.score import Remark, Score, unscorable
from repscore.models.scorer.sequences import Sequences, sequences_of
from repscore.models.skeleton import BONE_LENGTHS, JOINT, JOINTS

BATCH: Final = 64
"""Rows of every batch; the last one is filled up, so the network sees one shape only."""
NEAREST: Final = 5
"""Learned executions that decide a distance: one alone may be odd."""
LEAST_SEEN: Final = 0.5
"""Share of joints and phases that a repetition must show."""

Floats = npt.NDArray[np.float64]


class Outputs(NamedTuple):
    """Of R repetitions, the mean over each one and its mirror image.

    `probabilities` (R, E) of the exercises; `logit` (R,) of being correct; `embedding` (R, D) unit
    vectors.
    """

    probabilities: Floats
    logit: Floats
    embedding: npt.NDArray[np.float32]


class Recognised(NamedTuple):
    """What the network says of R repetitions, and which of them show too little for it."""

    outputs: Outputs
    refused: list[Score | None]


def outputs_of(network: ScorerNetwork, sequences: Sequences, mirrored: Sequence[int]) -> Outputs:
    """The network over all repetitions, in batches of one shape; a row does not depend on others.

    Args:
        mirrored: class e of the mirrored person is mirrored[e].
    """
    size = network.embed.out_features
    parts = [Outputs(np.zeros((0, len(mirrored))), np.zeros(0), np.zeros((0, size), np.float32))]
    for start in range(0, len(sequences), BATCH):
        rows = np.arange(start, min(start + BATCH, len(sequences)))
        full, count = np.resize(rows, BATCH), len(rows)
        joints = torch.from_numpy(sequences.joints[full])
        extras = torch.from_numpy(sequences.extras[full])
        with torch.inference_mode():
            plain = network.embedded(joints, extras)
            other = network.embedded(mirror(joints), extras)
            (logits, correct), (other_logits, other_correct) = (
                network.heads(plain),
                network.heads(other),
            )
            other_share = other_logits.softmax(dim=1)[:, list(mirrored)]
            probabilities = (logits.softmax(dim=1) + other_share) / 2
            embedding = functional.normalize(plain + other, dim=1)
        parts.append(Outputs(probabilities[:count].double().numpy(),
                             ((correct + other_correct) / 2)[:count].double().numpy(),
                             embedding[:count].numpy()))  # fmt: skip
    return Outputs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def distances(
    embedding: npt.NDArray[np.float32],
    exercise: npt.NDArray[np.int64],
    learned: npt.NDArray[np.float32],
    learned_exercise: npt.NDArray[np.int64],
) -> Floats:
    """(R,) mean of one minus cosine to the nearest five learned executions of the exercise."""
    distance = np.empty(len(embedding))
    for number in np.unique(exercise):
        rows, same = exercise == number, learned[learned_exercise == number]
        # No matrix product: BLAS rounds a row otherwise when there are more rows beside it.
        cosine = np.einsum("rd,kd->rk", embedding[rows].astype(np.float64), same)
        distance[rows] = np.sort(1.0 - cosine, axis=1)[:, :NEAREST].mean(axis=1)
    return distance


def for_sensor(sensor: str, execution: Execution) -> Execution:
    """An execution as a scorer of the sensor reads it.

    A scorer that learned on pictures reads no depth; another one reads a body of usual
    proportions, so that the length of somebody's limbs does not matter.
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
    """A trained scorer; a repetition of an exercise that reference clips define is scored by them.

    A repetition is not scored, and the reason says why, where it is too short, too little of it is
    visible, its sensor was not learned, the likeliest exercise was not learned from its view, or
    it is no exercise that was learned.
    The score of a judged exercise comes from the correctness logit; that of any other one from its
    likeness with the learned executions, which need not be correct.
    """

    def __init__(self, model: ScorerModel) -> None:
        self.model = model
        rules = model.rules
        self._network = ScorerNetwork(len(rules.exercises), 1, rules.config)
        state = {name: torch.from_numpy(np.array(each)) for name, each in model.weights.items()}
        self._network.load_state_dict(state)
        self._network.eval()
        self._exemplars = ReferenceScorer(model.exemplars) if model.exemplars else None
        self._references = ReferenceScorer(model.references) if model.references else None

    @property
    def version(self) -> str:
        """`learned-<hash of what decides a score>`."""
        return version_of(self.model)

    def score(self, executions: Sequence[Execution]) -> list[Score]:
        """A score for each execution, in order; the same in a batch and alone."""
        if not executions:
            return []
        sensor = self.model.rules.sensor
        inputs = [for_sensor(sensor, execution) for execution in executions]
        sequences = sequences_of(inputs)
        outputs, distance = self.outputs(sequences)
        scores = [
            self._refused(execution, joints, int(probabilities.argmax()))
            or self._unknown(probabilities, float(away))
            for execution, joints, probabilities, away in zip(
                inputs, sequences.joints, outputs.probabilities, distance, strict=True
            )
        ]
        rows = np.flatnonzero([score is None for score in scores])
        known = Outputs(outputs.probabilities[rows], outputs.logit[rows], outputs.embedding[rows])
        scored = iter(
            self._scored([executions[row] for row in rows.tolist()], known, distance[rows])
        )
        learned = [score or next(scored) for score in scores]
        return [
            by_model if by_reference is None or by_reference.score is None else by_reference
            for by_model, by_reference in zip(learned, self.by_reference(executions), strict=True)
        ]

    def by_reference(self, executions: Sequence[Execution]) -> list[Score | None]:
        """What the reference clips say of each; None where there are none."""
        if self._references is None:
            return [None] * len(executions)
        return [*self._references.score(executions)]

    def recognise(self, executions: Sequence[Execution]) -> Recognised:
        """Which exercise each one is by itself."""
        inputs = [for_sensor(self.model.rules.sensor, execution) for execution in executions]
        sequences = sequences_of(inputs)
        outputs = outputs_of(self._network, sequences, self.model.rules.mirrored)
        refused = [
            self._unseen(execution, joints)
            for execution, joints in zip(inputs, sequences.joints, strict=True)
        ]
        return Recognised(outputs, refused)

    def distance(self, recognised: Recognised, rows: Sequence[int], exercise: int) -> Floats:
        """Of some rows from the learned executions of an exercise, whatever they look like most."""
        embedding = recognised.outputs.embedding[list(rows)]
        numbers = np.full(len(embedding), exercise)
        return distances(embedding, numbers, self.model.embeddings, self.model.embedding_exercise)

    def scored_as(
        self,
        executions: Sequence[Execution],
        recognised: Recognised,
        rows: Sequence[int],
        exercise: str,
    ) -> list[Score]:
        """Scores of executions, which are these rows, that are known to be an exercise."""
        number = self.model.rules.exercises.index(exercise)
        outputs, of = recognised.outputs, list(rows)
        certain = np.zeros_like(outputs.probabilities[of])
        certain[:, number] = 1.0
        known = Outputs(certain, outputs.logit[of], outputs.embedding[of])
        return self._scored(executions, known, self.distance(recognised, rows, number))

    def outputs(self, sequences: Sequences) -> tuple[Outputs, Floats]:
        """What the network says of R repetitions, whatever they show.

        With it the distance (R,) from the learned executions of the likeliest exercise.
        """
        model = self.model
        outputs = outputs_of(self._network, sequences, model.rules.mirrored)
        likeliest = outputs.probabilities.argmax(axis=1)
        return outputs, distances(
            outputs.embedding, likeliest, model.embeddings, model.embedding_exercise
        )

    def _refused(
        self, execution: Execution, joints: npt.NDArray[np.float32], exercise: int
    ) -> Score | None:
        if (unseen := self._unseen(execution, joints)) is not None:
            return unseen
        rules = self.model.rules
        name = rules.exercises[exercise]
        learned = rules.views.get(name, ())
        if learned and execution.view is not None and execution.view not in learned:
            return _unscorable(
                f"unfit view: seen from the {execution.view}, the scorer learned {name} from "
                f"{', '.join(learned)}"
            )
        return None

    def _unseen(self, execution: Execution, joints: npt.NDArray[np.float32]) -> Score | None:
        """No score where too little of a repetition is seen, whatever it is."""
        rules = self.model.rules
        start, stop = np.searchsorted(execution.time_s, [execution.start_s, execution.end_s])
        if stop - start < LEAST_FRAMES:
            return _unscorable(
                f"broken repetition: {stop - start} frames, expected {LEAST_FRAMES} or more"
            )
        if rules.sensor != "picture" and not np.isfinite(execution.body).any():
            return _unscorable(f"no depth: the scorer learned on joints in space ({rules.sensor})")
        share = joints[..., 3].mean(axis=0)  # (15,) of the phases
        if share.mean() < LEAST_SEEN:
            missing = [JOINTS[joint].replace("_", " ") for joint in np.argsort(share)[:4]]
            return _unscorable(
                f"too little visible: {100 * share.mean():.0f} % of the joints seen, expected "
                f"{100 * LEAST_SEEN:.0f} % or more; missing: {', '.join(missing)}"
            )
        return None

    def _unknown(self, probabilities: Floats, distance: float) -> Score | None:
        nearest = self.model.rules.exercises[int(probabilities.argmax())]
        reason = self.unknown_reason(nearest, distance)
        if reason is None:
            return None
        confidence = float(probabilities.max())
        return replace(_unscorable(reason), exercise_confidence=confidence, distance=distance)

    def unknown_reason(self, nearest: str, distance: float) -> str | None:
        """Why a distance from the nearest exercise is too large for it; None where it is not."""
        most = self.model.rules.unknown_distance
        if distance <= most:
            return None
        return (
            f"unknown exercise: nearest is {nearest} at distance {distance:.2f}, expected at most "
            f"{most:.2f}"
        )

    def _scored(
        self, executions: Sequence[Execution], outputs: Outputs, distance: Floats
    ) -> list[Score]:
        """Scores of executions that can be scored."""
        rules = self.model.rules
        exercise = [rules.exercises[int(each)] for each in outputs.probabilities.argmax(axis=1)]
        likeness = np.stack(rules.likeness.scores(-distance))
        correct = likeness
        if rules.correct is not None:
            correct = np.stack(rules.correct.scores(outputs.logit))
        judged = np.array([name in rules.judged for name in exercise], bool)
        score, low, high = np.where(judged, correct, likeness)
        remarks: dict[int, tuple[Remark, ...]] = {}
        if self._exemplars is not None:
            rows = np.flatnonzero(judged).tolist()
            compared = self._exemplars.score(
                [executions[row] for row in rows], [exercise[row] for row in rows]
            )
            remarks = {row: each.remarks for row, each in zip(rows, compared, strict=True)}
        return [
            Score(
                score=float(score[row]),
                score_low=None if np.isnan(low[row]) else float(low[row]),
                score_high=None if np.isnan(high[row]) else float(high[row]),
                score_kind="learned",
                exercise=name,
                exercise_confidence=float(outputs.probabilities[row].max()),
                distance=float(distance[row]),
                remarks=remarks.get(row, ()),
            )
            for row, name in enumerate(exercise)
        ]


def _unscorable(reason: str) -> Score:
    return unscorable("learned", reason)
