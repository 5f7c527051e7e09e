"""Frames per second of the repetitions stage's pure chain on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.segmenter_speed [--repeats 4] [--rounds 5]

Poses in, measured repetitions out (clean, normalise, phases, cycles, measure), for the synthetic
athlete at several frame rates, in blocks as long as the pipeline's segments. Printed too is the
size of the state after streams of several lengths: it must not grow.
"""

import argparse
import pickle
import statistics
import time
from itertools import pairwise

import numpy as np

from benchmarks.machine import describe
from repscore.pipelines.demo.cast import CAST
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import motion
from tests import athletes

SEGMENT_S = 60.0


def run(parts: list[PoseFrames]) -> tuple[int, int]:
    """Repetitions found, and bytes of the state before the stream ends."""
    state, count = motion.start(0), 0
    for part in parts:
        state, found = motion.step(state, part)
        count += len(found)
    return count + len(motion.finish(state)), len(pickle.dumps(state))


def segments(poses: PoseFrames) -> list[PoseFrames]:
    """Blocks of SEGMENT_S, as they leave the pose stage."""
    bounds = np.arange(poses.time_s[0], poses.time_s[-1] + SEGMENT_S, SEGMENT_S)
    rows = np.searchsorted(poses.time_s, bounds)
    return [athletes.part(poses, slice(a, b)) for a, b in pairwise(rows) if b > a]


def report(name: str, stream: list[PoseFrames], rounds: int) -> None:
    """Median over rounds, after a round to warm up."""
    frames = sum(len(part.time_s) for part in stream)
    rates, count = [], 0
    for _ in range(rounds + 1):
        begun_s = time.perf_counter()
        count, _ = run(stream)
        rates.append(frames / (time.perf_counter() - begun_s))
    print(
        f"{name:34} {statistics.median(rates[1:]):9,.0f} frames/s  "
        f"({frames:,} frames, {count} repetitions)"
    )


def main() -> None:
    """Print a line per input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4, help="of the demo's clips in a stream")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(describe())
    for rate_hz in (15.0, 30.0, 60.0):
        clips = [athletes.poses(clip.motion, clip.camera, rate_hz) for clip in CAST]
        stream = segments(athletes.joined(*clips * arguments.repeats))
        report(f"athlete, {rate_hz:g} frames per second", stream, arguments.rounds)
    clips = [athletes.poses(clip.motion, clip.camera, 15.0) for clip in CAST]
    for repeats in (1, arguments.repeats, arguments.repeats**2):
        stream = segments(athletes.joined(*clips * repeats))
        minutes = sum(len(part.time_s) for part in stream) / 15 / 60
        print(f"state after {minutes:5.1f} minutes: {run(stream)[1]:,} bytes")


if __name__ == "__main__":
    main()
