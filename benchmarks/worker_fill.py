"""How full the batches of a pose worker are, and how busy its device, which is simulated.

    python -m benchmarks.worker_fill CLIPS... [--streams 64] [--device l4 h200] [--seconds 60]

Everything is real but the device, which sleeps. Two parts for each device. With decoded frames in
memory, the host's work alone can keep the device waiting: that is the worker's own limit. With real
decoding, decoding does, where the machine has few cores; then the last line says how many cores
such a GPU needs. The mean batch counts the steps while more segments than streams are left.
"""

import argparse
import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.machine import describe, existing_file
from repscore.models import weights
from repscore.models.blazepose.crops_torch import DeviceCrops
from repscore.models.blazepose.estimator import BlazePoseEstimator
from repscore.models.blazepose.network import CropLandmarks, FloatArray, Frame
from repscore.models.blazepose.network_torch import without_segmentation
from repscore.models.blazepose.regions import Regions
from repscore.models.blazepose.tflite import read_graph
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.pose.streams import Streams, StreamsStatus, most_open
from repscore.transforms.video.picture import Frame as Picture

SAMPLE_FPS = 15.0
KERNELS = 4
"""Launches per layer of a network: padding, convolution, bias, activation (`graph_torch`)."""
EFFICIENCY = 0.4
"""Share of a device's peaks that small convolutions reach: an assumption."""


@dataclass(frozen=True)
class Device:
    """Dense float16 operations and bytes of memory per second, seconds to launch a kernel."""

    flops: float
    bytes_per_s: float
    launch_s: float = 4e-6


DEVICES = {
    "l4": Device(121e12, 300e9),  # NVIDIA L4 data sheet, dense
    "h200": Device(989e12, 4.8e12),  # NVIDIA H200 data sheet, SXM, dense
}


def cost_of(device: Device, model: weights.Model) -> tuple[float, float]:
    """Seconds a + b * batch of the landmark model: launches, then arithmetic or memory."""
    graph = without_segmentation(read_graph(weights.landmarks(model)))
    operations = moved = 0.0
    for operator in graph.operators:
        size = float(np.prod(graph.shapes[operator.output]))
        moved += 2 * 2 * size  # float16, written and read once
        if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            kernel = graph.constants[operator.inputs[1]]
            operations += 2 * size * kernel.size / graph.shapes[operator.output][-1]
    each_s = max(operations / device.flops, moved / device.bytes_per_s) / EFFICIENCY
    return KERNELS * len(graph.operators) * device.launch_s, each_s


class SimulatedDevice:
    """A `Network` that sees a person in the middle of every region; the host's part is real."""

    def __init__(self, fixed_s: float, each_s: float) -> None:
        self.identity: Mapping[str, str] = {"runtime": "simulated"}
        self._fixed_s, self._each_s = fixed_s, each_s
        self._crops = DeviceCrops(torch.device("cpu"))
        self._copy_s = self._compute_s = 0.0

    def device_s(self) -> tuple[float, float]:
        """See `Network`."""
        return self._copy_s, self._compute_s

    def crop(
        self,
        frames: Sequence[Frame],
        owners: Sequence[int],
        rows: Regions,
        side: int,
        *,
        border: int,  # noqa: ARG002 - `Network`'s
    ) -> np.ndarray:
        """Fills the buffer, as for a real device."""
        begun_s = time.perf_counter()
        self._crops.fill(frames, owners, rows)
        self._copy_s += time.perf_counter() - begun_s
        return np.broadcast_to(np.uint8(0), (len(owners), side, side, 3))

    def to_host(self, crops: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return crops

    def infer_detector(self, images: np.ndarray) -> tuple[FloatArray, FloatArray]:
        """One person, upright in the middle."""
        self._compute(len(images))
        boxes = np.zeros((len(images), 2254, 12), np.float32)
        scores = np.full((len(images), 2254), -50.0, np.float32)
        boxes[:, 0, 4:8] = 112, 112, 112, 40
        scores[:, 0] = 5.0
        return boxes, scores

    def infer_landmarks(self, crops: np.ndarray) -> CropLandmarks:
        """See `Network`."""
        self._compute(len(crops))
        points = np.full((len(crops), 39, 3), 0.5, np.float32)
        points[:, 34, 1] = 0.1  # the full-body point: the next region is the same
        ones = np.ones((len(crops), 39), np.float32)
        return CropLandmarks(points, ones, ones[:, 0], np.zeros_like(points))

    def _compute(self, batch: int) -> None:
        begun_s = time.perf_counter()
        time.sleep(self._fixed_s + self._each_s * batch)
        self._compute_s += time.perf_counter() - begun_s


def decoded(clip: Path) -> Iterator[Picture]:
    """The sampled pictures of a clip."""
    with Decoder(str(clip), sample_fps=SAMPLE_FPS) as decoder:
        yield from decoder


def run(
    network: SimulatedDevice,
    streams: int,
    open_clip: Callable[[int], Iterator[Picture]],
    limit_s: float,
) -> tuple[StreamsStatus, float, float]:
    """The status after `limit_s` seconds in which there were always more segments than streams.

    And the seconds of wall and CPU time.
    """
    estimator = BlazePoseEstimator(network=network)
    worker, ended = Streams(estimator, streams), threading.Event()

    def follow(first: int) -> None:
        for number in range(first, 10**6, most_open(streams)):
            with worker.open() as stream:
                for picture in open_clip(number):
                    if ended.is_set():
                        return
                    stream.put(picture)
                stream.people()

    with ThreadPoolExecutor(most_open(streams)) as threads:
        for first in range(most_open(streams)):
            threads.submit(follow, first)
        time.sleep(limit_s / 4)  # until all streams have begun
        before, begun_s, cpu_s = worker.status(), time.perf_counter(), _cpu_s()
        time.sleep(limit_s)
        after, wall_s, cpu_s = worker.status(), time.perf_counter() - begun_s, _cpu_s() - cpu_s
        ended.set()
    names = ("steps", "stepped", "decode_s", "copy_s", "compute_s", "step_s")
    spent = {name: getattr(after, name) - getattr(before, name) for name in names}
    return StreamsStatus(after.places, after.streams, **spent), wall_s, cpu_s


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a line per device and part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=existing_file)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--device", nargs="+", choices=DEVICES, default=list(DEVICES))
    parser.add_argument("--model", choices=weights.MODELS, default="full")
    parser.add_argument("--seconds", type=float, default=30.0, help="per device and part")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"# {describe()}; {options.model}, {options.streams} streams")
    clips: list[Path] = options.clips
    kept = [list(islice(decoded(clip), 15)) for clip in clips[:8]]

    def from_memory(number: int) -> Iterator[Picture]:
        pictures = cycle(kept[number % len(kept)])
        for index in range(150 + 30 * (number % 5)):  # clips of 10 to 18 s
            yield Picture(index / SAMPLE_FPS, next(pictures).bgr, warm_up=False)

    for name in options.device:
        fixed_s, each_s = cost_of(DEVICES[name], options.model)
        full_s = fixed_s + each_s * options.streams
        print(
            f"{name}: {1e3 * fixed_s:.2f} ms + {1e3 * each_s:.3f} ms per crop, so at most "
            f"{options.streams / full_s:.0f} frames/s"
        )
        for part, source in (
            ("in memory", from_memory),
            ("decoding", lambda number: decoded(clips[number % len(clips)])),
        ):
            device = SimulatedDevice(fixed_s, each_s)
            status, wall_s, cpu_s = run(device, options.streams, source, options.seconds)
            figures = status.figures()
            print(
                f"{name} {part:9}: {status.stepped / wall_s:6.0f} frames/s, mean batch "
                f"{figures['batch'] / options.streams:.0%} of {options.streams}; device busy "
                f"{status.compute_s / wall_s:.0%}, waiting for frames {figures['decode']:.0%}, "
                f"copying {figures['copy']:.0%}, other work of the host {figures['rest']:.0%}"
            )
        need = cpu_s / max(1, status.stepped) * options.streams / full_s
        print(f"{name}: to be busy it needs {need:.0f} cores that decode such clips")


if __name__ == "__main__":
    main()
