"""Datasets of synthetic athletes with poses and tables, without a video and without Ray."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import athletes
import numpy as np

from repscore.models.estimator import People
from repscore.pipelines.options import ScoreOptions
from repscore.pipelines.score import opening_row
from repscore.transforms.pose.store import SegmentFile, segment_path, write_segment
from repscore.transforms.pose.worker import finished
from repscore.transforms.records import Failure, PoseFrames, Probe, Segment, SegmentPoses, Video
from repscore.transforms.repetitions.order import recording_of
from repscore.transforms.repetitions.subject import Subjects
from repscore.transforms.score.repetitions import ByConsistency, score_recordings
from repscore.transforms.tables.delta import append_run, write_batch
from repscore.transforms.tables.rows import RunStamp, rows_of, rows_of_failures

RUN = RunStamp("run", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "config")
VERSION = "v"


def squats(*, short: bool = True, repetitions: int = 5, seed: int = 0) -> PoseFrames:
    """Squats in a row; the last one has half of the range if asked for."""
    from repscore.pipelines.demo.athlete import Motion
    from repscore.pipelines.demo.exercises import Faults

    plain = athletes.poses(Motion("squat", repetitions - short, seed=seed), rate_hz=15.0)
    if not short:
        return plain
    half = Motion("squat", 1, faults=Faults(short_range=0.5), seed=seed)
    return athletes.joined(plain, athletes.poses(half, rate_hz=15.0))


def segment_of(root: Path, uri: str, frames: PoseFrames) -> SegmentPoses:
    """The only segment of a video that shows one person; its poses are stored."""
    name = hashlib.blake2b(uri.encode(), digest_size=8).hexdigest()
    length_s = float(frames.time_s[-1]) + 1 / 15
    video = Video(uri, name, f"test:{name}", 1, "stamp", (), uri)
    probe = Probe(960, 540, 15.0, len(frames.time_s), length_s, 0, "h264")
    segment = Segment(video, 0, 1, 0.0, float("inf"), probe)
    person = np.zeros(1, np.int32)
    poses = [
        (float(time), People(person, image[None], world[None], seen[None]))
        for time, image, world, seen in zip(
            frames.time_s, frames.image_px, frames.world_m, frames.visibility, strict=True
        )
    ]
    about = SegmentFile(
        video_id=name, pose_version=VERSION, segment=0, segments=1, start_s=0.0, end_s=None,
        topology=frames.topology, estimator={}, width_px=960, height_px=540, fps=15.0,
        sample_fps=None, frames=len(poses), frames_with_person=len(poses), decoded_s=length_s,
        shortfall=None, clock_jumps=None, pictures=len(poses), pictures_decoded=len(poses),
    )  # fmt: skip
    path = segment_path(str(root), VERSION, segment)
    write_segment(path, about, poses)
    return finished(segment, path, about, busy_s=1.0)


def write(root: Path, clips: Mapping[str, PoseFrames], failed: str | None = None) -> Path:
    """A dataset of clips by name, scored by consistency; `failed` could not be read."""
    segments = [segment_of(root, uri, frames) for uri, frames in clips.items()]
    recordings = [recording_of([each], Subjects()) for each in segments]
    for scored in score_recordings(recordings, ByConsistency()):
        write_batch(str(root), rows_of(scored, RUN))
    if failed is not None:
        failure = Failure(failed, None, "probe", "ProbeError", f"{failed}: no video; mend it")
        write_batch(str(root), rows_of_failures([failure], RUN))
    options = ScoreOptions(inputs=(), output=str(root))
    row = opening_row(options, RUN, "score", None, VERSION)
    row |= {
        "finished_at": RUN.processed_at,
        "videos": len(clips),
        "frames_per_s": 50.0,
        "wall_s": 9.0,
    }
    append_run(str(root), row)
    return root
