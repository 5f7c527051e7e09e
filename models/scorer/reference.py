"""Scores a repetition by its distance from reference clips, or from the rest of its set."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from repscore.models.scorer.distance import (
    LEAST_SEEN,
    NORM,
    combine,
    group_deviations,
    prototype_of,
    score_of,
    tempo_deviation,
    tensors,
)
from repscore.models.scorer.feedback import EXPECTED_SPREADS, Expected, remarks_on
from repscore.models.scorer.files import References, scorer_version
from repscore.models.scorer.represent import (
    GROUPS,
    IS_BODY,
    MIRROR_CHANNEL,
    MIRROR_GROUP,
    MIRROR_SIGN,
    Execution,
    Phases,
    mirror,
    represent,
    row,
)
from repscore.models.scorer.score import Kind, Score, unscorable

UNKNOWN: Final = 5.0
"""Pose distance beyond which a repetition is no execution of the exercise: the score would be
below 13. A squat of a quarter of the range lies at 4.8 in space; in pictures, three of four
repetitions of another exercise lie beyond 5.5 (RepCount-pose)."""
LEAST_FRAMES: Final = 5
_EVEN: Final = 1e-4
"""An even movement is as near when mirrored; which is nearer would be rounding."""


class Distances(NamedTuple):
    """Of R repetitions from the nearest prototype of each of E exercises.

    `pose` (R, E) is infinite where too little can be compared; `tempo` (R, E); `prototype` (R, E)
    int64; `mirrored` (R, E) bool; `seen` (R, E) share of what matters that was seen.
    """

    pose: torch.Tensor
    tempo: torch.Tensor
    prototype: torch.Tensor
    mirrored: torch.Tensor
    seen: torch.Tensor


class ReferenceScorer(torch.nn.Module):
    """Distance from exercises that are defined by good executions, without any training.

    Each clip becomes a prototype: the median of its executions (one bad one does not move it),
    with a spread per phase and channel from the floors, the scatter of the executions and the
    timing error. A mirrored execution is as good.
    """

    expected: torch.Tensor
    expected_mask: torch.Tensor
    spread: torch.Tensor
    weight: torch.Tensor
    log_duration: torch.Tensor
    exercise: torch.Tensor
    scatter: torch.Tensor

    def __init__(self, references: References) -> None:
        super().__init__()
        self.references = references
        clips = sorted(set(references.clip.tolist()))
        members = [np.flatnonzero(references.clip == clip) for clip in clips]
        prototypes = [prototype_of(references.phases, rows) for rows in members]
        for name in ("expected", "expected_mask", "spread", "weight", "log_duration"):
            stacked = np.stack([getattr(prototype, name) for prototype in prototypes])
            self.register_buffer(name, torch.from_numpy(stacked))
        exercise = np.array([references.exercise[rows[0]] for rows in members])
        self.register_buffer("exercise", torch.from_numpy(exercise))
        self.register_buffer("scatter", self._scatter(members))

    @property
    def version(self) -> str:
        """`reference-<revision>-<hash of the references>`."""
        return scorer_version(self.references)

    def forward(
        self, values: torch.Tensor, mask: torch.Tensor, log_duration: torch.Tensor
    ) -> Distances:
        """Phases (R, 64, C), their mask, log seconds (R, 3) -> distances from each exercise."""
        pose, tempo, mirrored, seen = self._from_prototypes(values, mask, log_duration)
        members = [self.exercise == index for index in range(len(self.references.names))]
        nearest = []
        for member in members:
            where = torch.nonzero(member)[:, 0]
            # Where nothing compares, the prototype of which most was seen says what is missing.
            order = torch.where(pose[:, where].isfinite(), pose[:, where], 1e6 - seen[:, where])
            nearest.append(where[order.argmin(dim=1)])
        prototype = torch.stack(nearest, dim=1)
        return Distances(
            pose=pose.gather(1, prototype),
            tempo=tempo.gather(1, prototype),
            prototype=prototype,
            mirrored=mirrored.gather(1, prototype),
            seen=seen.gather(1, prototype),
        )

    def _from_prototypes(
        self, values: torch.Tensor, mask: torch.Tensor, log_duration: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pose and tempo distance, mirrored, seen: each (R, P). Memory stays at O(R)."""
        sign = torch.as_tensor(MIRROR_SIGN, device=values.device)
        other = (values[..., MIRROR_CHANNEL] * sign, mask[..., MIRROR_CHANNEL])
        pose, mirrored, seen = [], [], []
        for index in range(len(self.exercise)):
            plain, plain_seen = self._pose(values, mask, index)
            swapped, swapped_seen = self._pose(*other, index)
            better = (swapped < plain - _EVEN) | (plain.isinf() & (swapped_seen > plain_seen))
            pose.append(torch.where(better, swapped, plain))
            seen.append(torch.where(better, swapped_seen, plain_seen))
            mirrored.append(better)
        tempo = [tempo_deviation(log_duration, expected) for expected in self.log_duration]
        return (torch.stack(pose, 1), torch.stack(tempo, 1), torch.stack(mirrored, 1),
                torch.stack(seen, 1))  # fmt: skip

    def _pose(
        self, values: torch.Tensor, mask: torch.Tensor, index: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        deviation, seen, weight = self.groups(values, mask, index)
        share = (weight * seen).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-6)
        used = weight * (seen >= LEAST_SEEN)
        distance = combine(deviation, used)
        return torch.where(share >= LEAST_SEEN, distance, torch.inf), share

    def groups(
        self, values: torch.Tensor, mask: torch.Tensor, index: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Deviation, share seen and weight of each group (R, G) against prototype `index`.

        The picture counts only where the repetition or the prototype has no depth.
        """
        deviation, seen = group_deviations(
            values, mask, self.expected[index], self.expected_mask[index], self.spread[index]
        )
        in_space = torch.as_tensor(IS_BODY, device=values.device)
        weight = self.weight[index]
        has_depth = ((seen * weight)[:, in_space] > 0).any(dim=1, keepdim=True)
        return deviation, seen, weight * (in_space == has_depth)

    def _scatter(self, members: Sequence[npt.NDArray[np.intp]]) -> torch.Tensor:
        """(E,) distance within which some 9 of 10 good executions lie from the rest; NaN if alone.

        Median and median absolute deviation: one bad execution does not widen it. An execution's
        distance from a median of K that includes it understates the distance from the others by
        about K / (K - 1), as with a mean.
        """
        with torch.no_grad():
            pose = self._from_prototypes(*tensors(self.references.phases))[0].numpy()
        clip_of = self.exercise.numpy()
        far: list[list[float]] = [[] for _ in self.references.names]
        for clip, rows in enumerate(members):
            others = np.flatnonzero((clip_of == clip_of[clip]) & (np.arange(len(clip_of)) != clip))
            if len(rows) > 1:
                distances = pose[rows, clip] * len(rows) / (len(rows) - 1)
            else:
                distances = pose[rows][:, others].min(axis=1, initial=math.inf)
            far[clip_of[clip]] += distances[np.isfinite(distances)].tolist()
        return torch.tensor([_reach(distances) for distances in far])

    def expectation(self, index: int, mirrored: bool) -> Expected:
        """Prototype `index` as arrays, with left and right exchanged if asked for."""
        order = MIRROR_CHANNEL if mirrored else np.arange(len(MIRROR_CHANNEL))
        sign = MIRROR_SIGN if mirrored else np.ones_like(MIRROR_SIGN)
        return Expected(
            values=self.expected[index].cpu().numpy()[:, order] * sign,
            mask=self.expected_mask[index].cpu().numpy()[:, order],
            spread=self.spread[index].cpu().numpy()[:, order],
            log_duration=self.log_duration[index].cpu().numpy(),
        )

    def score(
        self, executions: Sequence[Execution], exercises: Sequence[str] | None = None
    ) -> list[Score]:
        """A score for each execution, in order; a batch says the same as one by one.

        Args:
            exercises: what each is known to be; else, and beyond UNKNOWN, the nearest one or none.
        """
        known = None
        if exercises is not None:
            known = torch.tensor([self.references.names.index(name) for name in exercises])
        return self.score_as("reference", executions, represent(executions), known)

    def score_as(
        self,
        kind: Kind,
        executions: Sequence[Execution],
        phases: Phases,
        known: torch.Tensor | None = None,
    ) -> list[Score]:
        """Scores of that kind; `phases` represent the executions, `known` (R,) are exercises."""
        if not executions:
            return []
        with torch.no_grad():
            distances = Distances(
                *(part.cpu() for part in self(*tensors(phases, self.expected.device)))
            )
            compared = self._compared(phases, distances, known)
        expectations: dict[tuple[int, bool], Expected] = {}
        scores = []
        for index, execution in enumerate(executions):
            match = _Compared(*(part[index] for part in compared))
            reason = _unusable(execution, match)
            if reason is not None:
                scores.append(unscorable(kind, reason))
                continue
            score = self._score(distances.pose[index], match, kind, sure=known is not None)
            if score.score is not None:
                key = (int(match.prototype), bool(match.mirrored))
                if key not in expectations:
                    expectations[key] = self.expectation(*key)
                effect = (match.effect.tolist(), float(match.tempo_effect))
                remarks = remarks_on(execution, row(phases, index), expectations[key], *effect)
                score = replace(score, remarks=remarks)
            scores.append(score)
        return scores

    def _compared(
        self, phases: Phases, distances: Distances, known: torch.Tensor | None
    ) -> "_Compared":
        """Each repetition beside its exercise or the nearest, and what each group costs it."""
        rows = torch.arange(len(phases))
        order = torch.where(distances.pose.isfinite(), distances.pose, 1e6 - distances.seen)
        best = order.argmin(dim=1) if known is None else known
        pose, tempo, prototype, mirrored, share = (part[rows, best] for part in distances)
        values, mask, _ = tensors(phases)
        other_values, other_mask, _ = tensors(mirror(phases))
        values = torch.where(mirrored[:, None, None], other_values, values)
        mask = torch.where(mirrored[:, None, None], other_mask, mask)
        deviation, seen, weight = (torch.zeros(len(phases), len(GROUPS)) for _ in range(3))
        for index in sorted(set(prototype.tolist())):
            same = prototype == index
            device = self.expected.device
            parts = self.groups(values[same].to(device), mask[same].to(device), index)
            for whole, part in zip((deviation, seen, weight), parts, strict=True):
                whole[same] = part.cpu()
        used = weight * (seen >= LEAST_SEEN)
        power = used * deviation**NORM / used.sum(dim=1, keepdim=True).clamp(min=1e-6)
        # The distance with one group as expected, for each group.
        rest = (power.sum(dim=1, keepdim=True) - power).clamp(min=0) ** (1 / NORM)
        score = score_of(torch.hypot(pose, tempo))
        effect = score_of(torch.hypot(rest, tempo[:, None])) - score[:, None]
        effect = torch.where(used > 0, effect, 0.0)
        lost = weight * (seen < LEAST_SEEN)
        swap = torch.as_tensor(MIRROR_GROUP)
        effect, lost = (
            torch.where(mirrored[:, None], part[:, swap], part) for part in (effect, lost)
        )
        return _Compared(best, pose, tempo, prototype, mirrored, share, score, effect,
                         score_of(pose) - score, lost)  # fmt: skip

    def _score(
        self, distances: torch.Tensor, match: "_Compared", kind: Kind, *, sure: bool
    ) -> Score:
        """A comparable repetition; `distances` (E,) are its pose distances."""
        pose, exercise = float(match.pose), int(match.exercise)
        logits = -torch.cat([distances, torch.tensor([UNKNOWN])])
        confidence = float(logits.softmax(dim=0)[exercise])
        name = self.references.names[exercise]
        if kind == "reference" and pose > UNKNOWN and not sure:
            reason = f"unknown exercise: nearest reference is {name} at distance {pose:.1f}"
            return Score(None, None, None, kind, None, confidence, reason, pose)
        whole = math.hypot(pose, float(match.tempo))
        scatter = float(self.scatter[exercise])
        # Another good execution lies within the scatter of the prototype: triangle inequality.
        bounds = score_of(torch.tensor([whole + scatter, max(whole - scatter, 0.0)])).tolist()
        low, high = (None, None) if math.isnan(scatter) else bounds
        return Score(
            score=float(match.score),
            score_low=low,
            score_high=high,
            score_kind=kind,
            exercise=name if kind == "reference" else None,
            exercise_confidence=confidence if kind == "reference" else None,
            distance=pose,
        )


class _Compared(NamedTuple):
    """Repetitions beside their nearest prototype: rows of tensors, or one row.

    `effect` (R, G): points of score that each group costs; `lost` (R, G): weight of the groups
    that were not seen; both on the person's own sides.
    """

    exercise: torch.Tensor
    pose: torch.Tensor
    tempo: torch.Tensor
    prototype: torch.Tensor
    mirrored: torch.Tensor
    share: torch.Tensor
    score: torch.Tensor
    effect: torch.Tensor
    tempo_effect: torch.Tensor
    lost: torch.Tensor


def _reach(distances: Sequence[float]) -> float:
    if not distances:
        return math.nan
    middle = float(np.median(distances))
    return middle + EXPECTED_SPREADS * 1.4826 * float(
        np.median(np.abs(np.array(distances) - middle))
    )


def _unusable(execution: Execution, match: _Compared) -> str | None:
    """Why a repetition cannot be compared; joints not seen are named, the important ones first."""
    start, stop = np.searchsorted(execution.time_s, [execution.start_s, execution.end_s])
    if stop - start < LEAST_FRAMES:
        return (
            f"too short: {stop - start} frames in the repetition, expected {LEAST_FRAMES} or more"
        )
    if match.pose.isfinite():
        return None
    order = match.lost.argsort(descending=True, stable=True)
    joints = dict.fromkeys(GROUPS[index].joint for index in order.tolist() if match.lost[index] > 0)
    missing = ", ".join(list(joints)[:4]).replace("_", " ") or "all that the reference shows"
    return (
        f"too little visible: {100 * float(match.share):.0f} % of the movement seen, expected "
        f"{100 * LEAST_SEEN:.0f} % or more; missing: {missing}"
    )
