"""Pose frames per second of the whole pipeline against bare MediaPipe processes, in one run.

`throughput.py CLIPS...`: the baseline is one process per CPU, each of which loops MediaPipe Tasks
over its share of the clips at the same sampling, with the same weights, and keeps nothing. Start-up
(imports, Ray, loading the model) is left out on both sides and printed. The sides take turns,
`--rounds` times; the ratio is that of the medians.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import describe

SAMPLE_FPS = 15.0


def bare(clips: list[str], results: Any, barrier: Any) -> None:
    """Loop over clips; puts (frames, seconds, start-up seconds)."""
    begun_s = time.monotonic()
    import cv2

    from repscore.models.mediapipe import MediaPipeEstimator
    from repscore.transforms.pose.decode import Decoder

    cv2.setNumThreads(1)
    estimator = MediaPipeEstimator("full")
    estimator.start()
    barrier.wait()
    ready_s = time.monotonic()
    frames = 0
    for clip in clips:
        estimator.start()
        with Decoder(clip, sample_fps=SAMPLE_FPS) as decoder:
            for frame in decoder:
                estimator.track(frame.rgb, frame.time_s)
                frames += 1
    estimator.close()
    results.put((frames, time.monotonic() - ready_s, ready_s - begun_s))


def baseline(clips: list[str], processes: int) -> tuple[float, float]:
    """Frames per second of all processes together, and the longest start-up."""
    context = multiprocessing.get_context("spawn")
    results, barrier = context.Queue(), context.Barrier(processes)
    # Longest first, in turns: the fairest split that needs no queue.
    ordered = sorted(clips, key=lambda clip: -Path(clip).stat().st_size)
    shares = [ordered[index::processes] for index in range(processes)]
    workers = [context.Process(target=bare, args=(share, results, barrier)) for share in shares]
    for worker in workers:
        worker.start()
    parts = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    frames = sum(part[0] for part in parts)
    return frames / max(part[1] for part in parts), max(part[2] for part in parts)


def pipeline(clips: list[str]) -> tuple[float, float]:
    """Frames per second of `repscore score`, and its start-up."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "repscore.pipelines", "score", *clips, "-o", output]
        done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)  # noqa: S603
    row = json.loads(done.stdout)
    return row["frames_per_s"], row["start_up_s"]


def main() -> None:
    """Print both sides and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(describe())
    processes = len(os.sched_getaffinity(0))
    sides: dict[str, list[float]] = {"bare MediaPipe": [], "repscore score": []}
    for _ in range(arguments.rounds):
        for name, (fps, start_up_s) in (
            ("bare MediaPipe", baseline(arguments.clips, processes)),
            ("repscore score", pipeline(arguments.clips)),
        ):
            sides[name].append(fps)
            print(f"{name}: {fps:.1f} frames/s, start-up {start_up_s:.1f} s (left out)")
    medians = {name: statistics.median(values) for name, values in sides.items()}
    print(f"ratio of medians: {medians['repscore score'] / medians['bare MediaPipe']:.2f}")


if __name__ == "__main__":
    main()
