"""One network for many threads: batches form by themselves, nobody's answer goes to another."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from repscore.models import weights
from repscore.models.blazepose.network import CropLandmarks, FloatArray, Network, OutOfMemory
from repscore.models.blazepose.network_torch import TorchNetwork
from repscore.transforms.pose.inference import BatchingNetwork


class Levels:
    """Answers every image with its first pixel; `most` images fit on the device."""

    identity: Mapping[str, str] = {"runtime": "levels"}

    def __init__(self, most: int = 1000, during: Callable[[], None] = lambda: None) -> None:
        self.most, self.during = most, during
        self.asked: list[int] = []

    def infer_detector(self, images: np.ndarray) -> tuple[FloatArray, FloatArray]:
        self._run(images)
        level = images[:, 0, 0, 0].astype(np.float32)
        return np.tile(level[:, None, None], (1, 3, 12)), np.tile(level[:, None], (1, 3))

    def infer_landmarks(self, crops: np.ndarray) -> CropLandmarks:
        self._run(crops)
        level = crops[:, 0, 0, 0].astype(np.float32)
        points = np.tile(level[:, None, None], (1, 39, 3))
        return CropLandmarks(points, points[..., 0], level, points)

    def _run(self, images: np.ndarray) -> None:
        self.asked.append(len(images))
        if len(images) > self.most:
            raise OutOfMemory(f"{len(images)} images")
        self.during()


def images(*levels: int) -> np.ndarray:
    return np.array(levels, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)


def test_every_caller_gets_the_own_answer() -> None:
    network = BatchingNetwork(Levels())

    def ask(level: int) -> tuple[list[float], list[float]]:
        found = network.infer_landmarks(images(level, level + 1))
        boxes, scores = network.infer_detector(images(level))
        assert boxes.shape == (1, 3, 12)
        return found.presence.tolist(), scores[:, 0].tolist()

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(ask, range(200)))
    assert answers == [([level, level + 1], [level]) for level in range(200)]


def test_who_waits_while_the_device_is_busy_goes_in_one_batch() -> None:
    busy, go = threading.Event(), threading.Event()

    def first_batch_takes_long() -> None:
        busy.set()
        go.wait(10)

    device = Levels(during=first_batch_takes_long)
    network = BatchingNetwork(device)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(network.infer_landmarks, images(1))
        busy.wait(10)
        others = [threads.submit(network.infer_landmarks, images(i)) for i in range(2, 10)]
        while len(network._landmarks._waiting) < 8:
            pass
        go.set()
        found = [float(future.result().presence[0]) for future in (first, *others)]
    assert found == list(range(1, 10))
    assert device.asked == [1, 8]
    assert network.status() == {"batches": 2, "crops": 9, "largest_batch": 64}


def test_a_batch_is_halved_until_it_fits_and_stays_so() -> None:
    device = Levels(most=5)
    network = BatchingNetwork(device, largest_batch=16)
    assert network.infer_landmarks(images(*range(20))).presence.tolist() == list(range(20))
    assert device.asked == [16, 8, 4, 4, 4, 4, 4]
    network.infer_landmarks(images(*range(8)))
    assert device.asked[7:] == [4, 4]
    assert network.status()["largest_batch"] == 4


def test_a_single_image_that_does_not_fit_is_its_callers_error() -> None:
    network = BatchingNetwork(Levels(most=0))
    with pytest.raises(OutOfMemory):
        network.infer_landmarks(images(1))
    with pytest.raises(OutOfMemory):
        network.infer_detector(images(1))


@pytest.mark.skipif(not weights.present("full"), reason="needs the weights: run `repscore weights`")
def test_the_torch_network_behind_it_gives_what_it_gives_alone() -> None:
    files = weights.detector(), weights.landmarks("full")
    alone: Network = TorchNetwork(*files, "cpu")
    network = BatchingNetwork(alone)
    crops = np.random.default_rng(2).integers(0, 256, (4, 1, 256, 256, 3), dtype=np.uint8)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(network.infer_landmarks, crops))
    expected = alone.infer_landmarks(crops[:, 0])
    np.testing.assert_allclose(
        np.concatenate([one.points for one in found]), expected.points, rtol=1e-3, atol=1e-3
    )
