"""Frames per second of BlazePose here against MediaPipe Tasks: same frames, same weights, one core.

    python benchmarks/pose_speed.py CLIPS... [--models lite full heavy] [--limit-s 5]

The process is bound to one core, whatever threads either side starts. Each frame is decoded once
and given to both in turn, so that the machine's other work burdens both alike; ratios are of sums
and, since a shared machine stretches single frames at random, of medians too. CPU seconds count
all threads.
"""

import argparse
import math
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from repscore.models import weights
from repscore.models.blazepose import regions
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.graph_openvino import OpenVinoNetwork, Precision
from repscore.models.blazepose.network import CropLandmarks, FloatArray
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder


class Clock:
    """Seconds and CPU seconds of every run of a part, by the part's name."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = defaultdict(list)
        self.cpu: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Time what is enclosed."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[part].append(time.perf_counter() - wall)
        self.cpu[part] += time.process_time() - cpu

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, timed at every call."""

        def run(*arguments: Any, **options: Any) -> Any:
            with self.of(part):
                return function(*arguments, **options)

        return run

    def ms(self, part: str, frames: int) -> float:
        """Milliseconds per frame of the clips."""
        return 1000 * sum(self.wall[part]) / frames

    def median_ms(self, part: str) -> float:
        """The middle of the single runs."""
        return 1000 * float(np.median(self.wall[part]))


class TimedNetwork:
    """A network whose calls are timed."""

    def __init__(self, network: OpenVinoNetwork, clock: Clock) -> None:
        self.identity = network.identity
        self._network, self._clock = network, clock

    def infer_detector(self, images: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See `Network`."""
        with self._clock.of("detector"):
            return self._network.infer_detector(images)

    def infer_landmarks(self, crops: npt.NDArray[np.uint8]) -> CropLandmarks:
        """See `Network`."""
        with self._clock.of("landmarks"):
            return self._network.infer_landmarks(crops)


def measure(model: weights.Model, options: argparse.Namespace) -> None:
    """One model over all clips: a row per side, then where our time goes."""
    clock = Clock()
    files = weights.detector(), weights.landmarks(model)
    network = TimedNetwork(OpenVinoNetwork(*files, options.precision), clock)
    ours = BlazePoseEstimator(model, network=network)
    reference = MediaPipeEstimator(model)
    crop = regions.crop
    regions.crop = clock.timed("crop", crop)
    frames = 0
    for clip in options.clips:
        ours.start()
        reference.start()
        with Decoder(str(clip), end_s=options.limit_s, sample_fps=options.sample_fps) as decoder:
            clip_frames = iter(decoder)
            while True:
                with clock.of("decode"):
                    frame = next(clip_frames, None)
                if frame is None:
                    break
                sides = [("mediapipe", reference), ("repscore", ours)]
                for side, estimator in sides if frames % 2 else reversed(sides):
                    with clock.of(side):
                        estimator.track(frame.rgb, frame.time_s)
                frames += 1
    reference.close()
    regions.crop = crop
    decode_ms = clock.ms("decode", frames)
    for side in ("mediapipe", "repscore"):
        ms = clock.ms(side, frames)
        cpu_s = 1000 * clock.cpu[side] / frames
        print(
            f"{model:6} {side:10} {frames:6} frames  {1000 / ms:6.1f} fps  {ms:6.2f} ms  "
            f"median {clock.median_ms(side):6.2f} ms  "
            f"with decode {1000 / (ms + decode_ms):6.1f} fps  {cpu_s:6.2f} CPU s per 1000"
        )
    ratio, middle = (
        of("mediapipe") / of("repscore") for of in (lambda s: clock.ms(s, frames), clock.median_ms)
    )
    whole = (clock.ms("mediapipe", frames) + decode_ms) / (clock.ms("repscore", frames) + decode_ms)
    cpu = clock.cpu["mediapipe"] / clock.cpu["repscore"]
    print(f"{model:6} ratio: {ratio:.2f} decode excluded ({middle:.2f} of medians), ", end="")
    print(f"{whole:.2f} included, {cpu:.2f} of CPU time, {network.identity['precision']}")
    parts = {part: clock.ms(part, frames) for part in ("detector", "crop", "landmarks")}
    parts["geometry"] = clock.ms("repscore", frames) - sum(parts.values())
    print(f"{model:6} ms per frame: ", end="")
    print(", ".join(f"{part} {ms:.2f}" for part, ms in {"decode": decode_ms, **parts}.items()))
    print(f"{model:6} detector ran {len(clock.wall['detector'])} times; {_memory()}", flush=True)


def _memory() -> str:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"memory of this process {pages * os.sysconf('SC_PAGE_SIZE') / 2**20:.0f} MiB"


def main(arguments: Sequence[str]) -> None:
    """Print machine, versions, and three lines per model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--models", nargs="+", choices=weights.MODELS, default=list(weights.MODELS))
    parser.add_argument("--precision", choices=Precision.__args__, default="auto")
    parser.add_argument("--sample-fps", type=float, default=15.0)
    parser.add_argument("--limit-s", type=float, default=math.inf, help="seconds of each clip")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(
        f"# {platform.processor() or platform.machine()}, one of {os.cpu_count()} cores,", end=" "
    )
    print(f"mediapipe {version('mediapipe')}, openvino {version('openvino')}, ", end="")
    print(f"{options.sample_fps:g} frames per second sampled")
    for model in options.models:
        measure(model, options)


if __name__ == "__main__":
    main(sys.argv[1:])
