"""Memory of a pose worker over a clip that is looped to an hour.

    python -m benchmarks.pose_memory CLIP [--minutes 60]

The clip is repeated in one long video. A worker, as it runs in a Ray actor, extracts the video's
segments one after the other. Flat means: no growth after the first quarter.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2

from benchmarks.machine import describe, existing_file, resident_mib, segments_of_clip
from repscore.models import weights
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.pose.version import estimated_version, release
from repscore.transforms.pose.worker import Worker
from repscore.transforms.records import PoseConfig


def loop(clip: Path, path: Path, minutes: float, fps: float = 15.0) -> None:
    """Repeat the frames of `clip` in a video of `minutes`."""
    with Decoder(str(clip), sample_fps=fps) as decoder:
        frames = [cv2.resize(frame.bgr, None, fx=0.5, fy=0.5) for frame in decoder]
    height_px, width_px = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, fps, (width_px, height_px))
    for index in range(round(60 * minutes * fps)):
        writer.write(frames[index % len(frames)])
    writer.release()


def main() -> None:
    """Print the memory after every few segments, and the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=existing_file)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--model", choices=weights.MODELS, default="full")
    parser.add_argument("--segment-s", type=float, default=60.0)
    options = parser.parse_args()
    print(describe())
    poses = PoseConfig(model=options.model, segment_s=options.segment_s)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "looped.mp4")
        loop(options.clip, path, options.minutes)
        worker = Worker(poses, folder, estimated_version(poses), release())
        readings, frames, begun_s = [], 0, time.monotonic()
        for segment in segments_of_clip(path, poses):
            done = worker.extract(segment)
            frames += done.frames
            readings.append(resident_mib(os.getpid()))
            if segment.index % 5 == 4:
                print(f"minute {segment.end_s / 60:5.1f}: {readings[-1]:.0f} MiB", flush=True)
    seconds = time.monotonic() - begun_s
    quarter = max(1, len(readings) // 4)
    early, late = max(readings[:quarter]), max(readings[quarter:])
    print(f"{frames} frames of {len(readings)} segments, {frames / seconds:.0f} fps")
    print(f"most in the first quarter {early:.0f} MiB, later {late:.0f} MiB: {late / early:.3f}")


if __name__ == "__main__":
    main()
