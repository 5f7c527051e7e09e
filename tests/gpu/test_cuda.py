"""What only a GPU can show; `make test-gpu` runs it where there is one."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from field_videos import control_pictures, write

from repscore.models import weights
from repscore.models.blazepose import regions
from repscore.models.blazepose.crops_torch import DeviceCrops
from repscore.models.blazepose.graph_openvino import OpenVinoNetwork
from repscore.models.blazepose.network_torch import TorchNetwork
from repscore.models.estimator import OutOfMemory
from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.render import frames, render_clip
from repscore.pipelines.demo.scene import Camera, Look
from repscore.pipelines.query import query, rows_of
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.video.nvdec import accelerator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.weights("full"),
]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return list(frames(Motion("squat", 1), Look(), Camera(), fps=4.0))


@pytest.mark.parametrize("border", [cv2.BORDER_REPLICATE, cv2.BORDER_CONSTANT])
def test_crops_are_those_of_opencv(pictures: list[np.ndarray], border: int) -> None:
    rows = np.concatenate([regions.whole(picture) for picture in pictures])
    rows[:, 3] = np.linspace(-3, 3, len(rows))
    owners = range(len(pictures))
    found = DeviceCrops(torch.device("cuda"))(pictures, owners, rows, 256, border)
    expected = regions.crops(pictures, owners, rows, 256, border=border)
    assert np.abs(found.cpu().numpy().astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("precision", "most"), [("f32", 0.002), ("auto", 0.02)])
def test_landmarks_are_those_of_the_cpu(
    pictures: list[np.ndarray], precision: str, most: float
) -> None:
    files = weights.detector(), weights.landmarks("full")
    rows = np.concatenate([regions.whole(picture) for picture in pictures])
    crops = regions.crops(pictures, range(len(pictures)), rows, 256, border=cv2.BORDER_REPLICATE)
    expected = OpenVinoNetwork(*files, "f32").infer_landmarks(crops)
    found = TorchNetwork(*files, "cuda", precision).infer_landmarks(crops)
    assert np.quantile(np.abs(found.points - expected.points)[..., :2], 0.95) < most
    assert np.abs(found.presence - expected.presence).max() < most


def test_a_batch_without_room_is_told_from_a_fault() -> None:
    network = TorchNetwork(weights.detector(), weights.landmarks("full"), "cuda")
    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(int(0.97 * free), dtype=torch.uint8, device="cuda")
    with pytest.raises(OutOfMemory):
        network.infer_landmarks(np.zeros((1024, 256, 256, 3), np.uint8))
    del held
    torch.cuda.empty_cache()
    assert len(network.infer_landmarks(np.zeros((1, 256, 256, 3), np.uint8)).presence) == 1


def test_the_same_repetitions_as_on_the_cpu(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(8):
        render_clip(clips / f"{number}.mp4", Motion("squat", 2 + number % 3))
    counts = {}
    for device in ("cpu", "cuda"):
        output = str(tmp_path / device)
        command = [sys.executable, "-m", "repscore.pipelines", "score", str(clips), "-o", output]
        subprocess.run([*command, "--device", device], check=True)
        sql = "SELECT video_uri, count(*) FROM repetitions GROUP BY 1 ORDER BY 1"
        found = query(output, sql)
        assert found is not None
        counts[device] = list(rows_of(found))
    assert counts["cuda"] == counts["cpu"]
    assert len(counts["cpu"]) == 8


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_of_nvdec_are_those_of_the_cpu(tmp_path: Path, codec: str) -> None:
    clip = tmp_path / "clip.mp4"
    write(clip, control_pictures(), codec=codec)
    hwaccel = accelerator("nvdec", "cuda")
    with (
        Decoder(str(clip), sample_fps=10) as cpu,
        Decoder(str(clip), sample_fps=10, hwaccel=hwaccel) as gpu,
    ):
        for expected, found in zip(cpu, gpu, strict=True):
            assert found.time_s == expected.time_s
            assert np.array_equal(found.bgr, expected.bgr)
    assert gpu.shortfall is None


def test_a_compiled_model_finds_the_same_landmarks(pictures: list[np.ndarray]) -> None:
    files = weights.detector(), weights.landmarks("full")
    rows = np.concatenate([regions.whole(picture) for picture in pictures])
    crops = regions.crops(pictures, range(len(pictures)), rows, 256, border=cv2.BORDER_REPLICATE)
    expected = TorchNetwork(*files, "cuda").infer_landmarks(crops)
    compiled = TorchNetwork(*files, "cuda", compiled=True)
    for _ in range(3):  # the third replays a graph
        found = compiled.infer_landmarks(crops)
        assert np.quantile(np.abs(found.points - expected.points)[..., :2], 0.95) < 0.005
