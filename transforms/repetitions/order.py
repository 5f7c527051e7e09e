"""A recording between its segments: released in order, people linked across the cuts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain, count
from typing import NamedTuple

import numpy as np

from repscore.models.people import Track, begin, match
from repscore.models.skeleton import to_canonical
from repscore.transforms.pose.store import SegmentPeople, read_people
from repscore.transforms.records import Failure, PoseFrames, Recording, Repetition, SegmentPoses
from repscore.transforms.repetitions import motion
from repscore.transforms.repetitions.clean import MAX_GAP_S
from repscore.transforms.repetitions.subject import (
    Presence,
    Subjects,
    choose,
    observe,
    of_the_kept,
)


@dataclass(frozen=True, eq=False)
class Person:
    """What is remembered of a person from segment to segment."""

    motion: motion.MotionState
    last: Track
    presence: Presence


@dataclass(frozen=True, eq=False)
class OpenRecording:
    """A recording whose segments before `next_index` have been released.

    Attributes:
        identities: person in the pose file of the last released segment -> person of the recording.
    """

    next_index: int = 0
    frames: int = 0
    frames_with_person: int = 0
    pictures: int = 0
    pictures_decoded: int = 0
    decoded_s: float = 0.0
    pose_s: float = 0.0
    people: Mapping[int, Person] = field(default_factory=dict)
    repetitions: tuple[Repetition, ...] = ()
    failures: tuple[Failure, ...] = ()
    identities: Mapping[int, int] = field(default_factory=dict)


def release(
    recording: OpenRecording, segment: SegmentPoses, held: SegmentPeople | None
) -> OpenRecording:
    """Advance by the next segment; `held` is what its pose file holds, None for a tombstone.

    Raises ValueError for a segment that is not the next one.
    """
    if segment.segment.index != recording.next_index:
        raise ValueError(
            f"segment {segment.segment.index} of {segment.segment.video.uri} released, "
            f"expected {recording.next_index}"
        )
    people = held.people if held else {}
    known = {name: person.last for name, person in recording.people.items()}
    firsts = {name: _track(poses, first=True) for name, poses in people.items()}
    found_now = {name: seen for name, seen in firsts.items() if seen is not None}
    named = held is not None and held.about.named
    names = {name: name for name in found_now} if named else link(known, found_now)
    advanced = dict(recording.people)
    repetitions: list[Repetition] = []
    for name, poses in people.items():
        if name not in names:
            continue
        person = names[name]
        before = advanced.get(person)
        state = motion.start(person) if before is None else before.motion
        state, found = motion.step(state, poses)
        repetitions += found
        last = _track(poses, first=False)
        assert last is not None, "somebody with a first sighting has a last one"  # noqa: S101
        presence = observe(Presence() if before is None else before.presence, poses)
        advanced[person] = Person(state, last, presence)
    return OpenRecording(
        next_index=recording.next_index + 1,
        frames=recording.frames + segment.frames,
        frames_with_person=recording.frames_with_person + segment.frames_with_person,
        pictures=recording.pictures + segment.pictures,
        pictures_decoded=recording.pictures_decoded + segment.pictures_decoded,
        decoded_s=recording.decoded_s + segment.decoded_s,
        pose_s=recording.pose_s + segment.busy_s,
        people=advanced,
        repetitions=(*recording.repetitions, *repetitions),
        failures=(*recording.failures, *segment.failures),
        identities=names,
    )


def advance(recording: OpenRecording, segment: SegmentPoses) -> OpenRecording:
    """Advance by the next segment, with the poses that its file holds; raises like `release`."""
    return release(recording, segment, read_people(segment.path) if segment.path else None)


class Part(NamedTuple):
    """What the segments before `next_index` added for good to a recording."""

    next_index: int
    repetitions: tuple[Repetition, ...]
    failures: tuple[Failure, ...]


def parted(recording: OpenRecording) -> tuple[OpenRecording, Part | None]:
    """A recording without what no later segment looks at, and that; None where it is nothing."""
    if not (recording.repetitions or recording.failures):
        return recording, None
    part = Part(recording.next_index, recording.repetitions, recording.failures)
    return replace(recording, repetitions=(), failures=()), part


def rejoined(parts: Sequence[Part], recording: OpenRecording) -> OpenRecording:
    """The recording with the parts, in any order, that were taken from it."""
    ordered = sorted(parts, key=lambda part: part.next_index)
    return replace(
        recording,
        repetitions=tuple(chain(*(part.repetitions for part in ordered), recording.repetitions)),
        failures=tuple(chain(*(part.failures for part in ordered), recording.failures)),
    )


def recording_of(segments: Sequence[SegmentPoses], subjects: Subjects) -> Recording:
    """The recording of all segments of a video, in order."""
    return close(reduce(advance, segments, OpenRecording()), segments[-1], subjects)


def finish(
    recording: OpenRecording, subjects: Subjects
) -> tuple[tuple[Repetition, ...], dict[int, int]]:
    """All repetitions after the last segment, and the subjects: person -> number from 0."""
    rest = (found for person in recording.people.values() for found in motion.finish(person.motion))
    repetitions = (*recording.repetitions, *rest)
    presences = {identity: person.presence for identity, person in recording.people.items()}
    return repetitions, choose(presences, repetitions, subjects)


def close(recording: OpenRecording, last: SegmentPoses, subjects: Subjects) -> Recording:
    """The finished recording, after its last segment, with the repetitions of its subjects."""
    repetitions, kept = finish(recording, subjects)
    return Recording(
        video=last.segment.video,
        probe=last.segment.probe,
        pose_version=last.pose_version,
        segments=last.segment.count,
        frames=recording.frames,
        frames_with_person=recording.frames_with_person,
        pictures=recording.pictures,
        pictures_decoded=recording.pictures_decoded,
        people=len(recording.people),
        decoded_s=recording.decoded_s,
        pose_s=recording.pose_s,
        repetitions=tuple(of_the_kept(repetitions, kept)),
        failures=(*recording.failures, *_too_few(recording, last)),
    )


def _too_few(recording: OpenRecording, last: SegmentPoses) -> tuple[Failure, ...]:
    """Why no movement can be followed; nothing where pictures come fast enough."""
    rate = (recording.frames - 1) / recording.decoded_s if recording.decoded_s else math.inf
    if recording.frames < 2 or rate >= 1 / MAX_GAP_S:
        return ()
    message = (
        f"{rate:.2g} pictures per second; expected more than {1 / MAX_GAP_S:g}: movement between "
        "pictures that lie farther apart is not known; record faster, or raise --sample-fps"
    )
    video = last.segment.video
    return (Failure(video.uri, video.video_id, "repetitions", "TooFewPictures", message),)


def link(known: Mapping[int, Track], arriving: Mapping[int, Track]) -> dict[int, int]:
    """The identity of each person seen after a cut: a known one, or a new number.

    With one person on either side the tracker follows one subject only, and that subject is the
    same.
    """
    if len(known) == 1 and len(arriving) == 1:
        return {next(iter(arriving)): next(iter(known))}
    pairs = match(
        list(known.values()),
        [track.time_s for track in arriving.values()],
        np.array([track.joints_px for track in arriving.values()]).reshape(-1, 15, 2),
    )
    identities, names = list(known), {}
    fresh = count(max(known, default=-1) + 1)
    for row, name in enumerate(arriving):
        names[name] = identities[pairs[row]] if row in pairs else next(fresh)
    return names


def _track(poses: PoseFrames, *, first: bool) -> Track | None:
    """The person as seen first or last in the frames; None where in none."""
    seen = np.flatnonzero(np.isfinite(poses.image_px[:, :, 0]).any(axis=1))
    if not len(seen):
        return None
    row = seen[0] if first else seen[-1]
    joints = to_canonical(poses.image_px[row : row + 1, :, :2], poses.topology)[0]
    return begin(float(poses.time_s[row]), joints)
