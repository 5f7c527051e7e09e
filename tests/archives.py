"""Recordings of arm raises as pose files."""

from pathlib import Path

import fakes
import numpy as np

from repscore.transforms.pose.store import SegmentFile, segment_path, write_segment
from repscore.transforms.pose.worker import finished, tombstone
from repscore.transforms.records import Failure, Probe, Segment, SegmentPoses, Video

PROBE = Probe(640, 480, 10.0, 400, 40.0, 0, "mp4v")
COUNT, LENGTH_S, RATE_HZ = 8, 5.0, 10


def archive(
    root: Path, name: str, missing: int | None = None, count: int = COUNT
) -> list[SegmentPoses]:
    """Segments of five seconds of arm raises; segment `missing` is a tombstone."""
    estimator = fakes.ArmRaiser()
    frame = np.zeros((4, 4, 3), np.uint8)
    video = Video(f"/{name}", name, name, 1, "1", (), f"/{name}")
    segments = []
    for index in range(count):
        start_s = index * LENGTH_S
        end_s = start_s + LENGTH_S if index < count - 1 else float("inf")
        segment = Segment(video, index, count, start_s, end_s, PROBE)
        if index == missing:
            gone = Failure(video.uri, name, "pose", "WorkerDied", "gone", index)
            segments.append(tombstone(segment, "v", gone))
            continue
        times = start_s + np.arange(round(LENGTH_S * RATE_HZ)) / RATE_HZ
        poses = [(float(time_s), estimator.track(frame, float(time_s))) for time_s in times]
        about = SegmentFile(
            video_id=name, pose_version="v", segment=index, segments=count, start_s=start_s,
            end_s=None, topology="blazepose33", estimator={}, width_px=640, height_px=480,
            fps=10.0, sample_fps=None, frames=len(poses), frames_with_person=len(poses),
            decoded_s=start_s + LENGTH_S, shortfall=None, clock_jumps=None,
            pictures=12, pictures_decoded=12,
        )  # fmt: skip
        path = segment_path(str(root), "v", segment)
        write_segment(path, about, poses)
        segments.append(finished(segment, path, about, busy_s=1.0))
    return segments
