"""A decoded picture as people would see it: upright, square pixels, one field, ordinary range."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from repscore.transforms.video.nvdec import planar

Bgr = npt.NDArray[np.uint8]

_ASPECTS: Final = (0.25, 4.0)
"""A pixel that is more oblong is a fault of the header: anamorphic film has 2, DV 64:45."""

_SQUARE: Final = 0.01
"""Rounding the size of a picture makes its pixels less oblong than this."""

_PQ, _HLG = 16, 18  # ISO/IEC 23091-2, transfer characteristics
_WHITE_NITS: Final = 203.0
_PEAK_NITS: Final = 1000.0
"""Reference white, and the peak that is brought to full white: ITU-R BT.2408 and BT.2100."""
_KNEE: Final = 0.75
"""Share of white up to which light stays as it is (ITU-R BT.2390 has such a knee)."""
_TO_709: Final = np.array(  # from BT.2020's primaries, ITU-R BT.2087; rows and columns B, G, R
    [[1.1187, -0.1006, -0.0182], [-0.0083, 1.1329, -0.1246], [-0.0728, -0.5876, 1.6605]], np.float32
)


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """A decoded picture.

    Attributes:
        time_s: seconds from the first picture of the video.
        bgr: (H, W, 3) uint8, upright, square pixels, blue first as OpenCV has it.
        warm_up: it lies before the span and is there for the tracker alone.
    """

    time_s: float
    bgr: Bgr
    warm_up: bool


def is_sample(before_s: float | None, time_s: float, sample_fps: float | None) -> bool:
    """Whether a picture is the first at or after a multiple of 1 / sample_fps.

    Args:
        before_s: time of the picture before it, None for the first.
        sample_fps: None takes every picture.
    """
    if before_s is None or sample_fps is None:
        return True
    ticks = (math.floor(t * sample_fps + 1e-6) for t in (before_s, time_s))
    return next(ticks) != next(ticks)


def pixel_aspect(stream: VideoStream) -> float:
    """Width of a pixel in heights; 1 where the file says nothing, or nonsense."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    aspect = float(ratio) if ratio else 1.0
    usual = abs(aspect - 1) < _SQUARE or not _ASPECTS[0] <= aspect <= _ASPECTS[1]
    return 1.0 if usual else aspect


_UPRIGHT: Final = (1, 0, 0, 1)


class Picture:
    """Turns the frames of one stream into pictures of one size, that of its first frame."""

    def __init__(self, stream: VideoStream) -> None:
        self._aspect = pixel_aspect(stream)
        self._planar, self._reformatter = VideoReformatter(), VideoReformatter()
        self._size: tuple[int, int] | None = None

    def bgr(self, frame: VideoFrame) -> Bgr:
        """(H, W, 3) uint8, blue first.

        Of an interlaced frame the upper field is taken, its lines doubled by interpolation: it
        needs no neighbour, so cuts leave no trace, and nobody moves twice within one picture.
        """
        if self._size is None:
            self._size = max(1, round(frame.width * self._aspect)), frame.height
        width, height = self._size
        tone = _tone_maps().get(frame.color_trc)
        if frame.interlaced_frame:
            whole = self._array(frame, frame.width, frame.height, deep=tone is not None)
            picture = cv2.resize(whole[::2], (width, height), interpolation=cv2.INTER_LINEAR)
        else:
            picture = self._array(frame, width, height, deep=tone is not None)
        if tone is not None:
            picture = tone(picture)
        matrix = matrix_of(frame)
        turned: Bgr = picture
        if matrix != _UPRIGHT:
            turned = np.ascontiguousarray(upright(picture, matrix))
        return turned

    def _array(self, frame: VideoFrame, width: int, height: int, *, deep: bool) -> Any:
        made = self._reformatter.reformat(
            planar(frame, self._planar),
            width=width,
            height=height,
            format="bgr48le" if deep else "bgr24",
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        kind = np.dtype(np.uint16 if deep else np.uint8)
        plane: Any = made.planes[0]
        size = kind.itemsize
        strides = (plane.line_size, 3 * size, size)
        return np.ndarray((height, width, 3), kind, plane, strides=strides)  # no copy


def matrix_of(frame: VideoFrame) -> tuple[int, int, int, int]:
    """Signs (a, b, c, d) of the display matrix: x' = a x + c y, y' = b x + d y; one of each pair
    is 0. (1, 0, 0, 1) where there is none.
    """
    side_data: Any = frame.side_data
    data = next((d for d in side_data if d.type.name == "DISPLAYMATRIX"), None)
    if data is None:
        return _UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1), 0, 0, (-1 if d < 0 else 1)
    return 0, (-1 if b < 0 else 1), (-1 if c < 0 else 1), 0


def upright(picture: Any, matrix: tuple[int, int, int, int]) -> Any:
    """Turn and mirror by quarter turns, as a display matrix says."""
    a, b, c, d = matrix
    if b or c:
        picture = picture.swapaxes(0, 1)
    if a + c < 0:
        picture = picture[:, ::-1]
    if b + d < 0:
        picture = picture[::-1]
    return picture


def rotation_deg(matrix: tuple[int, int, int, int]) -> int:
    """Clockwise turn that makes a picture upright, its mirroring left aside."""
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[matrix[0], matrix[1]]


_MAPS: dict[int, Callable[[Any], Bgr]] = {}


def _tone_maps() -> dict[int, Callable[[Any], Bgr]]:
    """Transfer characteristic -> what brings its pictures, (H, W, 3) uint16, to 8 bits."""
    if not _MAPS:
        signal = np.linspace(0, 1, 1 << 12)
        for number, nits in ((_PQ, _pq_nits(signal)), (_HLG, _hlg_nits(signal))):
            light = nits / _WHITE_NITS
            above, peak = ((x - _KNEE) / (1 - _KNEE) for x in (light, _PEAK_NITS / _WHITE_NITS))
            rolled = above * (1 + above / peak**2) / (1 + above)  # Reinhard et al. 2002, eq. 4
            mapped = np.where(light < _KNEE, light, _KNEE + (1 - _KNEE) * rolled)
            _MAPS[number] = _tone_map(np.clip(mapped, 0, 1).astype(np.float32))
    return _MAPS


def _tone_map(linear: npt.NDArray[np.float32]) -> Callable[[Any], Bgr]:
    encoded = np.linspace(0, 1, 1 << 16) ** (1 / 2.4)  # what ITU-R BT.1886 shows as this light
    encoded_8 = np.round(255 * encoded).astype(np.uint8)

    def apply(deep: Any) -> Bgr:
        light = linear[deep >> 4]
        in_709 = np.clip(cv2.transform(light, _TO_709), 0, 1)
        return encoded_8[np.round(in_709 * 65535).astype(np.uint16)]

    return apply


def _pq_nits(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SMPTE ST 2084."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    nits: npt.NDArray[np.float64] = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (
        1 / m1
    )
    return nits


def _hlg_nits(signal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ITU-R BT.2100, on a display of 1,000 nits."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    nits: npt.NDArray[np.float64] = _PEAK_NITS * scene**1.2
    return nits
