"""The path for devices, on the CPU: crops, batches and streams against one picture at a time."""

from collections.abc import Sequence
from itertools import islice

import cv2
import numpy as np
import pytest
import torch

from repscore.models import weights
from repscore.models.blazepose import regions
from repscore.models.blazepose.crops_torch import DeviceCrops
from repscore.models.blazepose.graph_openvino import OpenVinoNetwork
from repscore.models.blazepose.network import Network
from repscore.models.blazepose.network_torch import TorchNetwork, padded
from repscore.models.blazepose.tracker import Stream, TrackerConfig, step
from repscore.models.estimator import People
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.render import frames
from repscore.pipelines.demo.scene import Camera, Look

NOISE = np.random.default_rng(7)
SIZES = ((480, 640), (97, 33), (720, 1280), (1, 1))


@pytest.mark.parametrize("side", [224, 256])
@pytest.mark.parametrize("border", [cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT])
def test_crops_of_a_device_are_those_of_opencv(border: int, side: int) -> None:
    """Turned regions of frames of unlike sizes, partly and wholly beyond them."""
    pictures = [NOISE.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    owners = [owner for owner in range(len(pictures)) for _ in range(5)]
    rows = np.array(
        [
            [NOISE.uniform(-0.3, 1.3) * width, NOISE.uniform(-0.3, 1.3) * height]
            + [NOISE.uniform(1, 900), NOISE.uniform(-4, 4)]
            for height, width in [SIZES[owner] for owner in owners]
        ]
    )
    far = np.array([[-3000.0, -3000.0, 50.0, 0.3]])
    rows = np.concatenate([rows, far, regions.whole(pictures[2])])
    owners += [0, 2]
    expected = regions.crops(pictures, owners, rows, side, border=border)
    cut = DeviceCrops(torch.device("cpu"))
    for _ in range(2):  # the second time the buffer is there
        found = cut(pictures, owners, rows, side, border)
        np.testing.assert_array_equal(found.numpy(), expected)


def test_batches_have_few_sizes() -> None:
    sizes = {len(padded(torch.ones(count, 2))) for count in range(1, 200)}
    assert sizes == {1, 2, 4, 8, 16, 32, 64, 128, 192, 256}
    assert padded(torch.ones(3, 2)).tolist() == [[1, 1]] * 3 + [[0, 0]]


def clip(number: int, count: int) -> list[np.ndarray]:
    """An athlete before a camera of its own size, who is away for a frame in every third clip."""
    camera = Camera(width_px=180 + 60 * (number % 4), height_px=320 + 40 * (number % 3))
    motion = Motion(("squat", "push_up", "jumping_jack")[number % 3], 1)
    pictures = list(islice(frames(motion, Look(), camera, fps=4.0), number % 2, count + number % 2))
    if number % 3 == 0:
        pictures[1] = np.zeros_like(pictures[1])
    return pictures


def follow(clips: Sequence[Sequence[np.ndarray]], network: Network) -> list[list[People]]:
    """People in all clips, whose frames make steps together; clips end when they end."""
    streams, seen = [Stream() for _ in clips], [list[People]() for _ in clips]
    for number in range(max(map(len, clips))):
        due = [i for i, pictures in enumerate(clips) if number < len(pictures)]
        pictures = [clips[i][number] for i in due]
        times_s = [number / 4] * len(due)
        moved, people = step([streams[i] for i in due], pictures, times_s, network, TrackerConfig())
        for i, stream, of_frame in zip(due, moved, people, strict=True):
            streams[i] = stream
            seen[i].append(of_frame)
    return seen


@pytest.mark.weights("full")
@pytest.mark.parametrize("together", [1, 7, 64])
def test_a_batch_of_streams_in_torch_sees_what_openvino_sees_one_by_one(together: int) -> None:
    """The same people; their landmarks agree but for hidden ones, where tracking amplifies the
    smallest difference: in 19 of 20 within half a percent of the picture's side, and 1 cm.
    """
    files = weights.detector(), weights.landmarks("full")
    torch_network, alone = TorchNetwork(*files, "cpu"), OpenVinoNetwork(*files, "f32")
    different = [clip(number, 2 + number % 3) for number in range(min(together, 7))]
    clips = [different[number % len(different)] for number in range(together)]
    expected = [follow([pictures], alone)[0] for pictures in different]
    apart: dict[str, list[np.ndarray]] = {"image": [], "world": [], "visibility": []}
    for number, of_clip in enumerate(follow(clips, torch_network)):
        side_px = max(clips[number][0].shape[:2])
        for ours, theirs in zip(of_clip, expected[number % len(different)], strict=True):
            assert ours.person.tolist() == theirs.person.tolist()
            apart["image"] += [(ours.image_px - theirs.image_px).ravel() / side_px]
            apart["world"] += [(ours.world_m - theirs.world_m).ravel()]
            apart["visibility"] += [(ours.visibility - theirs.visibility).ravel()]
    for name, (middle, most) in {
        "image": (0.0005, 0.005),
        "world": (0.001, 0.01),
        "visibility": (0.001, 0.01),
    }.items():
        differences = np.abs(np.concatenate(apart[name]))
        assert len(differences) >= 33 * together
        assert np.median(differences) < middle, name
        assert np.quantile(differences, 0.95) < most, name


@pytest.mark.weights("full")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch._dynamo's own
def test_the_landmark_model_is_one_graph_to_torch_compile() -> None:
    """What --compile hands to CUDA graphs; tests/gpu compiles it."""
    network = TorchNetwork(weights.detector(), weights.landmarks("full"), "cpu", compiled=True)
    assert network.identity["runtime"].endswith("cpu compiled")
    pixels = torch.from_numpy(NOISE.integers(0, 256, (2, 256, 256, 3), np.uint8)).float()
    whole = torch.compile(network._eager_landmarks_of, backend="eager", fullgraph=True)
    with torch.inference_mode():
        assert torch.equal(whole(pixels), network._eager_landmarks_of(pixels))
