"""Where the people of a recording are at any instant, read segment by segment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from repscore.transforms.pose.store import read_people
from repscore.transforms.records import Repetition, SegmentPoses
from repscore.transforms.repetitions.clean import MAX_GAP_S, Samples, no_samples, samples_of
from repscore.transforms.repetitions.order import OpenRecording, finish, release
from repscore.transforms.repetitions.subject import Subjects, of_the_kept

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Followed:
    """Who is who in a recording, and its repetitions with their keypoints.

    Attributes:
        names: of each segment: person in its pose file -> person of the tables.
        repetitions: of the people of the tables, in time order.
    """

    names: tuple[Mapping[int, int], ...]
    repetitions: tuple[Repetition, ...]


@dataclass(frozen=True, eq=False)
class Body:
    """A person at an instant.

    Attributes:
        joints_px: (15, 2) x right, y down; NaN where not known.
        visibility: (15,) 0..1.
    """

    joints_px: Array
    visibility: Array


def follow(segments: Sequence[SegmentPoses], subjects: Subjects) -> Followed:
    """Link the people of all segments, as the pipeline did; one segment is held at a time."""
    recording, identities = OpenRecording(), []
    for segment in segments:
        held = read_people(segment.path) if segment.path else None
        recording = release(recording, segment, held)
        identities.append(recording.identities if held else {})
    repetitions, kept = finish(recording, subjects)
    names = tuple(
        {name: kept[person] for name, person in each.items() if person in kept}
        for each in identities
    )
    return Followed(names, tuple(of_the_kept(repetitions, kept)))


def people_in(segment: SegmentPoses, names: Mapping[int, int]) -> dict[int, Samples]:
    """The frames of each person of the tables in a segment; `names` are those of `follow`."""
    people: dict[int, Samples] = {}
    for name, poses in (read_people(segment.path).people if segment.path else {}).items():
        if name in names:
            samples = samples_of(poses)
            before = people.get(names[name])
            people[names[name]] = samples if before is None else _either(before, samples)
    return people


def _either(one: Samples, other: Samples) -> Samples:
    """Frames of two people who count as one, since they are never seen together."""
    second = np.nan_to_num(other.visibility).sum(axis=1) > np.nan_to_num(one.visibility).sum(axis=1)
    return Samples(
        one.time_s,
        np.where(second[:, None, None], other.image_px, one.image_px),
        np.where(second[:, None, None], other.world_m, one.world_m),
        np.where(second[:, None], other.visibility, one.visibility),
    )


def whole(
    segments: Sequence[SegmentPoses], names: Sequence[Mapping[int, int]]
) -> dict[int, Samples]:
    """All frames of each person."""
    people: dict[int, Samples] = defaultdict(no_samples)
    for segment, who in zip(segments, names, strict=True):
        for person, samples in people_in(segment, who).items():
            people[person] = people[person].then(samples)
    return dict(people)


def boxes_px(
    segments: Sequence[SegmentPoses],
    names: Sequence[Mapping[int, int]],
    spans_s: Sequence[tuple[float, float]],
) -> Array:
    """Left, top, right, bottom around each person in each frame (N, 4) within spans of time."""
    boxes = [np.zeros((0, 4))]
    for segment, who in zip(segments, names, strict=True):
        for samples in people_in(segment, who).values():
            within = np.zeros(len(samples.time_s), bool)
            for start_s, end_s in spans_s:
                within |= (samples.time_s >= start_s) & (samples.time_s < end_s)
            places = samples.image_px[within, :, :2]
            places = places[np.isfinite(places).any(axis=(1, 2))]
            if len(places):
                low, high = np.nanmin(places, axis=1), np.nanmax(places, axis=1)
                boxes.append(np.concatenate([low, high], axis=1))
    return np.concatenate(boxes)


class Bodies:
    """The people at instants that only increase; frames of two segments are held."""

    def __init__(
        self, segments: Sequence[SegmentPoses], names: Sequence[Mapping[int, int]]
    ) -> None:
        self._coming = iter(zip(segments, names, strict=True))
        self._held: dict[int, Samples] = defaultdict(no_samples)
        self._until_s = -np.inf

    def at(self, time_s: float) -> dict[int, Body]:
        """Each person who is seen at an instant, linear between the sampled frames around it."""
        while self._until_s <= time_s + MAX_GAP_S:
            coming = next(self._coming, None)
            if coming is None:
                break
            self._until_s = coming[0].segment.end_s
            later = people_in(*coming)
            for person in {*self._held, *later}:
                held = self._held[person].between(time_s - MAX_GAP_S, np.inf)
                self._held[person] = held.then(later.get(person, no_samples()))
        found = ((person, body_at(samples, time_s)) for person, samples in self._held.items())
        return {person: body for person, body in sorted(found) if body is not None}


def body_at(samples: Samples, time_s: float) -> Body | None:
    """A person at an instant: linear between two frames at most MAX_GAP_S apart, else the nearest
    one that is half as near; None where there is none.
    """
    time = samples.time_s
    after = int(np.searchsorted(time, time_s, side="right"))
    rows = [row for row in (after - 1, after) if 0 <= row < len(time)]
    rows = [row for row in rows if np.isfinite(samples.image_px[row]).any()]
    if len(rows) == 2 and time[after] - time[after - 1] <= MAX_GAP_S:
        share = (time_s - time[after - 1]) / (time[after] - time[after - 1])
        weights = [1 - share, share]
    else:
        rows = [row for row in rows if abs(time[row] - time_s) <= MAX_GAP_S / 2][:1]
        weights = [1.0]
    if not rows:
        return None
    places, visibility = samples.image_px[rows, :, :2], samples.visibility[rows]
    # A joint that only one of the two frames has is where that one has it.
    known = np.isfinite(places[..., 0])
    shares = np.array(weights)[:, None] * known
    total = shares.sum(axis=0)
    shares = shares / np.where(total > 0, total, 1.0)
    joints = (np.where(known[..., None], places, 0.0) * shares[..., None]).sum(axis=0)
    return Body(
        np.where(total[:, None] > 0, joints, np.nan),
        (np.where(known, visibility, 0.0) * np.array(weights)[:, None]).sum(axis=0),
    )
