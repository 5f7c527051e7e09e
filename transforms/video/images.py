"""A sequence of numbered pictures as a video: `FOLDER/frame_%d.jpg`, timed by a rate."""

import math
from collections.abc import Iterator, Sequence
from typing import Final, Self

import cv2
import numpy as np

from repscore.transforms.files import open_binary
from repscore.transforms.inputs import ProbeError
from repscore.transforms.keypoints.names import frame_files
from repscore.transforms.records import Clock, Probe
from repscore.transforms.video.container import MOST_PIXELS
from repscore.transforms.video.picture import Bgr, Frame, is_sample

_NAMED: Final = 3


class NoRate(ProbeError):
    """Pictures have no times of their own."""


def probe_images(uri: str, fps: float | None) -> tuple[Probe, Sequence[float]]:
    """What a sequence is, and the time of each picture, seconds; decodes the first alone.

    Raises ProbeError, and OSError where a file cannot be read.
    """
    if fps is None:
        raise NoRate(f"{uri}: a sequence of pictures has no times: give its rate, e.g. --fps 30")
    files = frame_files(uri)
    first = _read(files[0][1])
    if first is None:
        raise ProbeError(f"{files[0][1]}: expected a JPEG or PNG picture; obtain it again")
    height_px, width_px = first.shape[:2]
    times = [(number - files[0][0]) / fps for number, _ in files]
    missing = files[-1][0] - files[0][0] + 1 - len(files)
    return Probe(
        width_px=width_px,
        height_px=height_px,
        fps=fps,
        frames=len(files),
        duration_s=times[-1] + 1 / fps,
        rotation_deg=0,
        codec=uri.rpartition(".")[2].lower(),
        clocks=(Clock(0, None, 0.0),),
        notes=(f"{missing} numbers without a picture",) if missing else (),
    ), times


class ImageSequence:
    """The pictures of a span, sampled as `Decoder` does, which tells what the arguments mean.

    Pictures that sampling leaves out are not read. Numbers without a picture are holes in time.
    """

    clock_jumps: None = None

    def __init__(
        self,
        uri: str,
        start_s: float = 0.0,
        end_s: float = math.inf,
        *,
        fps: float,
        sample_fps: float | None = None,
        warm_up_s: float = 0.0,
    ) -> None:
        self._uri, self._fps, self._sample_fps = uri, fps, sample_fps
        self._start_s, self._end_s = start_s, end_s
        self._from_s = max(0.0, start_s - warm_up_s)
        self._size: tuple[int, int] | None = None
        self.last_time_s: float | None = None
        self.held = self.decoded = 0
        self.shortfall: str | None = None

    def __enter__(self) -> Self:
        """Raises OSError where the folder cannot be listed."""
        self._files = frame_files(self._uri)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        """The pictures of the span, after those of its warm-up."""
        lost: list[str] = []
        before_s: float | None = None
        for number, place in self._files:
            time_s = (number - self._files[0][0]) / self._fps
            if time_s >= self._end_s:
                break
            taken = is_sample(before_s, time_s, self._sample_fps)
            before_s = time_s
            if time_s < self._from_s:
                continue
            within = time_s >= self._start_s
            self.held += within
            picture = self._picture(place) if taken else None
            if taken and picture is None:
                lost += [place] * within
                continue
            self.decoded += within
            self.last_time_s = time_s
            if picture is not None:
                yield Frame(time_s, picture, warm_up=not within)
        if lost:
            names = ", ".join(place.rpartition("/")[2] for place in lost[:_NAMED])
            more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
            self.shortfall = (
                f"of {self.held} pictures of this segment {len(lost)} could not be decoded: "
                f"{names}{more}: obtain them again"
            )

    def _picture(self, place: str) -> Bgr | None:
        """A picture in the size of the first one, None where it is damaged."""
        picture = _read(place)
        if picture is None:
            return None
        if self._size is None:
            self._size = picture.shape[1], picture.shape[0]
        if picture.shape[1::-1] != self._size:
            picture = cv2.resize(picture, self._size).astype(np.uint8)
        return picture


def _read(place: str) -> Bgr | None:
    """A picture, upright, blue first; None for what is none, or of absurd size."""
    with open_binary(place) as file:
        content = np.frombuffer(file.read(), np.uint8)
    if not len(content):
        return None
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    if picture is None or picture.shape[0] * picture.shape[1] > MOST_PIXELS:
        return None
    return picture.astype(np.uint8, copy=False)
