"""Decoding on a GPU, by FFmpeg's CUDA decoders; PyAV's wheels contain them."""

from typing import Final, Literal

import av
import av.error
from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from repscore.models.estimator import Unavailable

Decode = Literal["auto", "cpu", "nvdec"]

_PLANAR: Final = {"nv12": "yuv420p", "p010le": "yuv420p10le", "p016le": "yuv420p16le"}
"""What NVDEC gives, and what a decoder on the CPU gives for the same video: the same values, but
FFmpeg's scaler makes other colours of them."""


def accelerator(decode: Decode, device: str) -> HWAccel | None:
    """What decodes beside a pose model on `device`; None is the CPU.

    Frames stay on the GPU until they are needed, so those that sampling leaves out are never
    copied. What NVDEC cannot decode is decoded on the CPU.

    Raises Unavailable where nvdec is asked for and cannot be had; auto takes the CPU then.
    """
    if decode == "cpu" or (decode == "auto" and device != "cuda"):
        return None
    chosen = HWAccel("cuda", allow_software_fallback=True, is_hw_owned=True)
    try:
        CodecContext.create("h264", "r", hwaccel=chosen)
    except (av.error.FFmpegError, OSError) as error:
        if decode == "auto":
            return None
        raise Unavailable(
            f"--decode nvdec was asked for, but FFmpeg has no CUDA device ({error.strerror}); "
            "use --decode cpu, or check the driver with nvidia-smi (containers need the "
            "capability `video`: NVIDIA_DRIVER_CAPABILITIES=compute,utility,video)"
        ) from error
    return chosen


def planar(frame: VideoFrame, reformatter: VideoReformatter) -> VideoFrame:
    """A frame of NVDEC as a decoder on the CPU gives it, in main memory; any other as it is."""
    target = _PLANAR.get((frame.sw_format or frame.format).name)
    if target is None:
        return frame
    same = frame.color_range  # else the scaler brings full range to a limited one
    return reformatter.reformat(
        frame, format=target, src_color_range=same, dst_color_range=same, threads=1
    )
