"""Windowed recordings kept beside the poses: re-scoring need not cut them into repetitions again.

A file follows from the poses, the code that cuts and whose repetitions are kept; it may be deleted
at any time.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

from repscore.transforms.files import join, names_in, open_binary, replacing
from repscore.transforms.pose.store import find, read_people, segment_folder
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
from repscore.transforms.repetitions.order import OpenRecording, close, release
from repscore.transforms.repetitions.subject import Subjects

_ARRAYS: Final = ("time_s", "flat", "body", "visibility")
_NUMBERS: Final = tuple(each.name for each in fields(Repetition) if each.name not in _ARRAYS)
_TOLD: Final = ("frames", "frames_with_person", "people", "decoded_s")


@dataclass(frozen=True)
class Stored:
    """What the tables say of an input whose poses are in the store."""

    video: Video
    probe: Probe | None
    pose_version: str
    segments: int
    failures: tuple[Failure, ...]


class PosesMissing(ValueError):
    """The store does not hold the poses that a row of `videos` was made from."""


def recording_of(root: str, stored: Stored, subjects: Subjects) -> Recording:
    """The recording as `score` made it, from the kept windows or else from the poses.

    Raises PosesMissing.
    """
    folder = segment_folder(root, stored.pose_version, stored.video.video_id)
    try:
        there = names_in(folder)
    except FileNotFoundError:
        there = []
    files = sorted(name for name in there if f"-of-{stored.segments}-" in name)
    settled = [REVISION, asdict(subjects), stored.pose_version, stored.segments, files]
    told = json.dumps([*settled, [asdict(failure) for failure in stored.failures]])
    name = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
    video_id = stored.video.video_id
    path = join(root, "windows", video_id[:2], f"{video_id}-{name}.safetensors")
    kept = _read(path, stored)
    if kept is None:
        kept = _cut(stored, [join(folder, file) for file in files], subjects)
        _write(path, kept)
    return kept


def _cut(stored: Stored, files: Sequence[str], subjects: Subjects) -> Recording:
    """All segments in order, failed ones as tombstones."""
    found: dict[int, SegmentPoses] = {}
    for file in files:
        about = find(file)
        if about is None:
            raise PosesMissing(f"{file}: is no whole file of poses; run `score` again")
        end_s = float("inf") if about.end_s is None else about.end_s
        segment = Segment(
            stored.video, about.segment, about.segments, about.start_s, end_s, stored.probe
        )
        found[about.segment] = finished(segment, file, about, busy_s=0.0)
    for index in range(stored.segments):
        if index in found:
            continue
        failures = tuple(each for each in stored.failures if (each.segment or 0) == index)
        if not failures:
            raise PosesMissing(
                f"{stored.video.uri}: poses of segment {index} of {stored.segments} are not in the "
                "store; run `score` again"
            )
        place = Segment(stored.video, index, stored.segments, 0.0, float("inf"), stored.probe)
        found[index] = SegmentPoses(place, stored.pose_version, None, failures=failures)
    line = [found[index] for index in range(stored.segments)]
    recording = close(reduce(_released, line, OpenRecording()), line[-1], subjects)
    return replace(recording, failures=stored.failures)


def _released(recording: OpenRecording, segment: SegmentPoses) -> OpenRecording:
    return release(recording, segment, read_people(segment.path) if segment.path else None)


def _write(path: str, recording: Recording) -> None:
    repetitions = recording.repetitions
    arrays = {
        name: np.concatenate([getattr(each, name) for each in repetitions])
        for name in _ARRAYS
        if repetitions
    }
    told: dict[str, Any] = {name: getattr(recording, name) for name in _TOLD}
    told["lengths"] = [len(each.time_s) for each in repetitions]
    told["repetitions"] = [{name: getattr(each, name) for name in _NUMBERS} for each in repetitions]
    with replacing(path) as file:
        file.write(to_bytes(arrays, {"recording": json.dumps(told)}))


def _read(path: str, stored: Stored) -> Recording | None:
    """What `_write` kept; None where nothing is, or nothing whole."""
    try:
        with open_binary(path) as file:
            content = file.read()
        arrays = from_bytes(content)
    except (FileNotFoundError, SafetensorError):
        return None
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    told = json.loads(header["__metadata__"]["recording"])
    ends = np.cumsum([0, *told["lengths"]]).tolist()
    repetitions = tuple(
        Repetition(**{**numbers, **{name: arrays[name][start:stop] for name in _ARRAYS}})
        for numbers, start, stop in zip(told["repetitions"], ends, ends[1:], strict=False)
    )
    return Recording(
        video=stored.video,
        probe=stored.probe,
        pose_version=stored.pose_version,
        segments=stored.segments,
        repetitions=repetitions,
        failures=stored.failures,
        pose_s=0.0,
        **{name: told[name] for name in _TOLD},
    )
