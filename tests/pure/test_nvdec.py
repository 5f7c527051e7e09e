"""Decoding on a GPU: what can be seen without one. tests/gpu has the rest."""

import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from repscore.models.estimator import Unavailable
from repscore.transforms.video.nvdec import accelerator, planar
from repscore.transforms.video.picture import Picture

WIDTH_PX, HEIGHT_PX = 64, 48


class _Stream:
    sample_aspect_ratio = None

    class codec_context:  # noqa: N801
        sample_aspect_ratio = None


def decoded(name: str, full_range: bool) -> VideoFrame:
    """A picture of noise as a decoder on the CPU gives it."""
    deep = "10" in name
    kind = np.uint16 if deep else np.uint8
    values = np.random.default_rng(0).integers(0, 1024 if deep else 256, WIDTH_PX * HEIGHT_PX * 3)
    frame = VideoFrame(WIDTH_PX, HEIGHT_PX, name)
    for plane in frame.planes:
        size = plane.line_size * plane.height // kind().itemsize
        plane.update(values[:size].astype(kind).tobytes())
    frame.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
    return frame


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    ("cpu", "gpu"), [("yuv420p", "nv12"), ("yuvj420p", "nv12"), ("yuv420p10le", "p010le")]
)
def test_pictures_are_those_of_the_cpu_bit_by_bit(cpu: str, gpu: str, full_range: bool) -> None:
    full_range |= "j" in cpu
    frame = decoded(cpu, full_range)
    same = frame.color_range
    of_gpu = VideoReformatter().reformat(
        frame, format=gpu, src_color_range=same, dst_color_range=same
    )
    assert of_gpu.format.name == gpu
    expected, found = (Picture(_Stream()).bgr(f).copy() for f in (frame, of_gpu))  # type: ignore[arg-type]
    assert np.array_equal(found, expected)


def test_frames_of_the_cpu_stay_as_they_are() -> None:
    frame = decoded("yuv420p", False)
    assert planar(frame, VideoReformatter()) is frame


def test_the_cpu_decodes_beside_a_model_on_the_cpu() -> None:
    assert accelerator("auto", "cpu") is None
    assert accelerator("cpu", "cuda") is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what must happen without CUDA")
def test_without_a_gpu_only_auto_takes_the_cpu() -> None:
    assert accelerator("auto", "cuda") is None
    with pytest.raises(Unavailable, match="--decode cpu"):
        accelerator("nvdec", "cuda")
