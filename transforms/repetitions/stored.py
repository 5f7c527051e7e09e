"""Recordings stored beside their poses: re-scoring need not cut them into repetitions again.

The name of a file follows from the poses, the code that cuts and the choice of subjects. A file
may be deleted at any time.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

from repscore.transforms.files import inside, join, names_in, open_binary, replacing
from repscore.transforms.pose.store import find, segment_folder
from repscore.transforms.pose.worker import finished
from repscore.transforms.records import (
    Failure,
    Probe,
    Recording,
    Repetition,
    Segment,
    SegmentPoses,
    Video,
)
from repscore.transforms.repetitions.motion import REVISION
from repscore.transforms.repetitions.order import recording_of
from repscore.transforms.repetitions.subject import Subjects

_ARRAYS: Final = ("time_s", "flat", "body", "visibility")
_NUMBERS: Final = tuple(field.name for field in fields(Repetition) if field.name not in _ARRAYS)
_COUNTS: Final = (
    *("frames", "frames_with_person", "pictures", "pictures_decoded"),
    *("people", "decoded_s"),
)


@dataclass(frozen=True)
class StoredVideo:
    """What the tables say of an input whose poses are in the store."""

    video: Video
    probe: Probe | None
    pose_version: str
    segments: int
    failures: tuple[Failure, ...]


class PosesMissing(ValueError):
    """The store does not hold the poses that a row of `videos` was made from."""


def stored_recording(root: str, stored: StoredVideo, subjects: Subjects) -> Recording:
    """The recording as `score` made it: from its file, else from the poses, and then stored.

    Raises PosesMissing.
    """
    files = _file_names(root, stored)
    parts: list[Any] = [REVISION, asdict(subjects), stored.pose_version, stored.segments, files]
    parts += [[asdict(failure) for failure in stored.failures]]
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()
    video_id = stored.video.video_id
    path = inside(root, "windows", video_id[:2], f"{video_id}-{digest}.safetensors")
    recording = _read(path, stored)
    if recording is None:
        segments = stored_segments(root, stored)
        recording = replace(recording_of(segments, subjects), failures=stored.failures)
        _write(path, recording)
    return recording


def _file_names(root: str, stored: StoredVideo) -> list[str]:
    """The names of the pose files of an input, in order."""
    try:
        names = names_in(segment_folder(root, stored.pose_version, stored.video.video_id))
    except FileNotFoundError:
        names = []
    # A name with a dot in front is a file that somebody is writing, or was killed at writing.
    return sorted(name for name in names if re.match(rf"\d+-of-{stored.segments}-", name))


def stored_segments(root: str, stored: StoredVideo) -> list[SegmentPoses]:
    """All segments of an input in order, failed ones as tombstones; raises PosesMissing."""
    folder = segment_folder(root, stored.pose_version, stored.video.video_id)
    segments: dict[int, SegmentPoses] = {}
    for name in _file_names(root, stored):
        file = join(folder, name)
        about = find(file)
        if about is None:
            raise PosesMissing(f"{file}: is no whole file of poses; run `score` again")
        end_s = float("inf") if about.end_s is None else about.end_s
        span = (about.segment, about.segments, about.start_s, end_s)
        segment = Segment(stored.video, *span, stored.probe)
        segments[about.segment] = finished(segment, file, about, busy_s=0.0)
    for index in range(stored.segments):
        if index in segments:
            continue
        failures = tuple(row for row in stored.failures if (row.segment or 0) == index)
        if not failures:
            raise PosesMissing(
                f"{stored.video.uri}: poses of segment {index} of {stored.segments} are not in the "
                "store; run `score` again"
            )
        segment = Segment(stored.video, index, stored.segments, 0.0, float("inf"), stored.probe)
        segments[index] = SegmentPoses(segment, stored.pose_version, None, failures=failures)
    return [segments[index] for index in range(stored.segments)]


def _write(path: str, recording: Recording) -> None:
    repetitions = recording.repetitions
    arrays = {
        name: np.concatenate([getattr(repetition, name) for repetition in repetitions])
        for name in _ARRAYS
        if repetitions
    }
    header: dict[str, Any] = {name: getattr(recording, name) for name in _COUNTS}
    header["lengths"] = [len(repetition.time_s) for repetition in repetitions]
    header["repetitions"] = [
        {name: getattr(repetition, name) for name in _NUMBERS} for repetition in repetitions
    ]
    with replacing(path) as file:
        file.write(to_bytes(arrays, {"recording": json.dumps(header)}))


def _read(path: str, stored: StoredVideo) -> Recording | None:
    """What `_write` wrote; None where there is no file, or not a whole one."""
    try:
        with open_binary(path) as file:
            content = file.read()
        arrays = from_bytes(content)
    except (FileNotFoundError, SafetensorError):
        return None
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    header = json.loads(metadata["recording"])
    ends = np.cumsum([0, *header["lengths"]]).tolist()
    repetitions = tuple(
        Repetition(**{**numbers, **{name: arrays[name][start:stop] for name in _ARRAYS}})
        for numbers, start, stop in zip(header["repetitions"], ends, ends[1:], strict=False)
    )
    return Recording(
        video=stored.video,
        probe=stored.probe,
        pose_version=stored.pose_version,
        segments=stored.segments,
        repetitions=repetitions,
        failures=stored.failures,
        pose_s=0.0,
        **{name: header[name] for name in _COUNTS},
    )
