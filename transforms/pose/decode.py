"""Decode a span of a video: exactly the sampled frames in it, wherever the video was cut."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from repscore.transforms.files import VideoFile
from repscore.transforms.plan.probe import NoDecodableFrame, truncation

_BACK_OFF_S = (0.5, 2.0, 8.0, 32.0, 128.0)
"""How far before the wanted time a seek aims, one attempt after another, before the beginning."""

_TOLERANCE_S = 1.0
_TOLERANCE_SHARE = 0.005
"""Containers announce a little more than they hold, e.g. because the sound is longer."""


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """A decoded frame.

    Attributes:
        time_s: from the container, seconds from the start of the video.
        bgr: (H, W, 3) uint8, upright, blue first as OpenCV decodes it.
        warm_up: it lies before the span and is there for the tracker alone.
    """

    time_s: float
    bgr: npt.NDArray[np.uint8]
    warm_up: bool


class Decoder:
    """The sampled frames of the span [start_s, end_s), preceded by those of its warm-up.

    At sample_fps a frame is taken if it is the first at or after a multiple of 1 / sample_fps; the
    first frame of a video is always taken. That depends on a frame and the one before it, not on
    where the span starts, so the spans of any cuts add up to the frames of one pass.

    Use it as a context manager and iterate over it once; its attributes say how far it came.

    Attributes:
        last_time_s: time of the last frame that was decoded, None before the first.
        grabbed: frames that were decoded, sampled or not, seeking included.
        shortfall: why the span is not complete, None if it is.
    """

    def __init__(
        self,
        uri: str,
        start_s: float = 0.0,
        end_s: float = math.inf,
        *,
        sample_fps: float | None = None,
        warm_up_s: float = 0.0,
    ) -> None:
        self.uri = uri
        self.start_s, self.end_s = start_s, end_s
        self.sample_fps = sample_fps
        self._from_s = max(0.0, start_s - warm_up_s)
        self.last_time_s: float | None = None
        self.grabbed = 0
        self.shortfall: str | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._video.__exit__()

    def __iter__(self) -> Iterator[Frame]:
        """Raises OSError where a remote file cannot be read to the end."""
        before_s = self._seek()
        capture = self._video.capture
        while (time_s := self._grab()) is not None:
            if time_s >= self.end_s:
                return
            taken = before_s is None or self._is_sample(before_s, time_s)
            before_s = time_s
            if taken and time_s >= self._from_s:
                decoded, bgr = capture.retrieve()
                if decoded:
                    picture = bgr.astype(np.uint8, copy=False)
                    yield Frame(time_s, picture, time_s < self.start_s)
        self._video.check()
        self.shortfall = self._missing()

    def _is_sample(self, before_s: float, time_s: float) -> bool:
        if self.sample_fps is None:
            return True
        ticks = (math.floor(t * self.sample_fps + 1e-6) for t in (before_s, time_s))
        return next(ticks) != next(ticks)

    def _open(self) -> None:
        self._video = VideoFile(self.uri, cv2.CAP_PROP_N_THREADS, 1)
        if not self._video.capture.isOpened():
            self._video.__exit__()
            self._video.check()
            raise NoDecodableFrame(f"{self.uri}: FFmpeg cannot open it")

    def _seek(self) -> float | None:
        """Time of a frame before _from_s, the one after which is next; None at the beginning.

        OpenCV turns a time into a frame number by the average rate, so with a variable rate it may
        land too late; then the next attempt aims further back.
        """
        attempts = [back_s for back_s in _BACK_OFF_S if self._from_s > back_s]
        for back_s in attempts:
            self.last_time_s = None
            self._video.capture.set(cv2.CAP_PROP_POS_MSEC, (self._from_s - back_s) * 1000)
            landed_s = self._grab()
            if landed_s is not None and landed_s < self._from_s:
                return landed_s
        if attempts:
            self._video.check()
            self._video.__exit__()
            self._open()
            self.last_time_s = None
        return None

    def _grab(self) -> float | None:
        """Time of the next frame, later than the one before; None at the end."""
        capture = self._video.capture
        while capture.grab():
            self.grabbed += 1
            time_s: float = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if self.last_time_s is None or time_s > self.last_time_s:
                self.last_time_s = time_s
                return time_s
        return None

    def _missing(self) -> str | None:
        """What is missing, now that the video ended before the span did."""
        fps = self._video.capture.get(cv2.CAP_PROP_FPS)
        frame_s = 1 / fps if fps > 0 else 0.0
        announced_s = max(0.0, self._video.capture.get(cv2.CAP_PROP_FRAME_COUNT) * frame_s)
        reached_s = 0.0 if self.last_time_s is None else self.last_time_s + frame_s
        cut = truncation(self.uri)
        short_s = min(self.end_s, announced_s) - reached_s
        if cut is None and short_s <= _TOLERANCE_S + _TOLERANCE_SHARE * announced_s:
            return None
        decoded = f"decoded {reached_s:.1f} s of {announced_s:.1f} s announced"
        return f"{decoded}; the file {cut or 'is damaged'}"
