"""Frames per second of the repetitions stage's pure chain on one core: `segmenter_speed.py`.

Poses in, measured repetitions out (clean, normalise, phases, cycles, measure), for the synthetic
athlete at several frame rates, in blocks as long as the pipeline's segments; and, with
`--repcount FOLDER`, for RepCount-pose at 30 frames per second. Prints the size of what is
remembered after one and after all hours, too: it must not grow. Set OMP_NUM_THREADS=1.
"""

import argparse
import pickle
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from machine import describe

from repscore.pipelines.demo.cast import CAST
from repscore.pipelines.evaluate.repcount import read_repcount
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions import motion

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import athletes

SEGMENT_S, ROUNDS = 60.0, 5


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


def report(name: str, streams: list[list[PoseFrames]]) -> None:
    """Median over rounds, after one to warm up."""
    frames = sum(len(part.time_s) for stream in streams for part in stream)
    rates, counts = [], 0
    for _ in range(ROUNDS + 1):
        begun_s = time.perf_counter()
        counts = sum(run(stream)[0] for stream in streams)
        rates.append(frames / (time.perf_counter() - begun_s))
    print(
        f"{name:34} {statistics.median(rates[1:]):9,.0f} frames/s  "
        f"({frames:,} frames, {counts} repetitions)"
    )


def main() -> None:
    """Print a line per input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repcount", type=Path, help="folder of RepCount-pose")
    arguments = parser.parse_args()
    print(describe())
    for rate_hz in (15.0, 30.0, 60.0):
        clips = [athletes.poses(one.motion, one.camera, rate_hz) for one in CAST]
        report(f"athlete, {rate_hz:g} frames per second", [segments(athletes.joined(*clips * 4))])
    if arguments.repcount:
        videos = read_repcount(arguments.repcount)
        report("RepCount-pose, 30 frames per second", [segments(one.poses) for one in videos])
    clips = [athletes.poses(one.motion, one.camera, 15.0) for one in CAST]
    for times in (1, 4, 16):
        stream = segments(athletes.joined(*clips * times))
        minutes = sum(len(part.time_s) for part in stream) / 15 / 60
        print(f"state after {minutes:5.1f} minutes: {run(stream)[1]:,} bytes")


if __name__ == "__main__":
    main()
