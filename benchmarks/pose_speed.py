"""Frames per second of BlazePose here against MediaPipe Tasks: same frames, same weights.

    python -m benchmarks.pose_speed CLIPS... [--models lite full heavy] [--limit-s 5]

One process per core, bound to it, takes its share of the clips. Both sides do the whole job,
decoding included, in turns of fifteen frames: other work on the machine slows both equally, and
caches are as warm as where one of them works alone. Ratios are of sums and, since a shared machine
stretches single frames at random, of medians too. MediaPipe's side includes the conversion to RGB
that it asks for. CPU seconds count all threads. A precision that the processor lacks is left out.
"""

import argparse
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe, existing_file, on_each_core
from repscore.models import weights
from repscore.models.blazepose import regions
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.network import CropLandmarks, FloatArray, HostCrops, Network
from repscore.models.blazepose.networks import load_network
from repscore.models.estimator import EstimatorConfig, PoseEstimator, Unavailable
from repscore.models.mediapipe import MediaPipeEstimator
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.video.picture import Frame

SIDES = ("mediapipe", "repscore")
TURN = 15  # frames


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

    def add(self, other: "Clock") -> None:
        """Add what another process has measured."""
        for part, runs in other.wall.items():
            self.wall[part] += runs
            self.cpu[part] += other.cpu[part]

    def ms(self, part: str, frames: int) -> float:
        """Milliseconds per frame of the clips."""
        return 1000 * sum(self.wall[part]) / frames

    def median_ms(self, part: str) -> float:
        """The middle of the single runs."""
        return 1000 * float(np.median(self.wall[part]))


class TimedNetwork(HostCrops):
    """A network whose calls are timed."""

    def __init__(self, network: Network, clock: Clock) -> None:
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


def one_core(
    clips: Sequence[Path],
    begin: Callable[[], None],
    config: EstimatorConfig,
    options: argparse.Namespace,
) -> tuple[int, Clock]:
    """Measure on one core: frames of its clips, and the clock."""
    clock = Clock()
    ours = BlazePoseEstimator(config, network=TimedNetwork(load_network(config), clock))
    reference = MediaPipeEstimator(EstimatorConfig(config.model))
    regions.crop = clock.timed("crop", regions.crop)
    reference.start()
    estimators: dict[str, PoseEstimator] = {"mediapipe": reference, "repscore": ours}
    begin()
    frames = sum(one_clip(clip, estimators, options, clock) for clip in clips)
    reference.close()
    return frames, clock


def one_clip(
    clip: Path, estimators: Mapping[str, PoseEstimator], options: argparse.Namespace, clock: Clock
) -> int:
    """Both sides through one clip, turn by turn; the number of frames of each."""
    frames = dict.fromkeys(SIDES, 0)
    with ExitStack() as decoders:
        streams = {}
        for side in SIDES:
            estimators[side].start()
            decoder = Decoder(str(clip), end_s=options.limit_s, sample_fps=options.sample_fps)
            streams[side] = iter(decoders.enter_context(decoder))
        frame: Frame | None = None
        for turn in itertools.count():
            for side in SIDES if turn % 2 else reversed(SIDES):
                for _ in range(TURN):
                    with clock.of(f"decode {side}"):
                        frame = next(streams[side], None)
                    if frame is None:
                        break
                    with clock.of(side):
                        estimators[side].track(frame.bgr, frame.time_s)
                    frames[side] += 1
            if frame is None:
                break
    if len(set(frames.values())) > 1:
        raise RuntimeError(f"{clip}: expected the same frames on both sides, decoded {frames}")
    return frames["repscore"]


def measure(config: EstimatorConfig, options: argparse.Namespace) -> None:
    """One model and precision over all clips: a row per side, then where our time goes."""
    frames, clock = 0, Clock()
    for core_frames, core_clock in on_each_core(one_core, options.clips, config, options):
        frames += core_frames
        clock.add(core_clock)
    name = f"{config.model:5} {config.precision:4}"
    decode_ms = {side: clock.ms(f"decode {side}", frames) for side in SIDES}
    for side in SIDES:
        ms = clock.ms(side, frames)
        cpu_s, decode_cpu_s = (1000 * clock.cpu[part] / frames for part in (side, f"decode {side}"))
        print(
            f"{name} {side:10} {frames:6} frames; per core {1000 / ms:6.1f} fps, with decode "
            f"{1000 / (ms + decode_ms[side]):6.1f} fps; {ms:6.2f} ms, "
            f"median {clock.median_ms(side):6.2f}; "
            f"CPU s per 1000 frames {cpu_s:6.2f}, with decode {cpu_s + decode_cpu_s:6.2f}"
        )
    theirs_ms, ours_ms = (clock.ms(side, frames) for side in SIDES)
    middle = clock.median_ms("mediapipe") / clock.median_ms("repscore")
    whole = (theirs_ms + decode_ms["mediapipe"]) / (ours_ms + decode_ms["repscore"])
    cpu = clock.cpu["mediapipe"] / clock.cpu["repscore"]
    print(
        f"{name} ratio: decode excluded {theirs_ms / ours_ms:.2f} ({middle:.2f} of medians), ",
        end="",
    )
    print(f"included {whole:.2f}; of CPU time, decode excluded {cpu:.2f}")
    parts = {part: clock.ms(part, frames) for part in ("detector", "crop", "landmarks")}
    parts["geometry"] = ours_ms - sum(parts.values())
    print(f"{name} ms per frame: ", end="")
    parts["decode"] = decode_ms["repscore"]
    print(", ".join(f"{part} {ms:.2f}" for part, ms in parts.items()), end="")
    print(f"; the detector ran on {len(clock.wall['detector'])} frames", flush=True)


def main() -> None:
    """Print machine, versions, and four lines per model and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=existing_file)
    parser.add_argument("--models", nargs="+", choices=weights.MODELS, default=list(weights.MODELS))
    parser.add_argument("--precisions", nargs="+", choices=["f32", "bf16"], default=["f32", "bf16"])
    parser.add_argument("--sample-fps", type=float, default=15.0)
    parser.add_argument("--limit-s", type=float, default=math.inf, help="seconds of each clip")
    options = parser.parse_args()
    print(f"# {describe()}; one process per core, {options.sample_fps:g} frames per second sampled")
    for model in options.models:
        for precision in options.precisions:
            config = EstimatorConfig(model, precision=precision)
            try:
                BlazePoseEstimator.require(config)
            except Unavailable as error:
                print(f"{model:5} {precision:4} left out: {error}")
                continue
            measure(config, options)


if __name__ == "__main__":
    main()
