"""Pose frames per second of the whole pipeline against bare MediaPipe processes, in one run.

    python -m benchmarks.throughput CLIPS... [--rounds 3]

The baseline is one process per core. Each runs MediaPipe Tasks over its share of the clips, with
the same sampling and the same weights, and keeps nothing. Start-up (imports, Ray, loading the
model) is left out on both sides and printed. The sides take turns; the ratio is of their medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import describe, existing_file, on_each_core
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder

SAMPLE_FPS = 15.0


def estimate(clips: Sequence[Path], begin: Callable[[], None]) -> tuple[int, float, float]:
    """MediaPipe over clips: frames, seconds, seconds of start-up."""
    begun_s = time.monotonic()
    estimator = MediaPipeEstimator()
    estimator.start()
    begin()
    ready_s = time.monotonic()
    frames = 0
    for clip in clips:
        estimator.start()
        with Decoder(str(clip), sample_fps=SAMPLE_FPS) as decoder:
            for frame in decoder:
                estimator.track(frame.bgr, frame.time_s)
                frames += 1
    estimator.close()
    return frames, time.monotonic() - ready_s, ready_s - begun_s


def baseline(clips: Sequence[Path]) -> tuple[float, float]:
    """Frames per second of all processes, and the longest start-up."""
    frames, seconds, start_up_s = zip(*on_each_core(estimate, clips), strict=True)
    return sum(frames) / max(seconds), max(start_up_s)


def pipeline(clips: Sequence[Path]) -> tuple[float, float]:
    """Frames per second of `repscore score`, and its start-up."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "repscore.pipelines", "score", *map(str, clips)]
        done = subprocess.run(  # noqa: S603
            [*command, "-o", output, "--json"], check=True, stdout=subprocess.PIPE, text=True
        )
    row = json.loads(done.stdout)
    return row["frames_per_s"], row["start_up_s"]


def main() -> None:
    """Print both sides and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=existing_file)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(describe())
    sides = {"bare MediaPipe": baseline, "repscore score": pipeline}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, side in sides.items():
            fps, start_up_s = side(options.clips)
            rates[name].append(fps)
            print(f"{name}: {fps:.1f} frames/s, start-up {start_up_s:.1f} s (left out)")
    theirs, ours = (statistics.median(values) for values in rates.values())
    print(f"ratio of medians: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
