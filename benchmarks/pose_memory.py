"""Memory of a pose worker over a clip that is looped to an hour.

    python benchmarks/pose_memory.py CLIP [--minutes 60] [--model full]

The clip is written again and again into one long video; a worker, as it runs in a Ray actor, then
extracts the video's segments one after the other. Flat means: no growth after the first minutes.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
from machine import describe

from repscore.transforms.discover.sources import list_inputs
from repscore.transforms.plan.segments import segments_of
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.pose.version import estimated_version
from repscore.transforms.pose.worker import Worker
from repscore.transforms.records import PoseConfig, Video


def loop(clip: str, path: Path, minutes: float, fps: float = 15.0) -> None:
    """Write the frames of `clip` again and again until the video is so long."""
    with Decoder(clip, sample_fps=fps) as decoder:
        frames = [cv2.resize(frame.bgr, None, fx=0.5, fy=0.5) for frame in decoder]
    height_px, width_px = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), code, fps, (width_px, height_px))
    for index in range(round(60 * minutes * fps)):
        writer.write(frames[index % len(frames)])
    writer.release()


def resident_mib() -> float:
    """Memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Print the memory after every few segments, and the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--model", choices=["lite", "full", "heavy"], default="full")
    arguments = parser.parse_args()
    print(describe())
    poses = PoseConfig(model=arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "looped.mp4")
        loop(arguments.clip, path, arguments.minutes)
        (source,) = list_inputs([str(path)])
        video = Video(
            source.uri, "looped", "looped", source.size_bytes, source.stamp, (), source.uri
        )
        worker = Worker(poses, folder, estimated_version(poses))
        readings, frames, begun_s = [], 0, time.monotonic()
        for segment in segments_of(video, poses):
            done = worker.extract(segment)
            frames += done.frames
            readings.append(resident_mib())
            if segment.index % 5 == 4:
                print(f"minute {segment.index + 1:3}: {readings[-1]:.0f} MiB", flush=True)
    seconds = time.monotonic() - begun_s
    early, late = max(readings[: len(readings) // 4]), max(readings[len(readings) // 4 :])
    print(f"{frames} frames of {len(readings)} segments, {frames / seconds:.0f} fps")
    print(f"most in the first quarter {early:.0f} MiB, later {late:.0f} MiB: {late / early:.3f}")


if __name__ == "__main__":
    main()
