"""Frames per second of the whole pipeline against bare processes, in one run.

    python -m benchmarks.throughput CLIPS... [--rounds 3] [--against worker] [--precision f32]
        [--minutes 30]

The baseline is one process per core, each with its share of the clips, which keeps no rows: either
MediaPipe Tasks with the same sampling and the same weights, or (`--against worker`) a bare loop of
our own worker, decoding and pose files included. The pipeline counts from its first segment to its
end, tables included. Start-up (imports, Ray, loading the model) is left out on both sides and
printed. The sides take turns; the ratio is of their medians. `--minutes`
repeats the first clip in one video per core, so long in all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from benchmarks.machine import describe, existing_file, on_each_core, segments_of_clip
from benchmarks.pose_memory import loop
from repscore.models.estimator import Precision
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.pose.version import estimated_version, release
from repscore.transforms.pose.worker import Worker
from repscore.transforms.records import PoseConfig

SAMPLE_FPS = 15.0
Measure = Callable[..., tuple[int, float, float]]
"""Frames, seconds, and seconds of start-up over some clips."""


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


def work(
    clips: Sequence[Path], begin: Callable[[], None], *, precision: Precision
) -> tuple[int, float, float]:
    """Our own worker over clips: frames, seconds, seconds of start-up."""
    begun_s = time.monotonic()
    poses = PoseConfig(sample_fps=SAMPLE_FPS, precision=precision)
    with tempfile.TemporaryDirectory() as root:
        worker = Worker(poses, root, estimated_version(poses), release())
        begin()
        ready_s = time.monotonic()
        segments = [segment for clip in clips for segment in segments_of_clip(clip, poses)]
        frames = sum(worker.extract(segment).frames for segment in segments)
        return frames, time.monotonic() - ready_s, ready_s - begun_s


BASELINES = ("mediapipe", "worker")


def baseline(measure: Measure, clips: Sequence[Path]) -> tuple[int, float, float]:
    """Frames of all processes, the longest time, and the longest start-up."""
    frames, seconds, start_up_s = zip(*on_each_core(measure, clips), strict=True)
    return sum(frames), max(seconds), max(start_up_s)


def pipeline(clips: Sequence[Path], precision: Precision) -> tuple[int, float, float]:
    """Frames of `repscore score`, its time from the first segment on, and its start-up."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "repscore.pipelines", "score", *map(str, clips)]
        done = subprocess.run(  # noqa: S603
            [*command, "-o", output, "--precision", precision, "--json"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    row = json.loads(done.stdout)
    return row["frames"], row["wall_s"] - row["start_up_s"], row["start_up_s"]


def main() -> None:
    """Print both sides and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=existing_file)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", choices=BASELINES, default="mediapipe")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default="auto", help="of our side"
    )
    parser.add_argument("--minutes", type=float)
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        clips = options.clips
        if options.minutes is not None:
            cores = len(os.sched_getaffinity(0))
            looped = Path(folder, "0.mp4")
            loop(clips[0], looped, options.minutes / cores)
            clips = [looped]
            for number in range(1, cores):
                clips.append(Path(folder, f"{number}.mp4"))
                # Bytes behind its end make it another content.
                clips[-1].write_bytes(looped.read_bytes() + f"{number:08d}free".encode())
        theirs: tuple[str, Measure] = ("bare MediaPipe", estimate)
        if options.against == "worker":
            theirs = ("our bare worker", partial(work, precision=options.precision))
        compare(clips, options.rounds, options.precision, *theirs)


def compare(
    clips: Sequence[Path],
    rounds: int,
    precision: Precision,
    theirs: str,
    measure: Measure,
) -> None:
    """Let both sides take turns; print each, and the ratios of their medians."""
    ours = "repscore score"
    rates: dict[str, list[float]] = {theirs: [], ours: []}
    for _ in range(rounds):
        for name in rates:
            frames, seconds, start_up_s = (
                pipeline(clips, precision) if name == ours else baseline(measure, clips)
            )
            rates[name].append(frames / seconds)
            print(
                f"{name}: {rates[name][-1]:.1f} frames/s, start-up {start_up_s:.1f} s (left out of "
                f"the rate), load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    ratio = statistics.median(rates[ours]) / statistics.median(rates[theirs])
    print(f"ratio of medians: {ratio:.2f} in frames/s, to {theirs}")


if __name__ == "__main__":
    main()
